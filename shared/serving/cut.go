package serving

import (
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/calendar"
)

// warningsOfCuts say which windows the ends of the selected range cut. An answer has whole windows only: a window that
// begins before the range is left out, and one that begins in it is there as a whole.
func warningsOfCuts(r Result) []string {
	all := []string{}
	if start, from, cut := r.cutWindow(r.Selection.From); cut {
		all = append(all, fmt.Sprintf(
			"from=%s cuts the window that begins at %s: it is left out, since it begins before the range",
			r.timeOf(from), r.timeOf(start),
		))
	}
	from := r.Selection.From
	if start, to, cut := r.cutWindow(r.Selection.To); cut && (from == nil || !start.Before(*from)) {
		all = append(all, fmt.Sprintf(
			"to=%s cuts the window that begins at %s: all of it is in the answer, since it begins in the range",
			r.timeOf(to), r.timeOf(start),
		))
	}
	return append(all, warningsOfSteps(r)...)
}

// warningsOfSteps say which steps the ends of the selected range cut.
func warningsOfSteps(r Result) (all []string) {
	steps := calendar.Steps{Step: r.Selection.Step, Zone: r.Selection.zone()}
	if !steps.Step.Exists() {
		return nil
	}
	const cut = "%s=%s cuts the step of %s that begins at %s: its row has only the windows that begin in the range, " +
		"and is not exact"
	if from := r.Selection.From; from != nil {
		first, _ := r.Program.Calendar()
		of := pieceAt(r.Program, steps, r.Program.Start(max(first, r.Program.FirstWindowFrom(*from))))
		if of.start.Before(*from) {
			all = append(all, fmt.Sprintf(cut, "from", r.timeOf(*from), steps.Step, r.timeOf(of.start)))
		}
	}
	if to := r.Selection.To; to != nil {
		_, last := r.Program.Calendar()
		of := pieceAt(r.Program, steps, r.Program.Start(min(last, r.Program.FirstWindowFrom(*to)-1)))
		if of.end.After(*to) {
			all = append(all, fmt.Sprintf(cut, "to", r.timeOf(*to), steps.Step, r.timeOf(of.start)))
		}
	}
	return all
}

// cutWindow returns the start of the window that an end of the range cuts. A window that begins before the year 0 has
// no row, so no end cuts it.
func (r Result) cutWindow(end *time.Time) (start, at time.Time, cut bool) {
	if end == nil {
		return start, at, false
	}
	next := r.Program.FirstWindowFrom(*end)
	start = r.Program.Start(next - 1)
	return start, end.UTC(), !r.Program.Start(next).Equal(*end) && start.Year() >= 0
}

// timeOf writes an instant in the zone of the selection.
func (r Result) timeOf(t time.Time) string { return calendar.FormatTime(t, r.Selection.zone()) }

func rfc3339(t time.Time) string { return t.Format(time.RFC3339Nano) }
