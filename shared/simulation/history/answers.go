package history

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// What an oracle may demand of one answer, whenever its reads were made:
//
// Batch part. A row says its horizon: its own, where a run in progress has moved its base item ahead, else the
// answer's. Runs are real and frozen before any base item is written from them, so the row's batch part is the fold of
// the real runs up to that horizon, exactly: neither less nor more, at any moment and under any fault. "Distinct" is
// what the runs' manifests and design 3.5 make it, worked out in truth.take.
//
// Speed part. A position of a lane (record, line) counts when no earlier position holds its identity within the speed
// window. Which of them do is fixed when the record is put. So of the slots from the row's horizon on, the speed part
// may hold every counting position once, and no other; and it must hold those whose record speed has said to be applied
// before the query began: an item that was written stays, and speed leaves out only slots which the horizon had passed,
// where no row looks.
//
// Sum. An event that counts more than once is allowed in two cases only (design 3.5): copies further apart than the
// speed window, or a horizon between two copies. An event that was visible stays visible; how often it counts falls
// only if it was more than once.
//
// Exact. A row is exact when, and only when, its window has ended by its horizon and it has no speed part. The total is
// exact when, and only when, there are rows, each is exact, and none is ahead of the answer's horizon. It is then the
// fold of all their windows, by the same runs.
//
// The marks view makes all of this visible event by event; for the other views the batch part is held against the fold,
// and the whole answer when nothing is under way.

// look asks for one key at this very moment, beside the functions, and checks the answer.
func (h *history) look(view int, key string) {
	if h.violation != nil {
		return
	}
	h.looks++
	a, err := simulation.Query(everywhere, h.observer, parseName(view), parametersOf(view, key))
	if errors.Is(err, serving.ErrNotServing) || errors.Is(err, serving.ErrUnknownView) {
		return
	}
	if err != nil {
		h.fail(oracleQuery, "view %s, key %q: %v", viewNames[view], key, err)
		return
	}
	h.check(view, key, a, h.step, true)
}

func parseName(v int) view.Name { return view.Name(viewNames[v]) }

func parametersOf(view int, key string) map[string][]string {
	all := map[string][]string{"parts": {"true"}, "total": {"true"}}
	switch view {
	case byUser:
		all["user"] = []string{key}
	case marks:
		all["group"] = []string{key}
	}
	return all
}

// seenRow is a row of an answer as the oracle reads it.
type seenRow struct {
	start   int64
	horizon slot.Slot
	run     uint64
	row     *present.Row
	speed   [marksPerGroup]int // only of the marks view
	batch   [marksPerGroup]int
	most    [marksPerGroup]int // what the speed part may hold
	least   [marksPerGroup]int // and must
}

// check holds an answer against the truth. began is the step at which its reads began; now says that they were made at
// this very moment.
func (h *history) check(view int, key string, a present.Answer, began uint64, now bool) {
	g := h.generations[a.Generation]
	if g == nil || g.view != view {
		h.fail(oracleQuery, "view %s, key %q is answered from generation %s", viewNames[view], key, a.Generation)
		return
	}
	if g.kappa {
		h.checkKappa(g, key, a, began, now)
		return
	}
	horizon, err := parseSlot(horizonOf(a))
	if err != nil || h.runOf[horizon] == 0 {
		h.fail(oracleHorizon, "view %s, key %q: horizon %q is no run's", viewNames[view], key, horizonOf(a))
		return
	}
	rows := make([]seenRow, len(a.Data))
	for i := range a.Data {
		if rows[i], err = h.readRow(view, &a.Data[i], horizon); err != nil {
			h.fail(oracleHorizon, "view %s, key %q, row %s: %v", viewNames[view], key, a.Data[i].Start, err)
			return
		}
		if i > 0 && rows[i].start <= rows[i-1].start {
			h.fail(oracleQuery, "view %s, key %q: row %s comes after row %s", viewNames[view], key, a.Data[i].Start,
				a.Data[i-1].Start)
			return
		}
		h.checkBatch(view, key, &rows[i])
	}
	for _, start := range h.windows[rowsOf{view, key}] {
		expected := h.folds[cell{rowsOf{view, key}, start}].at(h.runOf[horizon])
		if expected.count > 0 && rowAt(rows, start) < 0 {
			h.fail(oracleBatch, "view %s, key %q, as of run %d: no row %s, which has %d events", viewNames[view], key,
				h.runOf[horizon],
				time.UnixMilli(start).UTC(), expected.count)
			return
		}
	}
	h.checkTotal(view, key, horizon, rows, a.Total)
	switch {
	case h.violation != nil:
	case view == marks:
		h.checkMarks(g, key, horizon, rows, began, now)
	default:
		h.checkSpeed(g, key, horizon, rows, began)
	}
}

