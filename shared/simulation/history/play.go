package history

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/slot"
)

// play is the course of a history: clients send and faults happen; then the faults stop, and what was promised has to
// come true in time; then the clock goes past every window, batch past every event, and the last answers are to be the
// plain fold.
func (h *history) play() {
	h.line("history", "slot "+h.slotLength.String(),
		fmt.Sprintf("lanes %d, commit %s, margin %s, seal delay %s, speed window %s, batch window %s",
			h.layout.Lanes, h.commitWithin, h.margin, h.sealDelay, h.layout.SpeedWindow, h.layout.DedupeWindow), "")
	if h.begin != nil {
		h.begin(h)
	}
	h.clients()
	h.polls()
	h.after(h.tickEvery, h.ticks)
	h.after(h.sweepEvery, h.sweeps)
	h.beginChanges()
	h.after(time.Second, h.republishing)
	h.after(h.queryEvery, h.queries)
	h.after(time.Second, h.reshard)
	calmFrom := epoch.Add(h.active)
	if !h.until(calmFrom, nil) {
		return
	}
	h.calm = true
	h.endOldVersions()
	h.line("history", "calms down", "", "")
	if h.stands {
		h.end(h)
		return
	}
	h.checkBacklog()
	h.settleDown(calmFrom)
	if h.violation == nil {
		h.finish()
	}
}

// until lets things happen until the clock is there or done says so. It is false when an oracle was violated.
func (h *history) until(t time.Time, done func() bool) bool {
	look := h.clock // looking costs: once a second is enough
	for h.violation == nil && h.next(t) {
		if done != nil && !h.clock.Before(look) {
			look = h.clock.Add(time.Second)
			if done() {
				break
			}
		}
	}
	if done == nil && h.violation == nil {
		h.clock = t
	}
	return h.violation == nil
}

// The stated bounds, from the moment when faults stop.
//
// Live: what stands in the stream then, of the slots from which speed folds what answers. Until the first run is built
// a Lambda view answers nothing, so that all of its events are batch's to bring. A function that hangs is given up
// after its timeout; the mapping waits at most 10 s before it tries again, and a batch at most its window (2 s); a
// bisected batch is done half by half, at most as many as it has records (100), each in well below a second. So the
// bound of 60 s assumes that no lane has more to do than a few such batches: that few copies wait (see checkBacklog),
// since speed may read one record at a time, about 20 in a second.
//
// Swept, where a view may be Kappa: what the stream has lost comes when the sweep has found it, and a request of the
// queue fails no more; and what replay waits for the sweep with.
//
// Batch: every acknowledged event, streamed or not. Its slot ends, settles, and the next tick but one (the first may be
// taken up by what a function has left behind, or wait for one that hangs) makes it part of a run and applies it.
func (s *settings) bounds() {
	s.liveBound = 60 * time.Second
	s.batchBound = s.slotLength + s.sealDelay + s.margin + 2*s.tickEvery + 2*s.timeouts[batchRole] + 10*time.Second
	s.sweptBound = s.batchBound + s.sweepAfter + 2*s.sweepEvery + 2*s.timeouts[sweepRole] + 5*s.timeouts[republishRole] +
		s.liveBound + 2*s.timeouts[replayRole]
}

