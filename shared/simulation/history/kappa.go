package history

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// What an oracle may demand of an answer of a Kappa generation that is live from a slot on, whenever its reads were
// made:
//
// Live half. Of the positions of the lanes whose slots are not below LiveFrom, those that count (truth.deliver: no
// earlier position of the lane within the speed window) may be in, once each, and no other; those must be in whose
// record speed has said to be applied before the query began.
//
// Replayed half. Of the copies whose slots are below LiveFrom and which real runs hold, those that count by
// truth.replays may be in, once each, and no other; those must be in that stand in runs which the generation's Run had
// reached before the query began.
//
// An event counts more than once only when copies of it lie further apart than the speed window: there is no horizon
// that could stand between two copies.
//
// Within one generation an event that was visible stays so. When the pointer moves to another set of items, or from one
// to a Kappa generation, what must be in follows from the two halves alone: a switch demands that replay has the head,
// so all that runs hold below LiveFrom is in. From LiveFrom on only the stream brings events; one that has reached no
// lane yet, since ingest died in between, was visible before when batch had counted it, and is gone until the sweep has
// it streamed. (A Kappa view that is there from the first slot on has the same lag without any switch.)
//
// Neither a row nor a total is exact.
//
// complete is the horizon of a run: every copy of the runs up to it is either below LiveFrom and brought in by replay,
// or has its position in its lane; and nothing that was acknowledged in a slot below is in no such run. Of the
// positions those must be in, as said, whose records are applied.

// generation is a generation as the catalog knows it, and when it was seen to be at which run.
type generation struct {
	id       lifecycle.GenerationID
	view     int
	kappa    bool
	live     slot.Slot
	hash     view.Hash
	set      lifecycle.Set
	served   bool
	lacks    uint64     // the run from which on it lacks events, 0 for none
	lackFrom uint64     // runs behind this one were not replayed when it was marked so
	progress []progress // of a Kappa generation, in order
}

type progress struct{ step, run uint64 }

// at is the run that the generation was at before a step.
func (g *generation) at(step uint64) uint64 {
	for _, p := range slices.Backward(g.progress) {
		if p.step <= step {
			return p.run
		}
	}
	return 0
}

// learn takes in a generation as the catalog has it now.
func (h *history) learn(v int, stored lifecycle.Generation) {
	g := h.generations[stored.ID]
	if g == nil {
		g = &generation{id: stored.ID, view: v, hash: stored.Definition, kappa: !stored.HasBase(), set: stored.SpeedSet()}
		if g.kappa {
			g.live = stored.LiveFrom
		}
		h.generations[g.id], h.sets[g.set] = g, v
	}
	g.served = g.served || stored.State == lifecycle.Serving
	h.learnLack(g, stored.Lacks)
	if !g.kappa {
		g.live = stored.LiveFrom
		return
	}
	if g.live != stored.LiveFrom {
		h.fail(oracleKappa, "generation %s was live from %s on, and now from %s: what is in its items carries no slot", g.id,
			g.live, stored.LiveFrom)
	}
	switch before := g.at(h.step); {
	case stored.Run > before:
		g.progress = append(g.progress, progress{h.step, stored.Run})
		h.countReplayed(g, before, stored.Run)
	case stored.Run < before:
		h.fail(oracleKappa, "replay of generation %s goes back from run %d to %d", g.id, before, stored.Run)
	}
}

// countReplayed counts that replay has come further, and what it has left to the live half.
func (h *history) countReplayed(g *generation, from, to uint64) {
	h.count(Replayed)
	for _, o := range h.landed {
		for _, c := range o.copies {
			if o.run > from && o.run <= to && h.isFirst(c, g.live) && h.isLeft(c, g.live) {
				h.count(LeftToLive)
			}
		}
	}
}

// liveFrom is the slot from which speed folds what answers; one that never comes while nothing does.
func (h *history) liveFrom(v int) slot.Slot {
	if g := h.generations[answeringOf(h.pointers[parseName(v)])]; g != nil {
		return g.live
	}
	return math.MaxInt64
}

// switchOf says what kind of switch this is.
func (h *history) switchOf(from, to lifecycle.GenerationID) Fault {
	switch a, b := h.generations[from].kappa, h.generations[to].kappa; {
	case a && b:
		return KappaToKappa
	case a:
		return KappaToLambda
	case b:
		return LambdaToKappa
	}
	return LambdaToLambda
}

// replays says whether replay counts a copy: its slot is below LiveFrom, a real run holds it, and no other such copy
// that stands before it in the archive arrived within the speed window of it. At the edge, within the window below
// LiveFrom, the lanes decide: it counts once it has its place there, unless the live half has counted a copy within the
// window, or the generation lacks events from its run on.
func (h *history) replays(c *copyOf, g *generation) bool {
	if !h.isFirst(c, g.live) {
		return false
	}
	if c.arrival() < int64(g.live)-h.layout.SpeedWindow.Milliseconds() {
		return true
	}
	if g.lacks > 0 && c.object.run >= max(g.lacks, g.lackFrom+1) {
		return false
	}
	return c.isStreamed() && !h.isLeft(c, g.live)
}

