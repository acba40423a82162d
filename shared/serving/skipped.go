package serving

import (
	"context"
	"errors"
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

// skipped is what a view could not use in the windows that start in [from, to); a zero end is open.
type skipped struct {
	from, to time.Time
	cut      bool // from and to are not those of the selection: only some of its windows were read
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

// setSkips sets what the view could not use in the windows of each row. Rows of several groups share their windows:
// what was skipped in them is added up once.
func (s skipped) setSkips(rows []Row) {
	type span struct{ start, end int64 } // Unix milliseconds
	added := map[span][]view.Skip{}
	for i := range rows {
		row := &rows[i]
		of := span{row.Start.UnixMilli(), row.End.UnixMilli()}
		skips, known := added[of]
		if !known {
			skips = s.in(row.Start, row.End)
			added[of] = skips
		}
		row.Skips = skips
	}
}

// readSkipped reads what the view could not use in the windows that start in [from, to). It reads MaxRows windows with
// skipped events at most, since a view may skip something in every window, while a key has few rows. Where there are
// more, it reads only some windows of the range: see mostSkipped.
func (s *Serving) readSkipped(ctx context.Context, r Reader, from, to *time.Time) (skipped, error) {
	r = r.Skipped()
	bounded := r
	bounded.MaxRows = max(1, s.MaxRows/mostMerged) // of a question of one key, mostMerged times as many are merged
	of, err := bounded.readSkips(ctx, from, to)
	if errors.Is(err, ErrTooManyWindows) {
		first, until := s.mostSkipped(r.Program, from, to)
		of, err = r.readSkips(ctx, &first, &until)
		of.cut = true
		if to == nil || until.Before(*to) {
			of.setExact()
		}
	}
	return of, err
}

// setExact says that what was skipped is exact if all windows with skipped events are. The end is not the selection's,
// so windows without skipped events up to the end need not be over.
func (s skipped) setExact() {
	inexact := func(row Row) bool { return !row.Exact || !row.Horizon.IsZero() }
	for i := range s.all {
		s.all[i].Exact = !slices.ContainsFunc(s.rows, inexact)
	}
}

// readSkips reads a Reader.Skipped in the whole windows that start in [from, to).
func (r Reader) readSkips(ctx context.Context, from, to *time.Time) (skipped, error) {
	selection := Selection{View: r.Program.Definition.Name, Total: true}
	var of skipped
	if from != nil {
		of.from = from.UTC()
		first := r.Program.Start(r.Program.FirstWindowFrom(*from))
		selection.From = &first
	}
	if to != nil {
		of.to = to.UTC()
		until := r.Program.Start(r.Program.FirstWindowFrom(*to))
		selection.To = &until
	}
	if from != nil && to != nil && !selection.From.Before(*selection.To) {
		return of, nil
	}
	selected, err := r.Read(ctx, selection)
	if err != nil {
		return of, fmt.Errorf("skipped events: %w", err)
	}
	of.all, of.rows = r.skips(selected), selected.Rows
	return of, nil
}

// mostSkipped returns MaxRows windows of a range: the latest ones, a tenth of them after now, since events come from
// the future where clocks are wrong. If the range begins later than those, they are the first ones of the range.
func (s *Serving) mostSkipped(p *view.Program, from, to *time.Time) (first, until time.Time) {
	most := view.Window(s.MaxRows)
	end := p.FirstWindowFrom(s.Now()) + most/10
	if to != nil {
		end = min(end, p.FirstWindowFrom(*to))
	}
	begin := end - most
	if from != nil {
		begin = max(begin, p.FirstWindowFrom(*from))
	}
	end = begin + most
	if to != nil {
		end = min(end, p.FirstWindowFrom(*to))
	}
	return p.Start(begin), p.Start(end)
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
	if r.read.cut {
		all = append(all, fmt.Sprintf("%s covers only the windows from %s to %s, since the view skipped events in more "+
			"windows than one answer reads; set from and to for others", list,
			r.read.from.Format(time.RFC3339), r.read.to.Format(time.RFC3339)))
	}
	return all
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
