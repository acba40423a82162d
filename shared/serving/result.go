package serving

import (
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Result is what was read: rows in order of time. A window without data has no row. Times are UTC.
type Result struct {
	Selection  Selection
	View       lifecycle.View       // as it was read, once
	Generation lifecycle.Generation // that the rows are from: one of the view's
	Program    *view.Program        // of the generation's definition
	Key        []string             // of the selection, in the order of the definition's key fields

	From, To *time.Time // as selected; else where the rows begin and end; nil without rows
	Rows     []Row
	Total    *Row // all rows as one; nil unless it was selected

	ReadAt   time.Time // when the reading was done
	Horizon  time.Time // batch has covered what arrived before; zero for a Kappa generation
	Complete time.Time // a Kappa generation has every event that arrived before; zero while not known, and for Lambda
	Warnings []string  // sentences for people: what may be missing, from when to when
}

// Row is one window, or several merged into one.
type Row struct {
	Start, End time.Time // half-open; of a total: the range selected, zero at an end that is open
	Exact      bool      // equal to the fold of the distinct events that arrived before the horizon
	Horizon    time.Time // the row's own, where a run in progress has moved it beyond the result's; else zero
	States     States    // of Batch and Speed, merged
	Batch      States    // the half that batch has; none of a total
	Speed      States    // the half that speed has; none of a total
}

// States are the states of one row, one per aggregate of the definition. The zero States belong to a half that has no
// part in the row.
type States struct {
	windows *view.Windows
	window  view.Window
}

func statesOf(of *view.Windows, w view.Window) States {
	if !of.Has(w) {
		return States{}
	}
	return States{of, w}
}

// Exist says whether there are any.
func (s States) Exist() bool { return s.windows != nil }

// AppendNumber adds to dst the number that aggregate i presents: exact, in plain decimal digits, as JSON has it; null
// for a number of nothing.
func (s States) AppendNumber(dst []byte, i int) []byte {
	return s.windows.AppendValue(dst, i, s.window)
}

// Skipped is how many events aggregate i skipped, for want of an argument.
func (s States) Skipped(i int) int64 { return s.windows.Skipped(i, s.window) }

func (r Reader) result(s Selection, at span, m merged) Result {
	result := Result{
		Selection: s, Generation: r.Generation, Program: r.Program,
		Key: at.values, From: at.from, To: at.to, Rows: r.rows(m),
	}
	if r.Generation.HasBase() {
		result.Horizon = r.Generation.Horizon.Start()
	}
	if n := len(result.Rows); n > 0 {
		if at.from == nil {
			result.From = &result.Rows[0].Start
		}
		if at.to == nil {
			result.To = &result.Rows[n-1].End
		}
	}
	if s.Total {
		result.Total = r.total(at, m, result.Rows)
	}
	return result
}

func (r Reader) rows(m merged) []Row {
	windows := m.all.Sorted()
	exact := exactAggregates(r.Program)
	rows := make([]Row, len(windows))
	for i, w := range windows {
		rows[i] = r.row(w, r.Generation.Horizon, m)
		rows[i].Exact = rows[i].Exact && exact
	}
	return rows
}

func (r Reader) row(w view.Window, horizon slot.Slot, m merged) Row {
	row := Row{
		Start: r.Program.Start(w), End: r.Program.End(w),
		States: statesOf(m.all, w), Batch: statesOf(m.batch, w), Speed: statesOf(m.speed, w),
	}
	if own := m.horizons[r.Program.PageOf(w)]; own > horizon {
		horizon = own
		row.Horizon = own.Start()
	}
	row.Exact = !m.speed.Has(w) && !row.End.After(horizon.Start())
	return row
}

func exactAggregates(p *view.Program) bool {
	for _, f := range p.Functions {
		if !f.Exact() {
			return false
		}
	}
	return true
}

// total merges all rows. It is exact when each row is, as of the result's horizon and not ahead of it, and the last
// window asked for has ended by that horizon.
func (r Reader) total(at span, m merged, rows []Row) *Row {
	horizon := r.Generation.Horizon.Start()
	total := &Row{Exact: r.Generation.HasBase() && (len(rows) > 0 || at.to != nil)}
	windows := make([]view.Window, len(rows))
	for i, row := range rows {
		windows[i] = row.States.window
		total.Exact = total.Exact && row.Exact && row.Horizon.IsZero()
	}
	if at.from != nil {
		total.Start = *at.from
	}
	if at.to != nil {
		total.End = *at.to
		total.Exact = total.Exact && !r.Program.End(at.end-1).After(horizon)
	}
	total.States = States{m.all.Total(windows), 0}
	return total
}
