package serving

import (
	"maps"
	"slices"

	"github.com/anabranch/anabranch/shared/view"
)

// result returns the rows of the groups that the question selects.
func (g *grouping) result() (Result, error) {
	result := Result{
		Selection: g.Selection, Generation: g.Generation, Program: g.Program, From: g.at.from, To: g.at.to,
		Horizon: horizonOf(g.Generation), Groups: &Groups{Subset: g.subset, Keys: g.keys},
	}
	for _, at := range g.by {
		result.Groups.By = append(result.Groups.By, g.Program.Definition.Fields(g.subset)[at])
	}
	if g.rows > 0 {
		result.first, result.last = g.Program.Start(g.first), g.Program.Start(g.last)
		g.endWhole(&result)
	}
	chosen := g.choose(&result)
	for _, of := range chosen {
		rows, err := g.rowsOf(of)
		if err != nil {
			return Result{}, err
		}
		if result.Rows = append(result.Rows, rows...); g.Fill && g.MaxRows > 0 && len(result.Rows) > g.MaxRows {
			return Result{}, g.tooManyFilled()
		}
	}
	if g.Whole {
		return result, nil
	}
	for i := range result.Rows {
		row := &result.Rows[i]
		if g.at.from == nil && (result.From == nil || row.Start.Before(*result.From)) {
			result.From = &row.Start
		}
		if g.at.to == nil && (result.To == nil || row.End.After(*result.To)) {
			result.To = &row.End
		}
	}
	return result, nil
}

// endWhole sets where rows of the whole range begin and end: as selected, or else where all windows with events do.
func (g *grouping) endWhole(r *Result) {
	if !g.Whole {
		return
	}
	if r.From == nil {
		start := g.Program.Start(g.first)
		r.From = &start
	}
	if r.To == nil {
		end := g.Program.End(g.last)
		r.To = &end
	}
	for _, of := range g.groups {
		for _, row := range of.rows {
			row.start, row.end = *r.From, *r.To
		}
	}
}

// choose returns the groups with rows that the question selects, in order. It sets the cursor of those that follow.
func (g *grouping) choose(r *Result) []*group {
	var all []*group
	for _, of := range g.groups {
		if len(of.rows) == 0 {
			continue
		}
		if g.order.byValue {
			of.value = g.valueOf(of)
		}
		all = append(all, of)
	}
	slices.SortFunc(all, func(a, b *group) int { return g.order.compare(a.place, b.place) })
	if g.isPaged() {
		return all
	}
	if last := g.from.last(); last != nil {
		after := place{value: g.from.Value, key: *last}
		all = slices.DeleteFunc(all, func(of *group) bool { return g.order.compare(of.place, after) <= 0 })
	}
	if g.Limit > 0 && len(all) > g.Limit {
		all = all[:g.Limit]
		last := all[len(all)-1]
		r.Groups.Next = g.next(g.Generation.ID, last.key, last.value)
	}
	return all
}

// valueOf returns the number by which a group is ordered.
func (g *grouping) valueOf(of *group) string {
	states, at := g.totals, of.number
	if g.Whole {
		states, at = g.all, of.rows[0].number
		g.measure(of.rows[0])
	}
	return string(states.AppendReading(nil, g.order.aggregate, at, g.order.reading))
}

// rowsOf returns the rows of a group in order of time.
func (g *grouping) rowsOf(of *group) ([]Row, error) {
	pieces := make([]piece, 0, len(of.rows))
	for _, at := range slices.Sorted(maps.Keys(of.rows)) {
		pieces = append(pieces, of.rows[at].piece)
	}
	if g.Fill {
		var err error
		if pieces, err = g.fill(g.at, pieces); err != nil {
			return nil, err
		}
	}
	rows := make([]Row, len(pieces))
	for i, p := range pieces {
		row := g.rowAt(of, p)
		g.measure(row)
		ended := !g.at.cuts(p)
		if g.Whole {
			ended = !g.cutsWindow(g.at.from) && !g.cutsWindow(g.at.to)
		}
		rows[i] = Row{
			Key: of.values, Start: p.start, End: p.end, States: statesOf(g.all, row.number),
			Batch: statesOf(g.batch, row.number), Speed: statesOf(g.speed, row.number),
			Exact: ended && g.hasEnded(p.end) && !row.inexact,
		}
	}
	return rows, nil
}

// rowAt returns the row of a piece; for one that has no windows, a row of empty states.
func (g *grouping) rowAt(of *group, p piece) *groupRow {
	at := int64(0)
	switch {
	case g.Whole:
	case g.at.step.Step.Exists():
		at = p.start.UnixMilli()
	default:
		at = int64(g.Program.FirstWindowFrom(p.start))
	}
	row, ok := of.rows[at]
	if !ok {
		row = &groupRow{piece: p, at: at, number: view.Window(g.rows), measured: g.at.step.Step.Exists()}
		g.rows++
		g.all.Add(row.number)
	}
	return row
}

// measure says how long a row is. Rates are per second of it.
func (g *grouping) measure(row *groupRow) {
	if !row.measured {
		return
	}
	seconds := secondsOf(row.start, row.end)
	for _, half := range []*view.Windows{g.all, g.batch, g.speed} {
		half.SetSeconds(row.number, seconds)
	}
}
