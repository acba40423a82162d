package serving

import (
	"maps"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

// result returns the rows of the groups that the question selects.
func (m *merging) result() (Result, error) {
	result := Result{
		Selection: m.Selection, Generation: m.Generation, Program: m.Program, From: m.at.from, To: m.at.to,
		Horizon: horizonOf(m.Generation), Read: m.read,
	}
	if m.hasHalves() {
		m.all.Merge(m.batch)
		m.all.Merge(m.speed)
	}
	if len(m.rows) > 0 {
		m.endWhole(&result)
	}
	m.nameGroups(&result)
	for _, of := range m.choose(&result) {
		rows, err := m.rowsOf(of)
		if err != nil {
			return Result{}, err
		}
		if result.Rows = append(result.Rows, rows...); m.Fill && m.MaxRows > 0 && len(result.Rows) > m.MaxRows {
			return Result{}, m.tooManyFilled()
		}
		if !m.Whole {
			m.end(&result, rows)
		}
		if m.Total {
			result.Total = m.total(result, of)
		}
	}
	return result, nil
}

// nameGroups says which key, or which groups, the rows are those of.
func (m *merging) nameGroups(r *Result) {
	if m.isOfOneKey && m.named != nil {
		r.Key = m.named[0].Values
	}
	if m.isOfOneKey && m.By == nil {
		return
	}
	r.Groups = &Groups{By: []view.KeyField{}, Subset: m.subset, Keys: m.keys}
	for _, at := range m.by {
		r.Groups.By = append(r.Groups.By, m.Program.Definition.Fields(m.subset)[at])
	}
}

// end moves the ends of a result that were not selected, so that it has the rows of a group.
func (m *merging) end(r *Result, rows []Row) {
	if len(rows) == 0 {
		return
	}
	if start := &rows[0].Start; m.at.from == nil && (r.From == nil || start.Before(*r.From)) {
		r.From = start
	}
	if end := &rows[len(rows)-1].End; m.at.to == nil && (r.To == nil || end.After(*r.To)) {
		r.To = end
	}
}

// endWhole sets where rows of the whole range begin and end: as selected, or else where all windows with events do.
func (m *merging) endWhole(r *Result) {
	if !m.Whole {
		return
	}
	if r.From == nil {
		start := m.Program.Start(m.first)
		r.From = &start
	}
	if r.To == nil {
		end := m.Program.End(m.last)
		r.To = &end
	}
	for i := range m.rows {
		m.rows[i].piece = piece{*r.From, *r.To}
	}
}

// choose returns the groups with rows that the question selects, in order. It sets the cursor of those that follow.
func (m *merging) choose(r *Result) []*group {
	var all []*group
	for _, of := range m.groups {
		if len(of.rows) == 0 && !m.isOfOneKey {
			continue
		}
		if m.order.byValue {
			of.value = m.valueOf(of)
		}
		all = append(all, of)
	}
	slices.SortFunc(all, func(a, b *group) int { return m.order.compare(a.place, b.place) })
	if m.isPaged() {
		return all
	}
	if last := m.from.last(); last != nil {
		after := place{value: m.from.Value, key: *last}
		all = slices.DeleteFunc(all, func(of *group) bool { return m.order.compare(of.place, after) <= 0 })
	}
	if m.Limit > 0 && len(all) > m.Limit {
		all = all[:m.Limit]
		last := all[len(all)-1]
		r.Groups.Next = m.next(m.Generation.ID, last.key, last.value)
	}
	return all
}

// valueOf returns the number by which a group is ordered.
func (m *merging) valueOf(of *group) string {
	states, at := m.whole, view.Window(0)
	if m.Whole {
		states, at = m.all, view.Window(of.rows[0])
		m.measure(of.rows[0])
	} else {
		m.merge(of)
	}
	return string(states.AppendReading(nil, m.order.aggregate, at, m.order.reading))
}

// merge sets whole to the states of all rows of a group.
func (m *merging) merge(of *group) {
	m.whole.Reset()
	m.whole.Add(0) // empty states, if there are no rows
	for _, at := range slices.Sorted(maps.Keys(of.rows)) {
		m.whole.MergeInto(0, m.all, view.Window(of.rows[at]))
	}
}

// total returns the row of all windows of a group. It begins and ends where the answer does.
func (m *merging) total(of Result, group *group) *Row {
	var whole mergedRow
	for _, number := range group.rows {
		whole.hasSpeed = whole.hasSpeed || m.rows[number].hasSpeed
		whole.ahead = max(whole.ahead, m.rows[number].ahead)
	}
	m.merge(group)
	total := Row{States: statesOf(m.whole, 0)}
	if of.To != nil {
		whole.end = *of.To
		total.Exact = whole.ahead == 0 && m.isExact(whole, m.cutsAWindow())
	}
	if of.From != nil && of.To != nil {
		m.whole.SetSeconds(0, secondsOf(*of.From, *of.To))
	}
	if m.at.from != nil {
		total.Start = *m.at.from
	}
	if m.at.to != nil {
		total.End = *m.at.to
	}
	return &total
}

// rowsOf returns the rows of a group in order of time.
func (m *merging) rowsOf(of *group) ([]Row, error) {
	numbers := make([]int, 0, len(of.rows))
	for _, at := range slices.Sorted(maps.Keys(of.rows)) {
		numbers = append(numbers, of.rows[at])
	}
	if m.Fill {
		var err error
		if numbers, err = m.filled(of, numbers); err != nil {
			return nil, err
		}
	}
	rows := make([]Row, len(numbers))
	for i, number := range numbers {
		rows[i] = m.row(number)
		if !m.isOfOneKey || m.By != nil {
			rows[i].Key = of.values
		}
	}
	return rows, nil
}

// filled adds rows of empty states between those with numbers, and up to the ends of the range.
func (m *merging) filled(of *group, numbers []int) (all []int, err error) {
	pieces := make([]piece, len(numbers))
	for i, number := range numbers {
		pieces[i] = m.rows[number].piece
	}
	if pieces, err = m.fill(m.at, pieces); err != nil {
		return nil, err
	}
	for _, p := range pieces {
		if len(numbers) > 0 && m.rows[numbers[0]].piece == p {
			all, numbers = append(all, numbers[0]), numbers[1:]
			continue
		}
		all = append(all, len(m.rows))
		m.all.Add(view.Window(len(m.rows)))
		m.rows = append(m.rows, mergedRow{piece: p})
	}
	return all, nil
}

// row returns a row of the answer.
func (m *merging) row(number int) Row {
	m.measure(number)
	of, w := m.rows[number], view.Window(number)
	cut := m.at.cuts(of.piece)
	if m.Whole {
		cut = m.cutsAWindow()
	}
	row := Row{Start: of.start, End: of.end, States: statesOf(m.all, w), Exact: m.isExact(of, cut)}
	if m.hasHalves() {
		row.Batch, row.Speed = statesOf(m.batch, w), statesOf(m.speed, w)
	}
	if m.rowsAreWindows() && of.ahead != 0 {
		row.Horizon = of.ahead.Start()
	}
	return row
}

// isExact reports whether a row is exact. cut says that the selected range cuts it: then it is not.
//
// A row is exact when it has ended by the horizon that was read with the pointer, no speed item took part in it, and no
// part of it is ahead of that horizon: then it is the fold of the distinct events that arrived before that one horizon.
// A row without windows is exact by the same rule. Rows exact as of different horizons do not add up to an exact one.
// A row that is one window of one key has one part, so it may be exact as of a horizon of its own.
func (m *merging) isExact(of mergedRow, cut bool) bool {
	horizon := m.Generation.Horizon
	if of.ahead != 0 {
		if !m.rowsAreWindows() {
			return false
		}
		horizon = of.ahead
	}
	return !of.hasSpeed && !cut && m.hasEnded(of.end, horizon)
}

// rowsAreWindows reports whether each row is one window of one key.
func (m *merging) rowsAreWindows() bool { return m.isOfOneKey && !m.at.step.Step.Exists() }

// cutsAWindow reports whether an end of the selected range lies inside a window.
func (m *merging) cutsAWindow() bool { return m.cutsWindow(m.at.from) || m.cutsWindow(m.at.to) }

// measure says how long a row is, where it is no window. Rates are per second of it.
func (m *merging) measure(number int) {
	if !m.Whole && !m.at.step.Step.Exists() {
		return
	}
	seconds := secondsOf(m.rows[number].start, m.rows[number].end)
	for _, half := range []*view.Windows{m.all, m.batch, m.speed} {
		half.SetSeconds(view.Window(number), seconds)
	}
}

// secondsOf returns the whole seconds from start to end. Time.Sub stops at 292 years, and a range may be longer.
func secondsOf(start, end time.Time) int64 { return end.Unix() - start.Unix() }
