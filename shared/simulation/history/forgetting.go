package history

import (
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/stream"
)

// forgetting are the settings of a history in which seen items expire while it lasts, and events grow too old for the
// stream. Each is as short as the rules between settings allow. An operator sends requests again from the dead letters,
// at any age.
type forgetting struct {
	forgets         bool
	streamRetention time.Duration
	maxStreamAge    time.Duration // 0 where nothing forgets
}

// longestLife is how long a function of ofStream lives, or a call of it that is on the wire, in a history that forgets.
// There one that outlasts its timeout is killed.
const longestLife = 30 * time.Second

// ofStream are the functions that put records, or look for what was seen of them.
var ofStream = []role{ingestRole, republishRole, speedRole}

// drawForgetting lets a history forget. It takes several times as long as a seen item lives.
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
		if f != StreamDown { // what the stream lacks for long grows too old for it
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

// isSpared says whether faults leave speed alone: the stream lags so far that records would else leave it unread, which
// histories do not play.
func (h *history) isSpared() bool {
	if !h.forgets || h.calm {
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

// checkRetention makes sure that speed has read a record before the stream would have dropped it.
func (h *history) checkRetention(put time.Time) {
	if age := h.clock.Sub(put); h.forgets && age > h.streamRetention+longestLife {
		h.fail(oracleItself, "a record is applied %s after it was put, and the stream keeps it for %s", age,
			h.streamRetention)
	}
}

// keepLetter has a request go to the dead letters now and then, and an operator send it again from there: at any age,
// often at one that decides. It may be one whose success nobody heard of, or one that ingest made for a publishing of
// which the answer was lost. So its records may be in the stream.
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

// keepLetterOf is keepLetter for the object of a record that ingest has put.
func (h *history) keepLetterOf(e stream.Entry) {
	if lines := h.published[string(e.Data)]; len(lines) > 0 {
		h.keepLetter(stream.Republish{Object: string(lines[0].object.key), Lanes: h.beside.Republisher().Lanes()})
	}
}

// isOld says whether an instant, Unix milliseconds, lies so far back that some clock takes it for too old.
func (h *history) isOld(arrival int64) bool {
	return h.maxStreamAge > 0 && arrival < h.clock.Add(2*h.margin-h.maxStreamAge).UnixMilli()
}

// learnLack takes in from which run on a generation lacks events, 0 for none.
func (h *history) learnLack(g *generation, run uint64) {
	switch {
	case run == g.lacks:
		return
	case g.lacks != 0 || !g.kappa || run > h.head():
		h.fail(oracleLacks, "generation %s lacked events from run %d on, and now from run %d", g.id, g.lacks, run)
	case !slices.ContainsFunc(h.landed, func(o *object) bool { return o.run == run && h.isOld(int64(o.request.Time())) }):
		h.fail(oracleLacks, "generation %s lacks events from run %d on, and none of them is too old for the stream", g.id,
			run)
	}
	g.lacks, g.lackFrom = run, g.at(h.step)
}

// isPassedBy says whether a copy that never reached the stream may be left out of it for good: it is too old, and every
// Kappa generation that was to have it from there says that it lacks it.
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

// isLacked says whether what answers says that it lacks events, and an event is one of them.
func (h *history) isLacked(e *identity) bool {
	g := h.generations[answeringOf(h.pointers[parseName(marks)])]
	if g == nil || g.lacks == 0 {
		return false
	}
	return !slices.ContainsFunc(e.positions, func(p *position) bool { return p.counts && p.object.slot >= g.live }) &&
		!slices.ContainsFunc(e.copies, func(c *copyOf) bool { return h.replays(c, g) })
}

// isToRebuild says whether an operator has a view rebuilt: what answers lacks something, and nothing that has it is on
// its way; or replay cannot go on.
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

// noteStuck notes the generations that replay cannot go on with, since seen items have expired.
func (h *history) noteStuck(err error) {
	for id := range h.generations {
		if strings.Contains(err.Error(), string(id)) {
			h.stuck[id] = true
		}
	}
}
