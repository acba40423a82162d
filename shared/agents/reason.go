package agents

import (
	"fmt"
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