// settleDown checks that everything acknowledged becomes visible within its bound, and waits until all work has ended.
func (h *history) settleDown(from time.Time) {
	watch := func() {}
	watch = func() {
		if h.drained() {
			h.drainedAt, h.runsThen, h.ticksThen = h.clock, len(h.runs), h.ticked
			return
		}
		if h.clock.Sub(from)%(5*time.Second) == 0 {
			h.restore()
		}
		h.after(time.Second, watch)
	}
	watch()
	var streamed []*position
	for _, e := range h.identities {
		for _, p := range e.positions {
			if e.acked && p.counts {
				streamed = append(streamed, p)
			}
		}
	}
	acked := slices.DeleteFunc(slices.Clone(h.identities), func(e *identity) bool { return !e.acked })
	if !h.isPlain() && h.pointers[parseName(marks)].Serving == "" {
		streamed, acked = nil, nil // the view may be long in the making: what answers until then says that it lacks something
	}
	if !h.until(from.Add(h.liveBound), nil) {
		return
	}
	var live []*identity
	for _, p := range streamed {
		if p.object.slot >= h.liveFrom(marks) {
			live = append(live, p.identity)
		}
	}
	h.visible("what is in the stream", h.liveBound, live)
	bound := max(h.liveBound, h.batchBound)
	if h.hasKappa() {
		bound = h.sweptBound + h.maxStreamAge // 0 where nothing grows too old: what the stream never had is passed by then
	}
	if !h.until(from.Add(bound), nil) {
		return
	}
	h.visible("everything", bound, slices.DeleteFunc(acked, h.isLacked))
	// What was on the wire may have landed since.
	if h.until(from.Add(h.patience), h.drained) && !h.drained() {
		h.fail(oracleDrained, "after %s without faults: %d functions run, swept %d of %d runs, %d republish requests "+
			"wait: %+v", h.patience, len(h.flying),
			h.sweptRuns(), len(h.runs), h.waiting, h.pointers)
	}
	if h.violation == nil {
		h.quiet()
	}
	if h.end != nil && h.violation == nil {
		h.end(h)
	}
}

func (h *history) visible(what string, bound time.Duration, all []*identity) {
	for _, key := range h.keys(marks) {
		h.look(marks, key)
	}
	for _, e := range all {
		if e.shown == 0 {
			h.fail(oracleVisible, "event %d, acknowledged at %s, is not visible %s after faults stopped (%s): %s; %+v", e.n,
				e.ackedAt.Sub(epoch), bound, what,
				h.tell(e), h.pointers[parseName(marks)])
			return
		}
	}
}

func (h *history) sweptRuns() uint64 {
	swept, err := h.catalog.Swept(everywhere)
	h.must(err)
	return swept
}

// deployedServe says whether what serves is what batch was last deployed with, and nothing else is on its way.
func (h *history) deployedServe() bool {
	for _, d := range h.kit.of(h.deployed) {
		v := h.pointers[d.Name]
		if g, ok := v.Generation(v.Serving); !ok || g.Definition != d.Hash || v.Rebuild || v.Retired != 0 || g.Lacks > 0 {
			return false
		}
		for _, g := range v.Generations {
			if g.State == lifecycle.Announced || g.State == lifecycle.Building {
				return false
			}
		}
	}
	return true
}

// drained says whether nothing is under way: every object is in a run, every run is swept, every record of the stream
// is done, and what was deployed serves.
func (h *history) drained() bool {
	if !h.deployedServe() {
		return false
	}
	if len(h.flying) > 0 || h.waiting > 0 || h.sweptRuns() < h.lastFilled() ||
		h.level != [views]uint64{h.head(), h.head(), h.head()} {
		return false
	}
	for _, o := range h.landed {
		if o.run == 0 {
			return false
		}
	}
	left := false
	h.eachRecord(func(r memory.StreamRecord) bool {
		left = !h.isDone(r)
		return !left
	})
	return !left
}

// lastFilled is the last run that reads an object; later ones are swept in their time.
func (h *history) lastFilled() uint64 {
	n := len(h.runs)
	for n > 0 && h.runs[n-1].Objects == 0 {
		n--
	}
	return uint64(n)
}

func (h *history) head() uint64 { return uint64(len(h.runs)) }

// quiet holds every answer against runs and lanes while nothing is under way: its values, and not only those of the
// marks view, are the fold of the runs below the row's horizon and of the counting positions of the slots from there
// on.
func (h *history) quiet() {
	for v := range views {
		for _, key := range h.keys(v) {
			h.look(v, key)
			h.quietKey(v, key)
			if h.violation != nil {
				return
			}
		}
	}
}

func (h *history) quietKey(v int, key string) {
	a, err := simulation.Query(everywhere, h.observer, parseName(v), parametersOf(v, key))
	if err != nil {
		h.fail(oracleQuiet, "view %s, key %q: %v", viewNames[v], key, err)
		return
	}
	if g := h.generations[a.Generation]; g.kappa {
		h.quietKappa(g, key, a)
		return
	}
	horizon, err := parseSlot(horizonOf(a))
	h.must(err)
	expected := map[int64]state{}
	for _, start := range h.windows[rowsOf{v, key}] {
		if s := h.folds[cell{rowsOf{v, key}, start}].at(h.runOf[horizon]); s.count > 0 {
			expected[start] = s
		}
	}
	for _, e := range h.identities {
		for _, p := range e.positions {
			if !p.counts || p.object.slot < horizon {
				continue
			}
			p.each(func(at cell, amount *big.Int) {
				if at.rowsOf == (rowsOf{v, key}) {
					expected[at.start] = expected[at.start].add(amount)
				}
			})
		}
	}
	h.quietRows(v, key, a, expected)
}

