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
	"github.com/anabranch/anabranch/shared/slot"
)

// play runs the course of a history. First clients send and faults happen. Then the faults stop, and every promise must
// come true within its bound. At last the clock passes every window and batch passes every event; the last answers must
// then equal the plain fold.
func (h *history) play() {
	h.line("history", "slot "+h.slotLength.String(),
		fmt.Sprintf("lanes %d, commit %s, margin %s, seal delay %s, speed window %s, batch window %s",
			h.layout.Lanes, h.commitWithin, h.margin, h.sealDelay, h.layout.SpeedWindow, h.layout.DedupeWindow), "")
	if h.begin != nil {
		h.begin(h)
	}
	h.scheduleRequests()
	h.polls()
	h.after(h.tickEvery, h.scheduleTicks)
	h.after(h.sweepEvery, h.scheduleSweeps)
	h.beginChanges()
	h.beginTakeOver()
	h.after(time.Second, h.scheduleRepublish)
	h.after(h.queryEvery, h.scheduleQueries)
	h.after(time.Second, h.reshard)
	calmFrom := epoch.Add(h.active)
	if !h.until(calmFrom, nil) {
		return
	}
	h.calm = true
	if h.engines {
		h.deploy(h.choices[len(h.choices)-1])
	}
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

// until runs the scheduler until the clock reaches t or done returns true. It returns false when an oracle was
// violated.
func (h *history) until(t time.Time, done func() bool) bool {
	look := h.clock // done is expensive: once a second is enough
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

// bounds sets how long each promise may take after the faults stop.
//
// liveBound is for events that are in the stream by then, in slots from which speed folds into the answering
// generation. A Lambda view answers nothing until its first run is built, so there batch has to bring all of its
// events. A function that hangs is given up after its timeout. The mapping waits at most 10 s before it tries again,
// and collects a batch for at most its window (2 s). A bisected batch takes at most as many invocations as it has
// records (100), each well below a second. So 60 s assumes that no lane has more to do than a few such batches, hence
// that few copies wait (see checkBacklog): speed may read one record at a time, about 20 in a second.
//
// sweptBound is for histories with Kappa views. The sweep has to find what the stream has lost, and republish has to
// deliver it without failing. Replay may wait for the sweep.
//
// batchBound is for every acknowledged event, streamed or not. Its slot ends and is sealed. The next tick, or the one
// after it, makes the event part of a run and applies the run; the first tick may have to finish earlier work, or wait
// for a function that hangs. Where no build has succeeded by then, a tick may have time for one build only, and the
// event waits for those of the other views.
func (s *settings) bounds() {
	s.liveBound = 60 * time.Second
	s.batchBound = s.slotLength + s.sealDelay + s.margin + (2+views-1)*s.tickEvery + 2*s.timeouts[batchRole] +
		10*time.Second
	s.sweptBound = s.batchBound + s.sweepAfter + 2*s.sweepEvery + 2*s.timeouts[sweepRole] + 5*s.timeouts[republishRole] +
		s.liveBound + 2*s.timeouts[replayRole]
}

// settleDown checks that every acknowledged event becomes visible within its bound, and waits until all work has ended.
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
			if e.acked && h.isCertain(p) {
				streamed = append(streamed, p)
			}
		}
	}
	acked := slices.DeleteFunc(slices.Clone(h.identities), func(e *identity) bool { return !e.acked })
	if !h.isPlain() && h.pointers[parseName(marks)].Serving == "" {
		// The first generation may take long to build, and the generation that answers until then says that it lacks events.
		streamed, acked = nil, nil
	}
	if !h.until(from.Add(h.liveBound), nil) {
		return
	}
	var live []*identity
	for _, p := range streamed {
		if p.object.slot >= h.liveFrom(marks) && h.isCertain(p) {
			live = append(live, p.identity)
		}
	}
	h.checkVisible("streamed events", h.liveBound, live)
	bound := max(h.liveBound, h.batchBound)
	if h.hasKappa() {
		// maxStreamAge is 0 where nothing grows too old. Otherwise the sweep has by then passed by the events that the stream
		// never had.
		bound = h.sweptBound + h.maxStreamAge
	}
	if !h.until(from.Add(bound), nil) {
		return
	}
	h.checkVisible("everything", bound, slices.DeleteFunc(acked, h.isLacked))
	// A call that was still in flight may have been applied since.
	if h.until(from.Add(h.patience), h.drained) && !h.drained() {
		h.fail(oracleDrained, "after %s without faults: %d functions run, swept %d of %d runs, %d republish requests "+
			"wait: %+v", h.patience, len(h.flying),
			h.sweptRuns(), len(h.runs), h.queue.waiting, h.pointers)
	}
	if h.violation == nil {
		h.checkQuiet()
	}
	if h.end != nil && h.violation == nil {
		h.end(h)
	}
}

