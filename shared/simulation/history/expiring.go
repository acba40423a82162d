package history

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// In some histories speed stands still for longer than the stream keeps its records, so records leave the stream before
// speed has applied them. Either nobody invokes speed, or speed begins each batch and fails when it writes items: then
// it has stored records as seen that it never applies.
//
// Such a record is *expired*. What it holds comes back through the sweep, which has the events republished: a later
// position of the lane. The oracle knows of each position of an expired record that an answer may count its event, and
// never demands it. It demands that no event counts twice, that every event is counted in the end, and that a Kappa
// generation says so where it lacks one.

// expiring are the settings of a history in which records expire.
type expiring struct {
	expires              bool
	standsFrom, standsTo time.Time // speed stands still meanwhile
	halfway              bool      // it stands still since all its writes of items fail
}

// drawExpiring draws whether records expire, from a random source of its own, so that other histories are not affected.
func (h *history) drawExpiring(seed uint64) {
	own := h.random
	h.random = rand.New(rand.NewPCG(seed, 0x65787069726564))
	defer func() { h.random = own }()
	oneIn := 10
	if h.forgets {
		oneIn = 2
	}
	if h.random.IntN(oneIn) > 0 && !h.lapses {
		return
	}
	if !h.forgets {
		h.drawForgetting()
	}
	s := &h.settings
	s.expires, s.halfway = true, h.random.IntN(2) == 0
	// With the shortest age allowed, nothing that has expired comes back; with a longer one, everything does.
	s.maxStreamAge = max(s.maxStreamAge, pick[time.Duration](h, 1, 3, 3, 4)*s.streamRetention)
	stands := s.streamRetention + h.between(0, s.streamRetention)
	s.standsFrom = epoch.Add(h.between(0, s.active/2))
	s.standsTo = s.standsFrom.Add(stands)
	longer := max(s.active, s.standsTo.Sub(epoch)+s.maxStreamAge)
	s.requestEvery = time.Duration(float64(s.requestEvery) * longer.Seconds() / s.active.Seconds())
	s.active = longer
	// In so long a time, batch may fall far behind. It then has many runs to make.
	s.batchBound, s.sweptBound = s.batchBound+s.active, s.sweptBound+s.active
	delete(s.outages, NotInvoked)
}

// standsStill reports whether speed stands still.
func (h *history) standsStill() bool {
	return h.expires && !h.calm && !h.clock.Before(h.standsFrom) && h.clock.Before(h.standsTo)
}

// expire lets the records leave the stream that it has kept for its retention.
func (h *history) expire(list []eventsource.Shard) {
	for _, r := range slices.Clone(h.doubtful) {
		h.settleExpired(r)
	}
	if !h.expires {
		return
	}
	kept := h.clock.Add(-h.streamRetention)
	for _, shard := range list {
		found, _, err := h.stream.Read(string(shard.ID), "", 1<<30)
		h.must(err)
		for _, r := range found {
			if r.Arrival.After(kept) {
				break
			}
			if d := h.delivered[r.Sequence]; d == nil {
				h.count(Expired)
				h.noteExpired(h.published[string(r.Data)])
			} else if d.done == 0 && !d.expired && !d.applied {
				h.expireRecord(d)
			}
			h.stream.Trim(string(shard.ID), r.Sequence)
		}
	}
}

// expireRecord notes that a record has left the stream, and will not be delivered again.
func (h *history) expireRecord(r *record) {
	switch {
	case r.expired:
		return
	case r.begun:
		h.count(BegunExpired)
	case r.done == 0:
		h.count(Expired)
	}
	r.expired, r.halved = true, r.begun
	for _, p := range r.lines {
		h.noteExpired([]*copyOf{p.copyOf})
	}
	h.doubtful = append(h.doubtful, r)
	h.settleExpired(r)
	h.recountAll(r)
	h.checkHalved(r)
}

// isPassedOver reports whether speed has not begun a record that it reports as applied, since the record was about to
// leave the stream.
func (h *history) isPassedOver(r *record) bool {
	return h.forgets && !r.begun && len(r.lines) > 0 && h.clock.Sub(r.put) > h.systemSettings().BeginWithin()-h.margin
}

func (h *history) noteExpired(lines []*copyOf) {
	for _, c := range lines {
		c.expired = true
	}
}

// settleExpired forgets the positions of an expired record once it is certain that speed has not begun it.
func (h *history) settleExpired(r *record) {
	if r.begun || slices.ContainsFunc(r.given, func(inv *invocation) bool { return !inv.ended }) {
		return
	}
	h.doubtful = slices.DeleteFunc(h.doubtful, func(other *record) bool { return other == r })
	for _, p := range r.lines {
		h.withdraw(p)
		p.identity.positions = slices.DeleteFunc(p.identity.positions, func(other *position) bool { return other == p })
	}
	h.recountAll(r)
}

