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

// The oracle demands the following of an answer of a Kappa generation that is live from the slot LiveFrom on, whenever
// the reads of the answer were made.
//
// Live half. It covers the positions of the lanes in slots from LiveFrom on. The answer may count every counting
// position once, and no other; a position counts when no earlier position of the lane within the speed window holds its
// identity (addRecord). The answer must count those whose record speed had reported as applied before the query
// began.
//
// Replayed half. It covers the copies that committed runs hold in slots below LiveFrom. The answer may count once every
// copy that counts by isReplayed, and no other. It must count those in runs that the generation had reached before
// the query began.
//
// An event counts more than once only when copies of it are further apart than the speed window. No horizon can stand
// between two copies.
//
// Within one generation, an event that was visible stays visible. When another set of items begins to serve, or a Kappa
// generation in place of another one, the two halves alone decide what the answer must count. A switch demands that
// replay has reached the head, so the answer has everything that runs hold below LiveFrom. From LiveFrom on, only the
// stream brings events. Suppose that ingest died before it published an event. Batch has counted the event, so it was
// visible; the Kappa generation does not have it until the sweep has had it streamed. (A Kappa view that is live from
// the first slot on lags in the same way, without any switch.)
//
// Neither a row nor a total is exact.
//
// complete is the horizon of a run. Every copy of the runs up to this run is either below LiveFrom and replayed, or has
// its position in its lane. No acknowledged event in a slot below complete is missing from these runs. Of the
// positions, the answer must count those whose records are applied, as above.

// generation is a generation of the catalog, and when it was seen at which run.
type generation struct {
	id       lifecycle.GenerationID
	view     int
	reading  reading
	kappa    bool
	live     slot.Slot
	hash     view.Hash
	set      lifecycle.Set
	served   bool
	givenUp  time.Time  // when a write made it Dropping, by the true clock
	lacks    uint64     // the first run from which it lacks events; 0: none
	lackFrom uint64     // runs after this one were not replayed yet when it was marked
	progress []progress // the progress of a Kappa generation, in order
}

type progress struct{ step, run uint64 }

// of returns the generation as that of a view that has what its own view could not use, or as it is.
func (g *generation) of(view int) *generation {
	same := *g
	same.view = view
	return &same
}

// at returns the run that the generation had reached before a step.
func (g *generation) at(step uint64) uint64 {
	for _, p := range slices.Backward(g.progress) {
		if p.step <= step {
			return p.run
		}
	}
	return 0
}