// rowAt is the place of the row that begins then, -1 for none. Answers have their rows in order.
func rowAt(rows []seenRow, start int64) int {
	at, found := slices.BinarySearchFunc(rows, start, func(r seenRow, start int64) int {
		return cmp.Compare(r.start, start)
	})
	if !found {
		return -1
	}
	return at
}

// horizonOf is an answer's horizon; "" of a Kappa generation, which has none.
func horizonOf(a present.Answer) string {
	if a.Horizon == nil {
		return ""
	}
	return *a.Horizon
}

func parseSlot(text string) (slot.Slot, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	return slot.Slot(at.UnixMilli()), err
}

func (h *history) readRow(v int, row *present.Row, horizon slot.Slot) (seenRow, error) {
	start, err := time.Parse(time.RFC3339Nano, row.Start)
	if err != nil {
		return seenRow{}, err
	}
	r := seenRow{start: start.UnixMilli(), horizon: horizon, row: row}
	if row.Horizon != nil {
		if r.horizon, err = parseSlot(*row.Horizon); err != nil {
			return r, err
		}
		if r.horizon <= horizon {
			return r, fmt.Errorf("its own horizon %s is not ahead of the answer's", *row.Horizon)
		}
	}
	if r.run = h.runOf[r.horizon]; r.run == 0 {
		return r, fmt.Errorf("horizon %s is no run's", r.horizon)
	}
	if v == marks {
		if row.Parts.Batch != nil {
			r.batch, err = marksOf(*row.Parts.Batch)
		}
		if row.Parts.Speed != nil && err == nil {
			r.speed, err = marksOf(*row.Parts.Speed)
		}
	}
	return r, err
}

// marksOf reads the marks of one part, and holds their number against the count beside them.
func marksOf(o present.Object) (all [marksPerGroup]int, err error) {
	if len(o) != 2 {
		return all, fmt.Errorf("%d values, want 2", len(o))
	}
	sum, count := valueOf(o, "marks"), valueOf(o, "events")
	if all, err = digits(sum); err != nil {
		return all, err
	}
	n := 0
	for _, d := range all {
		n += d
	}
	if strconv.Itoa(n) != count {
		return all, fmt.Errorf("%s events with the marks %s", count, sum)
	}
	return all, nil
}

func valueOf(o present.Object, name string) string {
	for _, m := range o {
		if m.Name == name {
			return string(m.Value)
		}
	}
	return ""
}

// checkBatch holds a row's batch part, and its being exact, against the runs.
func (h *history) checkBatch(view int, key string, r *seenRow) {
	expected := h.folds[cell{rowsOf{view, key}, r.start}].at(r.run)
	switch batch := r.row.Parts.Batch; {
	case batch == nil && expected.count > 0, batch != nil && !expected.is(view, *batch):
		h.fail(oracleBatch, "view %s, key %q, row %s, as of run %d: %s, want %s", viewNames[view], key, r.row.Start, r.run,
			show(batch), expected.show(view))
	}
	ended := r.start+viewWindows[view].Milliseconds() <= int64(r.horizon)
	if exact := ended && r.row.Parts.Speed == nil; exact != r.row.Exact {
		h.fail(oracleExact, "view %s, key %q, row %s, horizon %s: exact is %v", viewNames[view], key, r.row.Start, r.horizon,
			r.row.Exact)
	}
	if r.row.Exact && !expected.is(view, r.row.Values) {
		h.fail(oracleExact, "view %s, key %q, row %s, as of run %d: %s is marked exact, want %s", viewNames[view], key,
			r.row.Start, r.run,
			show(&r.row.Values), expected.show(view))
	}
}