func (h *history) checkVisible(what string, bound time.Duration, all []*identity) {
	for _, key := range h.keys(marks) {
		h.checkNow(marks, key)
	}
	for _, e := range all {
		if e.shown == 0 {
			h.fail(oracleVisible, "event %d, acknowledged at %s, is not visible %s after faults stopped (%s): %s; %+v", e.n,
				e.ackedAt.Sub(epoch), bound, what,
				h.describe(e), h.pointers[parseName(marks)])
			return
		}
	}
}

func (h *history) sweptRuns() uint64 {
	swept, err := h.catalog.Swept(everywhere)
	h.must(err)
	return swept
}

// deployedServe reports whether the definitions that batch was last deployed with are serving, and no other generation
// is on its way.
func (h *history) deployedServe() bool {
	for _, d := range h.kit.of(h.deployed) {
		v := h.pointers[d.Name]
		g, ok := v.Generation(v.Serving)
		if !ok || g.Definition != d.Hash || v.Rebuild != 0 || v.Retired != 0 || g.Lacks > 0 {
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

// drained reports whether all work has ended: every object is in a run, every run is swept, speed has applied every
// record of the stream, and the deployed definitions serve.
func (h *history) drained() bool {
	if !h.deployedServe() {
		return false
	}
	if len(h.flying) > 0 || h.queue.waiting > 0 || h.sweptRuns() < h.lastFilled() ||
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

// lastFilled returns the last run that reads an object. Later runs are empty, so nothing waits for the sweep to pass
// them.
func (h *history) lastFilled() uint64 {
	n := len(h.runs)
	for n > 0 && h.runs[n-1].Objects == 0 {
		n--
	}
	return uint64(n)
}

func (h *history) head() uint64 { return uint64(len(h.runs)) }

// checkQuiet checks every answer while no work is under way. Not only the marks but all values must equal the fold of
// the runs below the row's horizon plus the counting positions of the slots from that horizon on.
func (h *history) checkQuiet() {
	for v := range 2 * views {
		for _, key := range h.keys(v) {
			h.checkNow(v, key)
			h.checkQuietKey(v, key)
			if h.violation != nil {
				return
			}
		}
	}
}

func (h *history) checkQuietKey(v int, key string) {
	a, err := h.query(everywhere, h.observer, v, parametersOf(v, key))
	if err != nil {
		h.fail(oracleQuiet, "view %s, key %q: %v", viewNames[v], key, err)
		return
	}
	g := h.generations[a.Generation].of(v)
	if g.kappa {
		if h.hasDoubts(g) {
			return
		}
		h.checkQuietKappa(g, key, a)
		return
	}
	horizon, err := parseSlot(horizonOf(a))
	h.must(err)
	expected := map[int64]state{}
	for _, start := range h.windows[g.rows(key)] {
		if s := h.folds[cell{g.rows(key), start}].at(h.runOf[horizon]); s.count > 0 {
			expected[start] = s
		}
	}
	for _, e := range h.identities {
		for _, p := range e.positions {
			if !p.counts || p.object.slot < horizon {
				continue
			}
			p.each(func(at cell, amount *big.Int) {
				if at.rowsOf == g.rows(key) {
					expected[at.start] = expected[at.start].add(p.copyOf, amount)
				}
			})
		}
	}
	h.checkQuietRows(v, key, a, expected)
}

// checkQuietKappa checks that an answer of a Kappa generation equals both of its halves, completely.
func (h *history) checkQuietKappa(g *generation, key string, a present.Answer) {
	expected := map[int64]state{}
	for _, start := range h.windows[g.rows(key)] {
		if all, _ := h.kappaBounds(g, cell{g.rows(key), start}, h.step); all.count > 0 {
			expected[start] = all
		}
	}
	h.checkQuietRows(g.view, key, a, expected)
	if run := h.lastFilled(); run > 0 {
		if a.Complete == nil {
			h.fail(oracleComplete, "view %s: everything is replayed and swept, but the answer has no complete",
				viewNames[g.view])
		} else if complete, err := parseSlot(*a.Complete); err != nil || complete < h.runs[run-1].Horizon {
			h.fail(oracleComplete, "view %s: everything is replayed and swept, but the answer is complete only through %s",
				viewNames[g.view], *a.Complete)
		}
	}
}

func (h *history) checkQuietRows(v int, key string, a present.Answer, expected map[int64]state) {
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

// finish moves the clock past every window, and batch past every slot. Then every answer must be exact and equal the
// plain fold.
func (h *history) finish() {
	h.agenda = nil // drops everything that was scheduled
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

// turn runs batch once and then replay once, while nothing else happens.
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

// archiveOrder returns the landed objects in the order of the final fold: by run, and within a run by key.
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