// quietKappa holds an answer of a Kappa generation against its two halves, all of them.
func (h *history) quietKappa(g *generation, key string, a present.Answer) {
	expected := map[int64]state{}
	for _, start := range h.windows[rowsOf{g.view, key}] {
		if all, _ := h.kappaBounds(g, cell{rowsOf{g.view, key}, start}, h.step); all.count > 0 {
			expected[start] = all
		}
	}
	h.quietRows(g.view, key, a, expected)
	if run := h.lastFilled(); run > 0 {
		if a.Complete == nil {
			h.fail(oracleComplete, "view %s: everything is replayed and swept, and nothing is complete", viewNames[g.view])
		} else if complete, err := parseSlot(*a.Complete); err != nil || complete < h.runs[run-1].Horizon {
			h.fail(oracleComplete, "view %s: everything is replayed and swept, and complete through %s", viewNames[g.view],
				*a.Complete)
		}
	}
}

func (h *history) quietRows(v int, key string, a present.Answer, expected map[int64]state) {
	if len(a.Data) != len(expected) {
		h.fail(oracleQuiet, "view %s, key %q has %d rows, want %d", viewNames[v], key, len(a.Data), len(expected))
	}
	for _, row := range a.Data {
		start, err := parseSlot(row.Start)
		h.must(err)
		if s := expected[int64(start)]; !s.is(v, row.Values) {
			h.fail(oracleQuiet, "view %s, key %q, row %s: %s, want %s", viewNames[v], key, row.Start, show(&row.Values),
				s.show(v))
		}
	}
}

// finish has the clock go past every window, and batch past every slot; then every answer is to be exact, and the plain
// fold.
func (h *history) finish() {
	h.agenda = nil // nothing but the schedules' next turns
	end := h.clock
	for _, e := range h.identities {
		for _, s := range e.variants {
			end = later(end, time.UnixMilli(s.at).UTC())
		}
	}
	end = end.Truncate(time.Hour).Add(time.Hour)
	h.clock = later(h.clock, end).Add(h.slotLength + h.sealDelay + 2*h.margin)
	h.line("history", "ends", "", "")
	for range 100 {
		h.backlog = false
		if !h.turn() {
			return
		}
		if !h.backlog && h.runs[len(h.runs)-1].Horizon >= slotOf(end, h.slotLength) &&
			h.level == [views]uint64{h.head(), h.head(), h.head()} {
			break
		}
	}
	for _, o := range h.landed {
		if o.run == 0 {
			h.fail(oracleFinal, "%s is in no run", o.key)
			return
		}
	}
	all, err := h.catalog.Views(everywhere)
	h.must(err)
	for _, v := range all {
		if v.Serving == "" {
			h.fail(oracleFinal, "view %s does not serve", v.Name)
		}
	}
	h.finalAnswers()
	h.finalAudit()
	h.twins()
}

// turn has batch and then replay take a turn each, when nothing else happens any more.
func (h *history) turn() bool {
	for _, take := range []func(){h.tick, h.replay} {
		take()
		if !h.until(h.clock.Add(2*h.timeouts[batchRole]), func() bool { return len(h.flying) == 0 }) {
			return false
		}
	}
	return true
}

func slotOf(t time.Time, length time.Duration) slot.Slot {
	return slot.Slot(t.Truncate(length).UnixMilli())
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// archiveOrder are the landed objects as the final fold reads them: by run, and within a run as the archive lists them.
func (h *history) archiveOrder() []*object {
	all := slices.Clone(h.landed)
	slices.SortFunc(all, func(a, b *object) int {
		if a.run != b.run {
			return int(a.run) - int(b.run)
		}
		return compareKeys(a.key, b.key)
	})
	return all
}

func compareKeys(a, b archive.Key) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