// checkTotal holds a total, and its being exact, against the rows, and one that is exact against the runs.
func (h *history) checkTotal(view int, key string, horizon slot.Slot, rows []seenRow, total *present.Total) {
	var expected state
	exact, n := len(rows) > 0, int64(0)
	for _, r := range rows {
		exact = exact && r.row.Exact && r.horizon == horizon
		expected = expected.merge(h.folds[cell{rowsOf{view, key}, r.start}].at(h.runOf[horizon]))
		n += countOf(view, r.row.Values)
	}
	if got := countOf(view, total.Values); got != n {
		h.fail(oracleQuery, "view %s, key %q: the total has %d events, the rows have %d", viewNames[view], key, got, n)
	}
	if exact != total.Exact || exact && !expected.is(view, total.Values) {
		h.fail(oracleExact, "view %s, key %q, as of run %d: the total %s, exact %v; want exact %v and then %s",
			viewNames[view],
			key, h.runOf[horizon], show(&total.Values), total.Exact, exact, expected.show(view))
	}
}

// countOf is the number of events of a row, or of a total; -1 of one that has none.
func countOf(view int, values present.Object) int64 {
	n, err := strconv.ParseInt(valueOf(values, counts[view]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func show(o *present.Object) string {
	if o == nil {
		return "nothing"
	}
	text, err := o.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// checkSpeed holds the speed parts of the rows of a view that does not tell events apart against the lanes: the number
// of events lies between what must and what may be there; where the two are the same, nothing is under way, and the
// part is the fold of them.
func (h *history) checkSpeed(g *generation, key string, horizon slot.Slot, rows []seenRow, began uint64) {
	view := g.view
	for _, start := range h.windows[rowsOf{view, key}] {
		at := rowAt(rows, start)
		from := horizon
		var part *present.Object
		if at >= 0 {
			from, part = rows[at].horizon, rows[at].row.Parts.Speed
		}
		var all state
		least := int64(0)
		odd := false // an event without a time, or with another payload, may stand in other rows, whose pages are ahead
		for _, p := range h.counting[cell{rowsOf{view, key}, start}] {
			if p.object.slot < from {
				continue
			}
			p.each(func(c cell, amount *big.Int) {
				if c.rowsOf == (rowsOf{view, key}) {
					all = all.add(amount)
				}
			})
			odd = odd || p.sample().at == timeless || len(p.variants) > 1
			if p.record.done != 0 && p.record.done <= began && p.object.slot >= g.live {
				least++
			}
		}
		if at < 0 && odd {
			continue
		}
		n := int64(0)
		if part != nil {
			var err error
			if n, err = strconv.ParseInt(valueOf(*part, counts[view]), 10, 64); err != nil {
				h.fail(oracleSpeed, "view %s, key %q: %v", viewNames[view], key, err)
			}
		}
		if n < least || n > all.count || n == all.count && n > 0 && !all.is(view, *part) {
			h.fail(oracleSpeed, "view %s, key %q, row %s: speed part %s from %s on, want %d to %d events, all of them %s",
				viewNames[view], key,
				time.UnixMilli(start).UTC().Format(time.RFC3339), show(part), from, least, all.count, all.show(view))
			return
		}
	}
}

// counts are the names of the views' numbers of events.
var counts = [views]string{"purchases", "events", "events"}

// checkMarks holds each event of a group against its positions and copies.
func (h *history) checkMarks(g *generation, key string, horizon slot.Slot, rows []seenRow, began uint64, now bool) {
	all, first := h.groupOf(key)
	for place, e := range all {
		h.expect(g, e, place, horizon, rows, began)
	}
	for i := range rows {
		r := &rows[i]
		for place, n := range r.speed {
			if n < r.least[place] || n > r.most[place] {
				h.fail(oracleSpeed, "event %d in row %s: the speed part counts it %d times from %s on, want %d to %d", first+place,
					r.row.Start, n, r.horizon,
					r.least[place], r.most[place])
				return
			}
		}
	}
	for place, e := range all {
		n := 0
		low, high := horizon, horizon
		for i := range rows {
			n += rows[i].batch[place] + rows[i].speed[place]
			high = max(high, rows[i].horizon)
		}
		if n > 1 && !h.mayCountTwice(e, low, high) {
			h.fail(oracleTwice, "event %d counts %d times, horizons %s to %s", e.n, n, low, high)
		}
		h.checkCount(g, e, n, began, now)
	}
}

// groupOf are the events of a group, and the number of the first.
func (h *history) groupOf(key string) (all []*identity, first int) {
	group, err := strconv.Atoi(key[1:])
	if err != nil {
		h.fail(oracleQuery, "group %q: %v", key, err)
		return nil, 0
	}
	first = group * marksPerGroup
	return h.identities[min(first, len(h.identities)):min(first+marksPerGroup, len(h.identities))], first
}

// expect works out what the speed parts of the rows may and must hold of an event.
func (h *history) expect(g *generation, e *identity, place int, horizon slot.Slot, rows []seenRow, began uint64) {
	for _, p := range e.positions {
		if !p.counts {
			continue
		}
		done := p.record.done != 0 && p.record.done <= began
		at := rowAt(rows, startOf(marks, p.time()))
		if at < 0 {
			// Where there is no row, its page may be ahead of the answer all the same; then a copy of the event stands in
			// another window, which only an event without a time of its own has.
			if done && p.object.slot >= max(horizon, g.live) && p.sample().at != timeless {
				h.fail(oracleSpeed, "event %d: no row, though record %s is applied and its slot %s not below %s", e.n,
					p.record.sequence, p.object.slot, horizon)
			}
			continue
		}
		if r := &rows[at]; p.object.slot >= r.horizon {
			r.most[place]++
			if done && p.object.slot >= g.live {
				r.least[place]++
			}
		}
	}
}

// checkCount holds how often an event counts against how often it did before.
//
// Before: in answers of the same generation, and of others that have served and are made of the same set of speed
// items, as those of one Lambda definition are. Of another set an answer demands what expect and checkKappa do, and no
// more: what speed has applied to all of its sets, and what batch or replay has brought. An event that speed has
// brought into one set and not yet into another one may be gone for as long as that takes when the pointer moves at
// that moment. And before a view has ever served, a generation that is given up may have been ahead of the one that
// answers in its place.
func (h *history) checkCount(g *generation, e *identity, n int, began uint64, now bool) {
	if n > 1 {
		h.count(CountedTwice)
	}
	if now && n == 0 && e.shown > 0 {
		h.count(GoneAtSwitch)
	}
	in := []lifecycle.Set{lifecycle.OfGeneration(g.id)}
	if g.served && !g.kappa {
		in = append(in, g.set)
	}
	for _, set := range in {
		before := e.shownIn(set)
		switch {
		case !now:
			if n == 0 && before.at != 0 && before.at <= began {
				h.fail(oracleBack, "event %d was visible before the query began, and is not in its answer", e.n)
			}
			continue
		case n < before.n && (before.n == 1 || n == 0):
			h.fail(oracleBack, "event %d counted %d times, and now %d (%s)", e.n, before.n, n, h.tell(e))
		}
		if before.n = n; n > 0 && before.at == 0 {
			before.at = h.step
		}
	}
	if now {
		e.shown = n
	}
}

// mayCountTwice: two copies of the event are further apart than the speed window, or the horizon stands between two of
// them.
func (h *history) mayCountTwice(e *identity, low, high slot.Slot) bool {
	for i, c := range e.copies {
		for _, d := range e.copies[:i] {
			a, b := min(c.object.slot, d.object.slot), max(c.object.slot, d.object.slot)
			if apart(c.arrival(), d.arrival()) > h.layout.SpeedWindow.Milliseconds() || a < high && b >= low {
				return true
			}
		}
	}
	return false
}

// is says whether values are what the state presents as.
func (s state) is(view int, values present.Object) bool {
	for _, m := range values {
		if s.value(m.Name) != string(m.Value) {
			return false
		}
	}
	return len(values) == valuesIn[view]
}

var valuesIn = [views]int{5, 2, 2}

func (s state) value(name string) string {
	number := func(n *big.Int) string {
		if n == nil {
			return "null"
		}
		return decimal(n)
	}
	switch name {
	case "purchases", "events":
		return strconv.FormatInt(s.count, 10)
	case "amount", "marks":
		if s.sum == nil {
			return "0"
		}
		return decimal(s.sum)
	case "smallest":
		return number(s.min)
	case "largest":
		return number(s.max)
	case "mean":
		return s.mean()
	}
	return ""
}

func (s state) show(view int) string {
	names := [views][]string{{"purchases", "amount", "mean", "smallest", "largest"}, {"events", "amount"},
		{"events", "marks"}}[view]
	out := "{"
	for i, name := range names {
		if i > 0 {
			out += ","
		}
		out += strconv.Quote(name) + ":" + s.value(name)
	}
	return out + "}"
}
