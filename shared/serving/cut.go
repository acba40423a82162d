package serving

import (
	"fmt"
	"time"
)

// warningsOfCuts say which windows the ends of the selected range cut. An answer has whole windows only: a window that
// begins before the range is left out, and one that begins in it is there as a whole.
func warningsOfCuts(r Result) []string {
	all := []string{}
	if start, from, cut := r.cut(r.Selection.From); cut {
		all = append(all, fmt.Sprintf(
			"from=%s cuts the window that begins at %s: it is left out, since it begins before the range",
			rfc3339(from), rfc3339(start),
		))
	}
	from := r.Selection.From
	if start, to, cut := r.cut(r.Selection.To); cut && (from == nil || !start.Before(*from)) {
		all = append(all, fmt.Sprintf(
			"to=%s cuts the window that begins at %s: all of it is in the answer, since it begins in the range",
			rfc3339(to), rfc3339(start),
		))
	}
	return all
}

// cut returns the start of the window that an end of the range cuts. A window that begins before the year 0 has no
// row, so no end cuts it.
func (r Result) cut(end *time.Time) (start, at time.Time, cut bool) {
	if end == nil {
		return start, at, false
	}
	next := r.Program.FirstWindowFrom(*end)
	start = r.Program.Start(next - 1)
	return start, end.UTC(), !r.Program.Start(next).Equal(*end) && start.Year() >= 0
}

func rfc3339(t time.Time) string { return t.Format(time.RFC3339Nano) }
