package agents

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/anabranch/anabranch/shared/calendar"
)

func explainRow() tool {
	return tool{
		name: "explain_row", title: "Explain a row",
		description: "Explains the row of one window: what batch and speed each have of it (parts), as of which horizon, " +
			"and why it is or is not exact. Where several keys match, each has a row.",
		arguments: []argument{
			viewArgument, keyArgument,
			{"window", text, true, "Start of the window, as query gives it: RFC 3339, or a date."},
			{"limit", text, false, "Of several keys: at most so many."},
			cursorArgument,
		},
		output: schemaFor[Rows](),
		run: func(c call) (reply, error) {
			m, err := calendar.ParseMoment(c.args.texts["window"])
			if err != nil {
				return reply{}, badParameter("window=%.60q %v", c.args.texts["window"], err)
			}
			d, err := c.loadView(c.args.texts["view"])
			if err != nil {
				return reply{}, err
			}
			length, err := WindowLength(d.Window)
			if err != nil {
				return reply{}, err
			}
			start := m.At(c.Now(), time.UTC).UTC()
			parameters := c.args.parameters("limit")
			parameters.Set("from", start.Format(time.RFC3339Nano))
			parameters.Set("to", start.Add(length).Format(time.RFC3339Nano))
			parameters.Set("parts", "true")
			return c.explained(start, length, parameters)
		},
	}
}

// explained asks for the rows of one window, and says of each why it is or is not exact.
func (c call) explained(start time.Time, length time.Duration, parameters url.Values) (reply, error) {
	r, err := c.rows(parameters)
	if err != nil {
		return reply{}, err
	}
	out := r.value.(*Rows)
	if err := CheckStart(start, length, out.Warnings); err != nil {
		return reply{}, badParameter("window=%.60q: %v", c.args.texts["window"], err)
	}
	for i, row := range out.Rows {
		if out.Rows[i], err = withReason(row, out.Head); err != nil {
			return reply{}, err
		}
	}
	return r, nil
}

// withReason adds why to a row.
func withReason(row Object, head Head) (Object, error) {
	var facts struct {
		Exact   bool
		End     string
		Horizon *string
		Parts   struct{ Speed json.RawMessage }
	}
	if err := json.Unmarshal(row, &facts); err != nil {
		return nil, err
	}
	if facts.Horizon == nil {
		facts.Horizon = head.Horizon
	}
	speed := string(facts.Parts.Speed)
	why := objectOf(map[string]string{"why": WhyExact(RowFacts{
		Exact: facts.Exact, End: facts.End, HasSpeed: speed != "" && speed != "null", Horizon: orEmpty(facts.Horizon),
		Complete: orEmpty(head.Complete),
	})})
	return append(append(row[:len(row)-1:len(row)-1], ','), why[1:]...), nil
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