func (h *history) isNear(c, other *copyOf) bool {
	return apart(other.arrival(), c.arrival()) <= h.layout.SpeedWindow.Milliseconds()
}

// isFirst says whether a copy is replay's, and the first such one within the window.
func (h *history) isFirst(c *copyOf, live slot.Slot) bool {
	return c.nth > 0 && c.object.slot < live && !slices.ContainsFunc(c.copies, func(other *copyOf) bool {
		return other.nth > 0 && other.nth < c.nth && other.object.slot < live && h.isNear(c, other)
	})
}

// isLeft says whether the live half has counted a copy within the window of this one.
func (h *history) isLeft(c *copyOf, live slot.Slot) bool {
	return slices.ContainsFunc(c.positions, func(p *position) bool {
		return p.counts && p.object.slot >= live && h.isNear(c, p.copyOf)
	})
}

// isStreamed says whether the copy has a place in its lane.
func (c *copyOf) isStreamed() bool {
	return slices.ContainsFunc(c.positions, func(p *position) bool { return p.copyOf == c })
}

// checkKappa holds an answer of a Kappa generation against the truth, as check does.
func (h *history) checkKappa(g *generation, key string, a present.Answer, began uint64, now bool) {
	at := rowsOf{g.view, key}
	if a.Horizon != nil {
		h.fail(oracleKappa, "view %s, key %q: generation %s is Kappa and has the horizon %s", viewNames[g.view], key, g.id,
			*a.Horizon)
		return
	}
	if a.Total.Exact {
		h.fail(oracleKappa, "view %s, key %q: the total of a Kappa generation is exact", viewNames[g.view], key)
	}
	h.checkComplete(g, a, now)
	rows := make([]seenRow, len(a.Data))
	for i := range a.Data {
		row := &a.Data[i]
		if row.Exact || row.Horizon != nil || row.Parts.Batch != nil || row.Parts.Speed == nil {
			h.fail(oracleKappa, "view %s, key %q, row %s: exact %v, parts %v, of a Kappa generation", viewNames[g.view], key,
				row.Start, row.Exact, row.Parts)
			return
		}
		start, err := time.Parse(time.RFC3339Nano, row.Start)
		if err != nil {
			h.fail(oracleQuery, "view %s, key %q: %v", viewNames[g.view], key, err)
			return
		}
		rows[i] = seenRow{start: start.UnixMilli(), row: row}
		if i > 0 && rows[i].start <= rows[i-1].start || h.folds[cell{at, rows[i].start}] == nil {
			h.fail(oracleQuery, "view %s, key %q: row %s is out of order, or of nothing", viewNames[g.view], key, row.Start)
			return
		}
		if g.view != marks {
			continue
		}
		if rows[i].speed, err = marksOf(*row.Parts.Speed); err != nil {
			h.fail(oracleKappa, "view %s, key %q, row %s: %v", viewNames[g.view], key, row.Start, err)
			return
		}
	}
	if g.view == marks {
		h.checkKappaMarks(g, key, rows, began, now)
	} else {
		h.checkKappaRows(g, key, rows, began)
	}
}

// checkComplete holds the time through which an answer says to be complete against what has been replayed and streamed
// by now. Neither ever gets less.
func (h *history) checkComplete(g *generation, a present.Answer, now bool) {
	if a.Complete == nil {
		return
	}
	complete, err := parseSlot(*a.Complete)
	run := h.runOf[complete]
	if err != nil || run == 0 {
		h.fail(oracleComplete, "view %s is complete through %q, which is no run's horizon", viewNames[g.view], *a.Complete)
		return
	}
	if now && h.completeOf(g) != run {
		h.fail(oracleComplete, "view %s is complete through run %d, want %d", viewNames[g.view], run, h.completeOf(g))
	}
	for _, o := range h.landed {
		if o.run == 0 || o.run > run {
			if o.acked && o.slot < complete {
				h.fail(oracleComplete, "view %s is complete through %s, and %s is acknowledged, in run %d", viewNames[g.view],
					complete, o.key, o.run)
			}
			continue
		}
		for _, c := range o.copies {
			replayed := o.slot < g.live && o.run <= g.at(h.step)
			streamed := o.slot >= g.live && c.isStreamed()
			if !replayed && !streamed {
				h.fail(oracleComplete, "view %s is complete through run %d, and event %d of %s of run %d is neither replayed "+
					"nor streamed", viewNames[g.view],
					run, c.n, o.key, o.run)
				return
			}
		}
	}
}