// learn updates a generation from the catalog.
func (h *history) learn(v int, stored lifecycle.Generation) {
	g := h.generations[stored.ID]
	if g == nil {
		g = &generation{id: stored.ID, view: v, hash: stored.Definition, reading: h.kit.readings[stored.Definition],
			kappa: !stored.HasBase(), set: stored.SpeedSet()}
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
		h.fail(oracleKappa, "generation %s was live from %s on, but now from %s; its items do not know their slots", g.id,
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

// countReplayed counts the runs that replay has brought in, and the copies that it has left to the live half.
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

// liveFrom returns the slot from which speed folds into the answering generation; a slot that never comes while none
// answers.
func (h *history) liveFrom(v int) slot.Slot {
	if g := h.generations[answeringOf(h.pointers[parseName(v)])]; g != nil {
		return g.live
	}
	return math.MaxInt64
}

// switchOf returns the kind of a switch.
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

// isReplayed reports whether replay counts a copy. The copy must be in a slot below LiveFrom and in a committed run,
// and no other such copy within the speed window may come before it in the archive. Within one window below LiveFrom,
// the lanes decide as well: the copy counts once it has a position in its lane, unless the live half has counted a copy
// within the window, or the generation lacks events from the copy's run on.
func (h *history) isReplayed(c *copyOf, g *generation) bool {
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

// isFirst reports whether a copy belongs to the replayed half, and is the first such copy within the window.
func (h *history) isFirst(c *copyOf, live slot.Slot) bool {
	return c.nth > 0 && c.object.slot < live && !slices.ContainsFunc(c.copies, func(other *copyOf) bool {
		return other.nth > 0 && other.nth < c.nth && other.object.slot < live && h.isNear(c, other)
	})
}

// isLeft reports whether the live half has counted a copy within the window of this one.
func (h *history) isLeft(c *copyOf, live slot.Slot) bool {
	return slices.ContainsFunc(c.positions, func(p *position) bool {
		return p.counts && !p.record.isUnknown() && p.object.slot >= live && h.isNear(c, p.copyOf)
	})
}

// isStreamed reports whether the copy has a position in its lane.
func (c *copyOf) isStreamed() bool {
	return slices.ContainsFunc(c.positions, func(p *position) bool { return p.copyOf == c })
}

// checkKappa checks an answer of a Kappa generation, as check does for Lambda.
func (h *history) checkKappa(g *generation, key string, a present.Answer, began uint64, now bool) {
	at := g.rows(key)
	if a.Horizon != nil {
		h.fail(oracleKappa, "view %s, key %q: generation %s is Kappa, but its answer has the horizon %s",
			viewNames[g.view], key, g.id, *a.Horizon)
		return
	}
	if a.Total.Exact {
		h.fail(oracleKappa, "view %s, key %q: the total of a Kappa generation is marked exact", viewNames[g.view], key)
	}
	h.checkComplete(g, a, now)
	rows := make([]seenRow, len(a.Data))
	for i := range a.Data {
		row := &a.Data[i]
		if row.Exact || row.Horizon != nil || row.Parts.Batch != nil || row.Parts.Speed == nil {
			h.fail(oracleKappa, "view %s, key %q, row %s: a Kappa generation answers exact %v and parts %v",
				viewNames[g.view], key, row.Start, row.Exact, row.Parts)
			return
		}
		start, err := time.Parse(time.RFC3339Nano, row.Start)
		if err != nil {
			h.fail(oracleQuery, "view %s, key %q: %v", viewNames[g.view], key, err)
			return
		}
		rows[i] = seenRow{start: start.UnixMilli(), row: row}
		if i > 0 && rows[i].start <= rows[i-1].start || h.folds[cell{at, rows[i].start}] == nil {
			h.fail(oracleQuery, "view %s, key %q: row %s is out of order, or holds no event", viewNames[g.view], key, row.Start)
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

// checkComplete compares the time through which an answer claims to be complete with what has been replayed and
// streamed by now. Neither ever becomes less.
func (h *history) checkComplete(g *generation, a present.Answer, now bool) {
	if a.Complete == nil {
		return
	}
	complete, err := parseSlot(*a.Complete)
	run := h.runOf[complete]
	if err != nil || run == 0 {
		h.fail(oracleComplete, "view %s is complete through %q, but no run has that horizon", viewNames[g.view], *a.Complete)
		return
	}
	if now && h.completeOf(g) != run {
		h.fail(oracleComplete, "view %s is complete through run %d, want %d", viewNames[g.view], run, h.completeOf(g))
	}
	for _, o := range h.landed {
		if o.run == 0 || o.run > run {
			if o.acked && o.slot < complete {
				h.fail(oracleComplete, "view %s is complete through %s, but %s is acknowledged and in run %d", viewNames[g.view],
					complete, o.key, o.run)
			}
			continue
		}
		for _, c := range o.copies {
			replayed := o.slot < g.live && o.run <= g.at(h.step)
			streamed := o.slot >= g.live && c.isDelivered()
			if !replayed && !streamed {
				h.fail(oracleComplete, "view %s is complete through run %d, but event %d of %s of run %d is neither replayed "+
					"nor streamed", viewNames[g.view],
					run, c.n, o.key, o.run)
				return
			}
		}
	}
}

// completeOf returns the run through which a Kappa generation is complete.
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

// kappaBounds returns the state of all events that the answer may count in a cell, and how many of them it must count.
func (h *history) kappaBounds(g *generation, at cell, began uint64) (all state, least int64) {
	add := func(c *copyOf) {
		c.each(func(in cell, amount *big.Int) {
			if in == at {
				all = all.add(c, amount)
			}
		})
	}
	for _, p := range h.counting[at] {
		if p.object.slot >= g.live {
			add(p.copyOf)
			if h.isApplied(p, began) {
				least++
			}
		}
	}
	reached := g.at(began)
	for _, c := range h.held[at] {
		if h.isReplayed(c, g) {
			add(c)
			if c.object.run <= reached {
				least++
			}
		}
	}
	return all, least
}

// checkKappaRows checks the rows of a view that does not show single events against both halves, as checkSpeed does.
func (h *history) checkKappaRows(g *generation, key string, rows []seenRow, began uint64) {
	for _, start := range h.windows[g.rows(key)] {
		all, least := h.kappaBounds(g, cell{g.rows(key), start}, began)
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
			h.fail(oracleKappa, "view %s, key %q, row %s is %s (live from %s on), want %d to %d events; all of them are %s",
				viewNames[g.view], key,
				time.UnixMilli(start).UTC().Format(time.RFC3339), show(part), g.live, least, all.count, all.show(g.view))
			return
		}
	}
}

// checkKappaMarks checks each event of a group against its positions and copies.
func (h *history) checkKappaMarks(g *generation, key string, rows []seenRow, began uint64, now bool) {
	all, first := h.groupOf(key)
	reached := g.at(began)
	for place, e := range all {
		for _, p := range e.positions {
			if p.counts && p.object.slot >= g.live {
				h.expectKappa(p.copyOf, place, rows, h.isApplied(p, began), "its record is applied")
			}
		}
		for _, c := range e.copies {
			if h.isReplayed(c, g) {
				h.expectKappa(c, place, rows, c.object.run <= reached, "its run is replayed")
			}
		}
	}
	for place, e := range all {
		n := 0
		for i := range rows {
			r := &rows[i]
			if k := r.speed[place]; k < r.least[place] || k > r.most[place] {
				h.fail(oracleKappa, "event %d in row %s counts %d times in generation %s (live from %s on), want %d to %d (%s)",
					first+place, r.row.Start, k,
					g.id, g.live, r.least[place], r.most[place], h.describe(e))
				return
			}
			n += r.speed[place]
		}
		if n > 1 && !h.repeatsBeyond(e, h.layout.SpeedWindow) {
			h.fail(oracleTwice, "event %d counts %d times in a Kappa generation, but no copies are further apart than the "+
				"speed window (%s)", e.n, n, h.describe(e))
		}
		h.checkCount(g, e, n, began, now)
	}
}

// expectKappa records that the answer may count a copy, and whether it must.
func (h *history) expectKappa(c *copyOf, place int, rows []seenRow, must bool, because string) {
	at := rowAt(rows, startOf(marks, reading{}, c.time()))
	switch {
	case at >= 0:
		rows[at].most[place]++
		if must {
			rows[at].least[place]++
		}
	case must:
		h.fail(oracleKappa, "event %d of %s has no row, but %s (%s)", c.n, c.object.key, because, h.describe(c.identity))
	}
}

// repeatsBeyond reports whether two copies of an event are further apart than a window.
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

// describe describes where an event is, for messages.
func (h *history) describe(e *identity) string {
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
