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

// The oracle demands the following of one answer, whenever its reads were made.
//
// Batch part. A row says its horizon: its own, if a run in progress has moved its base item ahead, else the answer's. A
// run is committed and frozen before any base item is written from it. So the row's batch part is exactly the fold of
// the committed runs up to that horizon, at any moment and under any fault. Which copies are distinct follows from the
// runs' manifests and design 3.5; see addRun.
//
// Speed part. A position of a lane (record, line) counts when no earlier position holds its identity within the speed
// window. This is fixed when the record is put. From the row's horizon on, the speed part may count every counting
// position once, and no other. It must count those whose record speed had reported as applied before the query began:
// an item that was written stays, and speed leaves out only slots that the horizon had passed, which no row reads.
//
// Sum. An event may count more than once in two cases only (design 3.5): its copies are further apart than the speed
// window, or a horizon stands between two copies. An event that was visible stays visible. How often it counts falls
// only if it counted more than once.
//
// Exact. A row is exact if and only if its window has ended by its horizon and it has no speed part. The total is exact
// if and only if there are rows, each row is exact, and no row is ahead of the answer's horizon. It is then the fold of
// all their windows, by the same runs.
//
// Many keys, and steps. A row of a group that is marked exact is the fold of the runs up to the answer's horizon, over
// all keys of the group and all windows of its step. Every step in which that fold has events has a row. See
// checkGroups.
//
// The marks view makes this visible for every single event. For the other views, the oracle compares the batch part
// with the fold at any time, and the whole answer while no work is under way.

// checkNow queries one key at this very moment, beside the functions, and checks the answer.
func (h *history) checkNow(view int, key string) {
	if h.violation != nil || h.setBack {
		return
	}
	h.looks++
	a, err := h.query(everywhere, h.observer, view, parametersOf(view, key))
	if errors.Is(err, serving.ErrNotServing) || errors.Is(err, serving.ErrUnknownView) {
		return
	}
	if err != nil {
		h.fail(oracleQuery, "view %s, key %q: %v", viewNames[view], key, err)
		return
	}
	h.noteFound(view, key, a)
	h.checkAnswer(view, key, a, h.step, true)
	if view >= views {
		h.checkSkippedList(view-views, a)
	}
}

// noteFound notes that an answer had rows.
func (h *history) noteFound(view int, key string, a present.Answer) {
	if len(a.Data) > 0 && view < views {
		h.found[found{view, a.Generation, key}] = true
	}
}

func parseName(v int) view.Name { return view.Name(viewNames[v%views]) }