// recountAll decides anew which positions of a record's events may count.
func (h *history) recountAll(r *record) {
	for _, p := range r.lines {
		for _, at := range p.identity.positions {
			if counts := h.mayCount(at); counts && !at.counts {
				h.enter(at)
			} else if !counts && at.counts {
				h.withdraw(at)
			}
		}
	}
}

// given notes that an invocation got records.
func (h *history) noteGiven(inv *invocation, records []stream.Record) {
	for _, r := range records {
		if d := h.delivered[r.Sequence]; d != nil && h.forgets {
			d.given = append(d.given, inv)
		}
	}
}

// noteBegun notes that speed has stored records as seen.
func (h *history) noteBegun(item viewstore.SeenItem) {
	for _, r := range item.Records {
		if d := h.delivered[r.Sequence]; d != nil {
			d.begun = true
			h.setUnsure(d, false)
		}
	}
	for sequence, d := range h.delivered {
		if d.lane == item.Lane.String() && d.done == 0 && sequence.Compare(item.Last()) < 0 && h.isPassedOver(d) {
			h.setUnsure(d, true)
		}
	}
}

// setUnsure says whether an invocation that has not ended may have passed a record over. Later records of the
// invocation may be in items already.
func (h *history) setUnsure(r *record, unsure bool) {
	if r.unsure != unsure {
		r.unsure = unsure
		h.recountAll(r)
	}
}

// noteApplied notes that speed has stored that it has applied records.
func (h *history) noteApplied(applied viewstore.Applied) {
	for sequence, r := range h.delivered {
		if r.lane == applied.Lane.String() && applied.Covers(sequence) && !r.expired {
			r.applied = true
		}
	}
}

// withdraw makes a position not count.
func (h *history) withdraw(p *position) {
	p.counts = false
	p.each(func(at cell, _ *big.Int) {
		h.counting[at] = slices.DeleteFunc(h.counting[at], func(other *position) bool { return other == p })
	})
}

// isUnknown reports whether a record may have been begun or not: it is unsure, or it has expired, and may have been
// begun after that. Until it is known, both its positions and later ones may count.
func (r *record) isUnknown() bool { return r.unsure || r.expired && !r.halved }

// isCertain reports whether a position counts and its record did not expire.
func (h *history) isCertain(p *position) bool {
	if !p.counts || p.record.expired {
		return false
	}
	return !h.forgets || !slices.ContainsFunc(p.identity.positions, func(other *position) bool {
		return other.record.isUnknown() && h.isNear(p.copyOf, other.copyOf)
	})
}

// isApplied reports whether an answer whose reads began at a step must count a position.
func (h *history) isApplied(p *position, began uint64) bool {
	return p.record.done != 0 && p.record.done <= began && h.isCertain(p)
}

// isDelivered reports whether the copy has a position in its lane that speed has applied or will apply, and no earlier
// position that speed began and perhaps never applied makes it a duplicate.
func (c *copyOf) isDelivered() bool {
	return slices.ContainsFunc(c.positions, func(p *position) bool {
		return p.copyOf == c && !p.record.expired && !slices.ContainsFunc(c.positions, func(q *position) bool {
			return q.record.halved && q.record.sequence.Compare(p.record.sequence) < 0
		})
	})
}

// checkHalved checks that no run counts as swept of which speed has begun an event and perhaps never applied it, unless
// Kappa generations say that they lack events.
func (h *history) checkHalved(r *record) {
	for _, p := range r.lines {
		if run := p.object.run; r.halved && p.counts && run > 0 && run <= h.sweptRuns() && h.hasOnlyStream(p.copyOf) {
			h.fail(oracleSwept, "run %d is swept, but the record %s of event %d expired before speed had applied it", run,
				r.sequence, p.n)
		}
	}
}

// hasOnlyStream reports whether a generation gets a copy from the stream alone, and does not say that it lacks events
// of the copy's run.
func (h *history) hasOnlyStream(c *copyOf) bool {
	return h.has(func(g lifecycle.Generation) bool {
		return !g.HasBase() && g.IsKept() && g.LiveFrom <= c.object.slot && (g.Lacks == 0 || g.Lacks > c.object.run)
	})
}

// hasDoubts reports whether records with events of a generation's live half have expired after speed had begun them.
func (h *history) hasDoubts(g *generation) bool {
	return h.forgets && slices.ContainsFunc(h.identities, func(e *identity) bool {
		return slices.ContainsFunc(e.positions, func(p *position) bool {
			return p.record.expired && p.object.slot >= g.live
		})
	})
}
