package agents

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// WindowLength returns the length of a view's windows as the API writes it: PT1H30M, P1D or P1W.
//
// Error: the text is no length of a window. Not retryable.
func WindowLength(text string) (time.Duration, error) {
	switch text {
	case "P1D":
		return 24 * time.Hour, nil
	case "P1W":
		return 7 * 24 * time.Hour, nil
	}
	length, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(text, "PT")))
	if err != nil {
		return 0, fmt.Errorf("the server's window %q is not a duration; is this an Anabranch server?", text)
	}
	return length, nil
}

// cutWarning is the API's warning that a range begins inside a window. It names the start of that window.
var cutWarning = regexp.MustCompile(`^from=\S+ cuts the window that begins at (\S+): `)

// CheckStart checks that a window of this length begins at start. warnings are those of an answer whose range began
// there: the API warns when the range begins inside a window.
//
// Error: no window begins at start. It names the starts before and after it. Not retryable.
func CheckStart(start time.Time, length time.Duration, warnings []string) error {
	for _, w := range warnings {
		parts := cutWarning.FindStringSubmatch(w)
		if parts == nil {
			continue
		}
		before, err := time.Parse(time.RFC3339, parts[1])
		if err != nil {
			return fmt.Errorf("the server's warning %q names no time; is this an Anabranch server?", w)
		}
		text := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
		return fmt.Errorf("no window begins at %s; windows begin at %s and %s", text(start), text(before),
			text(before.Add(length)))
	}
	return nil
}

// RowFacts are what decides whether a row is exact. Times are those of the answer, in RFC 3339.
type RowFacts struct {
	Exact    bool
	End      string
	HasSpeed bool   // speed has a part of the row
	Horizon  string // of the row, or else of the answer; "" for a Kappa view
	Complete string // of the answer of a Kappa view; "" where it is unknown
}

// WhyExact says why a row is or is not exact.
//
// A row is exact (docs/design.md 3.6) when batch alone has it, and its window has ended by the horizon. An
// answer without a horizon is that of a Kappa view.
func WhyExact(r RowFacts) string {
	switch {
	case r.Exact:
		return fmt.Sprintf("Exact: batch has folded every event that arrived before the horizon, %s.\n"+
			"A later event of this window can still change the row.", r.Horizon)
	case r.Complete != "":
		return fmt.Sprintf("Not exact: the stream alone maintains this view. "+
			"The row has all events that arrived before %s.", r.Complete)
	case r.Horizon == "":
		return "Not exact: the stream alone maintains this view. The server does not know yet up to when the row is complete."
	case r.HasSpeed:
		return fmt.Sprintf("Not exact: speed has events that batch has not folded. The horizon is %s.", r.Horizon)
	}
	end, errEnd := time.Parse(time.RFC3339, r.End)
	until, errUntil := time.Parse(time.RFC3339, r.Horizon)
	if errEnd == nil && errUntil == nil && !end.After(until) {
		// of many keys: an item of the row's key is ahead of the answer's horizon
		return "Not exact: a run of batch is being applied to this row. Ask again in some seconds."
	}
	return fmt.Sprintf("Not exact: the window ends after the horizon, %s. Events of the window may still arrive.",
		r.Horizon)
}