func parametersOf(view int, key string) map[string][]string {
	all := map[string][]string{"parts": {"true"}, "total": {"true"}}
	switch {
	case key == simulation.AllUsers:
		all["group_by"] = []string{""}
	case view == byUser:
		all["user"] = []string{key}
	case view == marks:
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
	speed   [marksPerGroup]int // how often the speed part counts each event; only for the marks view
	batch   [marksPerGroup]int
	most    [marksPerGroup]int // how often the speed part may count each event
	least   [marksPerGroup]int // how often the speed part must count each event
}

// checkAnswer checks an answer. began is the step at which its reads began; now says that they were made at this very
// moment.
func (h *history) checkAnswer(view int, key string, a present.Answer, began uint64, now bool) {
	g := h.generations[a.Generation]
	if g == nil || g.view != view%views {
		h.fail(oracleQuery, "view %s, key %q is answered from generation %s", viewNames[view], key, a.Generation)
		return
	}
	g = g.of(view)
	if g.kappa {
		h.checkKappa(g, key, a, began, now)
		return
	}
	horizon, err := parseSlot(horizonOf(a))
	if err != nil || h.runOf[horizon] == 0 {
		h.fail(oracleHorizon, "view %s, key %q: no run has the horizon %q", viewNames[view], key, horizonOf(a))
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
		h.checkBatch(g, key, &rows[i])
	}
	for _, start := range h.windows[g.rows(key)] {
		expected := h.folds[cell{g.rows(key), start}].at(h.runOf[horizon])
		if expected.count > 0 && rowAt(rows, start) < 0 {
			h.fail(oracleBatch, "view %s, key %q, as of run %d: there is no row %s, but the fold has %d events",
				viewNames[view], key, h.runOf[horizon],
				time.UnixMilli(start).UTC(), expected.count)
			return
		}
	}
	h.checkTotal(g, key, horizon, rows, a.Total)
	switch {
	case h.violation != nil:
	case view == marks:
		h.checkMarks(g, key, horizon, rows, began, now)
	default:
		h.checkSpeed(g, key, horizon, rows, began)
	}
}

// rowAt returns the index of the row that begins then, or -1. The rows of an answer are in order.
func rowAt(rows []seenRow, start int64) int {
	at, found := slices.BinarySearchFunc(rows, start, func(r seenRow, start int64) int {
		return cmp.Compare(r.start, start)
	})
	if !found {
		return -1
	}
	return at
}

// horizonOf returns an answer's horizon, or "" for a Kappa generation, which has none.
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
		return r, fmt.Errorf("no run has the horizon %s", r.horizon)
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

// checkBatch checks a row's batch part, and whether it is marked exact, against the runs.
func (h *history) checkBatch(g *generation, key string, r *seenRow) {
	view := g.view
	expected := h.folds[cell{g.rows(key), r.start}].at(r.run)
	switch batch := r.row.Parts.Batch; {
	case batch == nil && expected.count > 0, batch != nil && !expected.is(view, *batch):
		h.fail(oracleBatch, "view %s, key %q, row %s, as of run %d: %s, want %s", viewNames[view], key, r.row.Start, r.run,
			show(batch), expected.show(view))
	}
	length, _ := windowsOf(view, g.reading)
	ended := r.start+length <= int64(r.horizon)
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

// checkTotal checks a total, and whether it is marked exact, against the rows. An exact total must equal the runs.
func (h *history) checkTotal(g *generation, key string, horizon slot.Slot, rows []seenRow, total *present.Total) {
	view := g.view
	var expected state
	exact, n := len(rows) > 0, int64(0)
	for _, r := range rows {
		exact = exact && r.row.Exact && r.horizon == horizon
		expected = expected.merge(h.folds[cell{g.rows(key), r.start}].at(h.runOf[horizon]))
		n += countOf(view, r.row.Values)
	}
	if got := countOf(view, total.Values); got != n {
		h.fail(oracleQuery, "view %s, key %q: the total has %d events, the rows have %d", viewNames[view], key, got, n)
	}
	if exact != total.Exact || exact && !expected.is(view, total.Values) {
		h.fail(oracleExact, "view %s, key %q, as of run %d: the total is %s, exact %v; want exact %v, and if so %s",
			viewNames[view],
			key, h.runOf[horizon], show(&total.Values), total.Exact, exact, expected.show(view))
	}
}

// checkSpeed checks the speed parts of the rows of a view that does not show single events. The number of events must
// be between the number that must be there and the number that may be there. Where the two are equal, no work is under
// way, and the part must be the fold of these events.
func (h *history) checkSpeed(g *generation, key string, horizon slot.Slot, rows []seenRow, began uint64) {
	view := g.view
	for _, start := range h.windows[g.rows(key)] {
		at := rowAt(rows, start)
		from := horizon
		var part *present.Object
		if at >= 0 {
			from, part = rows[at].horizon, rows[at].row.Parts.Speed
		}
		var all state
		least := int64(0)
		// An event without a time, or with another payload, may be in another row, whose page is ahead.
		odd := false
		for _, p := range h.counting[cell{g.rows(key), start}] {
			if p.object.slot < from {
				continue
			}
			p.each(func(c cell, amount *big.Int) {
				if c.rowsOf == g.rows(key) {
					all = all.add(p.copyOf, amount)
				}
			})
			odd = odd || p.sample().at == timeless || len(p.variants) > 1
			if h.isApplied(p, began) && p.object.slot >= g.live {
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

// counts are the names of the aggregates that count events, by view.
var counts = [2 * views]string{"purchases", "events", "events", "events", "events", "events"}

// checkMarks checks each event of a group against its positions and copies.
func (h *history) checkMarks(g *generation, key string, horizon slot.Slot, rows []seenRow, began uint64, now bool) {
	all, first := h.groupOf(key)
	for place, e := range all {
		h.expectSpeed(g, e, place, horizon, rows, began)
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
			h.fail(oracleTwice, "event %d counts %d times, with horizons %s to %s", e.n, n, low, high)
		}
		h.checkCount(g, e, n, began, now)
	}
}

// groupOf returns the events of a group, and the number of the first.
func (h *history) groupOf(key string) (all []*identity, first int) {
	group, err := strconv.Atoi(key[1:])
	if err != nil {
		h.fail(oracleQuery, "group %q: %v", key, err)
		return nil, 0
	}
	first = group * marksPerGroup
	return h.identities[min(first, len(h.identities)):min(first+marksPerGroup, len(h.identities))], first
}

// expectSpeed records which events the speed parts of the rows may count, and which they must.
func (h *history) expectSpeed(g *generation, e *identity, place int, horizon slot.Slot, rows []seenRow, began uint64) {
	for _, p := range e.positions {
		if !p.counts {
			continue
		}
		done := h.isApplied(p, began)
		at := rowAt(rows, startOf(marks, reading{}, p.time()))
		if at < 0 {
			// There is no row. Its page may still be ahead of the answer; then a copy of the event is in another window, which
			// happens only to an event without a time of its own.
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

// checkCount compares how often an event counts with how often it counted before.
//
// Before means in answers of the same generation, or of others that have served from the same set of speed items, as
// those of one Lambda definition do. Of another set, an answer must have only what expect and checkKappa demand: what
// speed has applied to all of its sets, and what batch or replay has brought. Speed may have brought an event into one
// set and not yet into another. If the view switches at that moment, the event is missing until speed has brought it.
// And before a view has ever served, an abandoned generation may have been ahead of the one that answers in its place.
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
				h.fail(oracleBack, "event %d was visible before the query began, but is not in its answer", e.n)
			}
			continue
		case n < before.n && (before.n == 1 || n == 0):
			h.fail(oracleBack, "event %d counted %d times, but now %d (%s)", e.n, before.n, n, h.describe(e))
		}
		if before.n = n; n > 0 && before.at == 0 {
			before.at = h.step
		}
	}
	if now {
		e.shown = n
	}
}

// mayCountTwice reports whether an event may count twice: two of its copies are further apart than the speed window, or
// the horizon stands between two of them.
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

func (s state) show(view int) string {
	out := "{"
	for i, name := range valueNames(view) {
		if i > 0 {
			out += ","
		}
		out += strconv.Quote(name) + ":" + s.value(name)
	}
	return out + "}"
}
