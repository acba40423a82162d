package serving

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Skip is what a view could not use at one place for one reason, in some windows, under any key.
type Skip struct {
	view.Skip
	Since        time.Time // start of the first of the windows
	Batch, Speed int64     // events counted in base items and in speed items; their sum is Events
	Exact        bool      // as for a total: all the windows are exact as of the horizon
}

// Skipped returns the reader of what the view could not use. It reads under the one key view.SkippedKey, so a selection
// for it names no key field.
func (r Reader) Skipped() Reader {
	r.Program = r.Program.Skipped
	return r
}

// Skips returns what the states say that the view could not use. They must come from a Reader.Skipped.
func (s States) Skips() []view.Skip {
	if !s.Exist() {
		return nil
	}
	return s.windows.Skips(s.window)
}

// skips adds up the rows of a Reader.Skipped: one Skip per place and reason, in this order.
func (r Reader) skips(selected Result) []Skip {
	var all []Skip
	for _, one := range selected.Total.States.Skips() {
		all = append(all, Skip{Skip: one, Exact: selected.Total.Exact})
	}
	find := func(one view.Skip) *Skip {
		at := slices.IndexFunc(all, func(s Skip) bool { return s.Place == one.Place && s.Reason == one.Reason })
		return &all[at] // the total has what a row has
	}
	for _, row := range selected.Rows {
		for _, one := range row.States.Skips() {
			if s := find(one); s.Since.IsZero() {
				s.Since = row.Start
			}
		}
		for _, one := range row.Batch.Skips() {
			find(one).Batch += one.Events
		}
		for _, one := range row.Speed.Skips() {
			find(one).Speed += one.Events
		}
	}
	return all
}

// skipped is what a view could not use in the windows that start in [from, to).
type skipped struct {
	from, to time.Time // no other window was read
	cut      bool      // the selection names an end beyond from or to, so it names windows that were not read
	all      []Skip
	rows     []Row // of Reader.Skipped
}

// in returns what the view could not use in the windows that start in [start, end), by place and reason.
func (s skipped) in(start, end time.Time) []view.Skip {
	at, _ := slices.BinarySearchFunc(s.rows, start, func(r Row, start time.Time) int { return r.Start.Compare(start) })
	var all []view.Skip
	for _, row := range s.rows[at:] {
		if !row.Start.Before(end) {
			break
		}
		for _, one := range row.States.Skips() {
			same := func(s view.Skip) bool { return s.Place == one.Place && s.Reason == one.Reason }
			if i := slices.IndexFunc(all, same); i >= 0 {
				all[i].Events += one.Events
			} else {
				all = append(all, one)
			}
		}
	}
	return all
}

// setSkips sets what the view could not use in the windows of each row. Rows of several groups may share their windows.
func (s skipped) setSkips(rows []Row) {
	for i := range rows {
		row := &rows[i]
		if i > 0 && row.Start.Equal(rows[i-1].Start) && row.End.Equal(rows[i-1].End) {
			row.Skips = rows[i-1].Skips
			continue
		}
		row.Skips = s.in(row.Start, row.End)
	}
}

// readSkipped reads what the view could not use in the windows that start in [from, to). It reads MaxRows windows at
// most, since a view may skip something in every window, while a key has few rows. They are the latest ones, a tenth
// of them after now, since events come from the future where clocks are wrong. If the range begins later than those,
// they are the first ones of the range.
func (s *Serving) readSkipped(ctx context.Context, r Reader, from, to *time.Time) (skipped, error) {
	r = r.Skipped()
	p, most := r.Program, view.Window(s.MaxRows)
	end := p.FirstWindowFrom(s.Now()) + most/10
	if to != nil {
		end = min(end, p.FirstWindowFrom(*to))
	}
	of := skipped{from: p.Start(end - most)}
	switch {
	case from == nil:
	case from.After(of.from):
		of.from = from.UTC()
	default:
		of.cut = p.FirstWindowFrom(*from) < end-most
	}
	of.to = p.Start(p.FirstWindowFrom(of.from) + most)
	switch {
	case to == nil:
	case to.Before(of.to):
		of.to = to.UTC()
	default:
		of.cut = of.cut || p.FirstWindowFrom(of.to) < p.FirstWindowFrom(*to)
	}
	if !of.from.Before(of.to) {
		return of, nil
	}
	first, until := p.Start(p.FirstWindowFrom(of.from)), p.Start(p.FirstWindowFrom(of.to)) // whole windows
	if !first.Before(until) {
		return of, nil
	}
	selected, err := r.Read(ctx, Selection{View: p.Definition.Name, From: &first, To: &until, Total: true})
	if err != nil {
		return of, fmt.Errorf("skipped events: %w", err)
	}
	if to == nil || of.to.Before(*to) {
		// The end is ours, so only windows with skipped events say whether these are exact.
		inexact := func(row Row) bool { return !row.Exact || !row.Horizon.IsZero() }
		selected.Total.Exact = !slices.ContainsFunc(selected.Rows, inexact)
	}
	of.all, of.rows = r.skips(selected), selected.Rows
	return of, nil
}

// SkippedDays is the number of days, back from now, for whose windows a Description says what was skipped.
const SkippedDays = 7

// skippedLately reads what a generation could not use in the windows of the last days.
func (s *Serving) skippedLately(ctx context.Context, r Reader, g lifecycle.Generation) (skipped, error) {
	from := s.Now().UTC().AddDate(0, 0, -SkippedDays)
	if !g.Answers() {
		return skipped{from: from}, nil
	}
	return s.readSkipped(ctx, r, &from, nil)
}

// shownSkips drops from all the skips of aggregates that an answer does not show.
func shownSkips(all []Skip, shown []Value) []Skip {
	return slices.DeleteFunc(all, func(s Skip) bool {
		isShown := func(v Value) bool { return v.Aggregate == s.Place.Index }
		return s.Place.Part == view.AggregatePart && !slices.ContainsFunc(shown, isShown)
	})
}

// warningsOfSkipped say what rows lack because the view could not use it. list is what the reader knows the list of
// skipped events by.
func (r Result) warningsOfSkipped(list string, shown []Value) []string {
	var all []string
	var lost int64
	var places []string
	for _, s := range r.Skipped {
		if s.Place.Part == view.AggregatePart {
			continue
		}
		lost += s.Events
		place := fmt.Sprintf("%s (%s)", s.Name, s.Reason)
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	if lost > 0 {
		all = append(all, fmt.Sprintf("the view could not use %s of these windows, which are in no row of any key: "+
			"%s; see %s", events(lost), strings.Join(places, ", "), list))
	}
	var short []string
	for _, value := range shown {
		var n int64
		for _, row := range r.Rows {
			n += row.States.Skipped(value.Aggregate)
		}
		if n > 0 {
			short = append(short, fmt.Sprintf("%s %s", value.Name, events(n)))
		}
	}
	if len(short) > 0 {
		all = append(all, fmt.Sprintf("events of these rows without a usable argument or condition are left out: "+
			"of %s; see %s", strings.Join(short, ", of "), list))
	}
	if r.read.leavesOut(r) {
		all = append(all, fmt.Sprintf("%s covers only the windows from %s to %s; set from and to for others", list,
			r.read.from.Format(time.RFC3339), r.read.to.Format(time.RFC3339)))
	}
	return all
}

// leavesOut reports whether skipped events were not read for a window with rows, or for one that the selection names.
func (s skipped) leavesOut(r Result) bool {
	return s.cut || !r.first.IsZero() && (r.first.Before(s.from) || !r.last.Before(s.to))
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
