package serving

import (
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// piece is the time of one row: a window, or a step. It is half-open.
type piece struct{ start, end time.Time }

// pieceAt returns the piece that holds the start of a window.
func pieceAt(p *view.Program, steps calendar.Steps, t time.Time) piece {
	if !steps.Step.Exists() {
		w := p.FirstWindowFrom(t)
		return piece{start: p.Start(w), end: p.End(w)}
	}
	// RFC 3339 has only the years 0000 to 9999. A step that goes beyond begins or ends where the view's windows do.
	start, end := steps.At(t)
	first, last := p.Calendar()
	if begin := p.Start(first); start.Before(begin) && !t.Before(begin) {
		start = begin
	}
	if until := p.End(last); end.After(until) && t.Before(until) {
		end = until
	}
	return piece{start: start, end: end}
}

func (r Reader) pieceAt(at span, t time.Time) piece { return pieceAt(r.Program, at.step, t) }

// fill adds pieces between those with windows, and up to the ends of the span.
//
// Errors: *ParameterError, where a step begins inside a window: its states cannot be divided. ErrTooManyWindows, where
// there would be more than MaxRows.
func (r Reader) fill(at span, with []piece) ([]piece, error) {
	from, to, ok := r.ends(at, with)
	if !ok {
		return with, nil
	}
	var all []piece
	for t := from; t.Before(to); {
		p := r.pieceAt(at, t)
		if len(with) > 0 && with[0].start.Equal(p.start) {
			p, with = with[0], with[1:]
		}
		for _, end := range []time.Time{p.start, p.end} {
			if r.cutsWindow(&end) {
				return nil, r.inside(at, end)
			}
		}
		all, t = append(all, p), p.end
		if r.MaxRows > 0 && len(all) > r.MaxRows {
			return nil, r.tooManyFilled()
		}
	}
	return all, nil
}

func (r Reader) tooManyFilled() error {
	return fmt.Errorf("%w: with fill=true the selection has more than %d rows; narrow from and to, or ask for "+
		"longer steps", ErrTooManyWindows, r.MaxRows)
}

// ends returns between which instants fill adds pieces: the ends of the range, and where it is open, the first and the
// last of the pieces with windows. It returns false where there are none.
func (r Reader) ends(at span, with []piece) (from, to time.Time, ok bool) {
	n := len(with)
	if n == 0 && (at.from == nil || at.to == nil || at.first >= at.end) {
		return from, to, false
	}
	if at.from != nil {
		from = r.pieceAt(at, r.Program.Start(at.first)).start
	} else {
		from = with[0].start
	}
	if at.to != nil {
		to = r.pieceAt(at, r.Program.Start(at.end-1)).end
	} else {
		to = with[n-1].end
	}
	return from, to, true
}

// checkAsked refuses a span before anything is read: where a step at one of its ends begins inside a window, or where
// fill gives too many rows. Errors: as fill.
func (r Reader) checkAsked(at span) error {
	var asked []view.Window
	if at.from != nil {
		asked = append(asked, at.first)
	}
	if at.to != nil {
		asked = append(asked, at.end-1)
	}
	for _, w := range asked {
		p := r.pieceAt(at, r.Program.Start(w))
		for _, end := range []time.Time{p.start, p.end} {
			if r.cutsWindow(&end) {
				return r.inside(at, end)
			}
		}
	}
	if !at.fill {
		return nil
	}
	_, err := r.fill(at, nil)
	return err
}

// cuts reports whether the range cuts a step.
func (s *span) cuts(p piece) bool {
	return s.step.Step.Exists() && (s.from != nil && p.start.Before(*s.from) || s.to != nil && p.end.After(*s.to))
}

// cutsWindow reports whether an instant lies inside a window; nil does not.
func (r Reader) cutsWindow(t *time.Time) bool {
	return t != nil && !r.Program.Start(r.Program.FirstWindowFrom(*t)).Equal(*t)
}

// hasEnded reports whether a horizon of base items is at an instant, or after it.
func (r Reader) hasEnded(t time.Time, horizon slot.Slot) bool {
	return r.Generation.HasBase() && !t.After(horizon.Start())
}

// checkStep says what is wrong with a step over a program's windows, in whatever zone; empty: nothing.
func checkStep(p *view.Program, step calendar.Step) string {
	window := p.Definition.Window
	switch length := step.Length(); {
	case step.Exists() && step.Least() < window:
		return fmt.Sprintf("step=%s is shorter than the view's windows, which are %s long", step, view.WriteWindow(window))
	case length%window != 0:
		return fmt.Sprintf("step=%s is no multiple of the view's windows, which are %s long", step,
			view.WriteWindow(window))
	}
	return ""
}

// divisor returns the greatest common divisor of two lengths; b may be 0 or less.
func divisor(a, b time.Duration) time.Duration {
	for b = b.Abs(); b != 0; {
		a, b = b, a%b
	}
	return a
}

// inside returns the error for a step that begins inside a window: which one, and what would do.
func (r Reader) inside(at span, cut time.Time) error {
	w := r.Program.FirstWindowFrom(cut) - 1
	start, length := r.Program.Start(w), r.Program.Definition.Window
	fit := divisor(length, cut.Sub(start))
	_, offset := cut.In(at.step.Zone).Zone()
	_, other := cut.AddDate(0, 6, 0).In(at.step.Zone).Zone() // of the other half of the year, where the clock changes
	fit = divisor(fit, time.Duration(offset-other)*time.Second)
	remedy := fmt.Sprintf("a view with windows of %s would do", view.WriteWindow(fit))
	name := "step"
	if at.step.Zone.String() != "UTC" && length <= 24*time.Hour {
		name, remedy = "tz", remedy+", or tz=UTC"
	}
	const text = "step=%s in tz=%s begins at %s, inside the window of %s that begins at %s; %s"
	return &ParameterError{name, fmt.Sprintf(text, at.step.Step, at.step.Zone, rfc3339(cut.UTC()),
		view.WriteWindow(length), rfc3339(start), remedy)}
}
