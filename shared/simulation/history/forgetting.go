package history

import (
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/stream"
)

// forgetting are the settings of a history in which seen items expire and events grow too old for the stream. Each
// setting is as short as the rules of shared/setting allow. An operator sends requests from the dead letters again, at
// any age.
type forgetting struct {
	forgets         bool
	streamRetention time.Duration
	maxStreamAge    time.Duration // 0 in a history that does not forget
}

// longestLife is the longest life of a function of ofStream, including its calls in flight, in a history that forgets.
// There a function that outlasts its timeout is killed.
const longestLife = 30 * time.Second

// ofStream are the functions that put records into the stream, or look for receipts of records.
var ofStream = []role{ingestRole, republishRole, speedRole}

// drawForgetting makes the history forget. The history then takes several times the life of a seen item.
func (h *history) drawForgetting() {
	s := &h.settings
	s.forgets = true
	s.streamRetention = h.between(60*time.Second, 90*time.Second).Truncate(time.Second)
	s.speedWindow = h.between(15*time.Second, 30*time.Second).Truncate(time.Second)
	s.maxStreamAge = max(s.streamRetention, s.slotLength+s.sealDelay+2*s.sweepAfter)
	s.longFreeze = h.between(6*time.Second, 10*time.Second)
	longer := max(s.active, 3*(s.maxStreamAge+s.streamRetention+s.speedWindow+longestLife))
	s.requestEvery, s.queryEvery = time.Duration(
		float64(s.requestEvery)*longer.Seconds()/s.active.Seconds()), s.queryEvery*2
	s.active = longer
	for f, o := range s.outages {
		if f != StreamDown { // events that the stream lacks for long grow too old for it
			o.to = earlier(o.to, o.from.Add(15*time.Second))
			s.outages[f] = o
		}
	}
	away := epoch.Add(h.between(0, s.active))
	s.outages[NotInvoked] = outage{away, away.Add(h.between(s.streamRetention/4, s.streamRetention/2))}
	s.rates[EnvironmentEnd] = 0.3
	s.rates[Redriven] = 0.2 + 0.8*h.random.Float64()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// isSpared reports whether faults leave speed alone: the stream lags so far that speed could otherwise lose records
// that it never read, which histories do not play.
func (h *history) isSpared() bool {
	if !h.forgets || h.calm || h.expires {
		return false
	}
	if !h.clock.Before(h.sparedAt) {
		h.sparedAt = h.clock.Add(time.Second)
		h.spared = false
		h.eachRecord(func(r memory.StreamRecord) bool {
			h.spared = !h.isDone(r) && h.clock.Sub(r.Arrival) > h.streamRetention/3
			return !h.spared
		})
	}
	return h.spared
}

// checkRetention checks that speed has read a record before the stream would have dropped it.
func (h *history) checkRetention(put time.Time) {
	if age := h.clock.Sub(put); h.forgets && age > h.streamRetention+longestLife {
		h.fail(oracleItself, "a record is applied %s after it was put, and the stream keeps it for %s", age,
			h.streamRetention)
	}
}

// keepLetter moves a request to the dead letters now and then. An operator sends it again from there, at any age, often
// near the age that decides. The request may be one that succeeded without anybody noticing, or one that ingest made
// because the answer of a publish was lost. So its records may be in the stream already.
func (h *history) keepLetter(r stream.Republish) {
	if !h.forgets || !h.chance(Redriven) {
		return
	}
	age := pick(h,
		h.between(0, h.maxStreamAge),
		h.maxStreamAge-h.between(0, 5*time.Second),
		h.maxStreamAge+h.between(0, h.systemSettings().RetainSeen()),
		h.systemSettings().RetainSeen()+h.between(0, time.Minute),
	)
	h.after(age, func() {
		if !h.calm {
			h.republish(r, 1)
		}
	})
}

// keepLetterOf calls keepLetter for the object of a record that ingest has published.
func (h *history) keepLetterOf(e stream.Entry) {
	if lines := h.published[string(e.Data)]; len(lines) > 0 {
		h.keepLetter(stream.Republish{Object: string(lines[0].object.key), Lanes: h.beside.Republisher().Lanes()})
	}
}

// isOld reports whether an arrival, in Unix milliseconds, is so far back that some clock within the margin finds it too
// old.
func (h *history) isOld(arrival int64) bool {
	return h.maxStreamAge > 0 && arrival < h.clock.Add(2*h.margin-h.maxStreamAge).UnixMilli()
}

// learnLack records the run from which on a generation lacks events; 0 for none.
func (h *history) learnLack(g *generation, run uint64) {
	switch {
	case run == g.lacks:
		return
	case g.lacks != 0 || !g.kappa || run > h.head():
		h.fail(oracleLacks, "generation %s lacked events from run %d on, but now from run %d", g.id, g.lacks, run)
	case !slices.ContainsFunc(h.landed, func(o *object) bool { return o.run == run && h.isOld(int64(o.request.Time())) }):
		h.fail(oracleLacks, "generation %s lacks events from run %d on, but none of these events is too old for the stream",
			g.id, run)
	}
	g.lacks, g.lackFrom = run, g.at(h.step)
}

// isPassedBy reports whether a copy that never reached the stream may stay out of it for good: it is too old, and every
// Kappa generation that should have got it from the stream says that it lacks events.
func (h *history) isPassedBy(c *copyOf) bool {
	if !h.isOld(c.arrival()) {
		return false
	}
	all, err := h.catalog.Views(everywhere)
	h.must(err)
	for _, v := range all {
		for _, g := range v.Generations {
			concerned := !g.HasBase() && g.IsKept() && int64(g.LiveFrom) <= c.arrival()+h.layout.SpeedWindow.Milliseconds()
			if concerned && (g.Lacks == 0 || g.Lacks > c.object.run) {
				return false
			}
		}
	}
	return true
}

// isLacked reports whether the answering generation says that it lacks events, and this event is one of them.
func (h *history) isLacked(e *identity) bool {
	g := h.generations[answeringOf(h.pointers[parseName(marks)])]
	if g == nil || g.lacks == 0 {
		return false
	}
	has := func(p *position) bool { return h.isCertain(p) && p.object.slot >= g.live }
	return !slices.ContainsFunc(e.positions, has) &&
		!slices.ContainsFunc(e.copies, func(c *copyOf) bool { return h.isReplayed(c, g) })
}

// isToRebuild reports whether an operator has to rebuild a view: the answering generation lacks events and no complete
// one is on its way, or replay cannot continue.
func (h *history) isToRebuild(v lifecycle.View) bool {
	if !h.forgets {
		return false
	}
	hopeless := func(g lifecycle.Generation) bool { return g.Lacks > 0 || h.stuck[g.ID] }
	for _, g := range v.Generations {
		if g.State == lifecycle.Announced || g.State == lifecycle.Building {
			return hopeless(g)
		}
	}
	g, ok := v.Generation(v.Serving)
	return ok && hopeless(g)
}

// noteStuck records the generations that replay cannot continue, since seen items have expired.
func (h *history) noteStuck(err error) {
	for id := range h.generations {
		if strings.Contains(err.Error(), string(id)) {
			h.stuck[id] = true
		}
	}
}