// completeOf is the run through which a Kappa generation is complete.
func (h *history) completeOf(g *generation) uint64 {
	run := h.sweptRuns()
	if g.live > 0 {
		run = min(run, g.at(h.step))
	}
	if g.lacks > 0 {
		run = min(run, g.lacks-1)
	}
	return run
}

// bounds are how many events of a window may be in, and what they come to together, and how many must be.
func (h *history) kappaBounds(g *generation, at cell, began uint64) (all state, least int64) {
	add := func(c *copyOf) {
		c.each(func(in cell, amount *big.Int) {
			if in == at {
				all = all.add(amount)
			}
		})
	}
	for _, p := range h.counting[at] {
		if p.object.slot >= g.live {
			add(p.copyOf)
			if p.record.done != 0 && p.record.done <= began {
				least++
			}
		}
	}
	reached := g.at(began)
	for _, c := range h.held[at] {
		if h.replays(c, g) {
			add(c)
			if c.object.run <= reached {
				least++
			}
		}
	}
	return all, least
}

// checkKappaRows holds the rows of a view that does not tell events apart against both halves, as checkSpeed does.
func (h *history) checkKappaRows(g *generation, key string, rows []seenRow, began uint64) {
	for _, start := range h.windows[rowsOf{g.view, key}] {
		all, least := h.kappaBounds(g, cell{rowsOf{g.view, key}, start}, began)
		n := int64(0)
		var part *present.Object
		if at := rowAt(rows, start); at >= 0 {
			var err error
			part = rows[at].row.Parts.Speed
			if n, err = strconv.ParseInt(valueOf(*part, counts[g.view]), 10, 64); err != nil {
				h.fail(oracleKappa, "view %s, key %q: %v", viewNames[g.view], key, err)
			}
		}
		if n < least || n > all.count || n == all.count && n > 0 && !all.is(g.view, *part) {
			h.fail(oracleKappa, "view %s, key %q, row %s: %s, live from %s on, want %d to %d events, all of them %s",
				viewNames[g.view], key,
				time.UnixMilli(start).UTC().Format(time.RFC3339), show(part), g.live, least, all.count, all.show(g.view))
			return
		}
	}
}

// checkKappaMarks holds each event of a group against its positions and copies.
func (h *history) checkKappaMarks(g *generation, key string, rows []seenRow, began uint64, now bool) {
	all, first := h.groupOf(key)
	reached := g.at(began)
	for place, e := range all {
		for _, p := range e.positions {
			if p.counts && p.object.slot >= g.live {
				h.expectKappa(p.copyOf, place, rows, p.record.done != 0 && p.record.done <= began, "its record is applied")
			}
		}
		for _, c := range e.copies {
			if h.replays(c, g) {
				h.expectKappa(c, place, rows, c.object.run <= reached, "its run is replayed")
			}
		}
	}
	for place, e := range all {
		n := 0
		for i := range rows {
			r := &rows[i]
			if k := r.speed[place]; k < r.least[place] || k > r.most[place] {
				h.fail(oracleKappa, "event %d in row %s: counts %d times in generation %s, live from %s on, want %d to %d (%s)",
					first+place, r.row.Start, k,
					g.id, g.live, r.least[place], r.most[place], h.tell(e))
				return
			}
			n += r.speed[place]
		}
		if n > 1 && !h.repeatsBeyond(e, h.layout.SpeedWindow) {
			h.fail(oracleTwice, "event %d counts %d times in a Kappa generation, and no copies lie further apart than the "+
				"speed window (%s)", e.n, n, h.tell(e))
		}
		h.checkCount(g, e, n, began, now)
	}
}

// expectKappa notes that a copy may be in, and whether it must be.
func (h *history) expectKappa(c *copyOf, place int, rows []seenRow, must bool, because string) {
	at := rowAt(rows, startOf(marks, c.time()))
	switch {
	case at >= 0:
		rows[at].most[place]++
		if must {
			rows[at].least[place]++
		}
	case must:
		h.fail(oracleKappa, "event %d of %s: no row, and %s (%s)", c.n, c.object.key, because, h.tell(c.identity))
	}
}

// repeatsBeyond says whether two copies of an event lie further apart than a window.
func (h *history) repeatsBeyond(e *identity, window time.Duration) bool {
	for i, c := range e.copies {
		for _, d := range e.copies[:i] {
			if apart(c.arrival(), d.arrival()) > window.Milliseconds() {
				return true
			}
		}
	}
	return false
}

// tell says where an event stands, for people.
func (h *history) tell(e *identity) string {
	text := "archived"
	for _, c := range e.copies {
		text += fmt.Sprintf(" %s/run %d", time.UnixMilli(c.arrival()).UTC().Format("15:04:05.000"), c.object.run)
	}
	text += "; streamed"
	for _, p := range e.positions {
		text += fmt.Sprintf(" %s counts %v", time.UnixMilli(p.arrival()).UTC().Format("15:04:05.000"), p.counts)
	}
	return text
}
