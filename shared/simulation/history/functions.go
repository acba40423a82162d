package history

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/sweep"
	"github.com/anabranch/anabranch/shared/system"
)

// role is the function that an environment runs.
type role int

const (
	ingestRole role = iota
	republishRole
	speedRole
	batchRole
	sweepRole
	queryRole
	replayRole
	auditRole
	operatorRole
	roles int = iota
)

var roleNames = [roles]string{"ingest", "republish", "speed", "batch", "sweep", "query", "replay", "audit", "operator"}

// environment is one execution environment of a function. Its memory survives invocations, and it has a clock of its
// own. It runs one invocation at a time, as on Lambda.
type environment struct {
	h       *history
	role    role
	name    string        // such as "speed/3"
	skew    time.Duration // how far its clock is ahead
	current *invocation   // nil while it is idle
	over    bool          // it takes no more invocations
	stack   *stack        // whose stores it reaches

	older    bool // its code and settings are those of the release before (releases.go)
	settings setting.All

	ingest      *ingest.Ingest
	republisher *ingest.Republisher
	speed       *speed.Speed
	batch       *batch.Batch
	sweep       *sweep.Sweep
	query       *serving.Serving
	replay      *speed.Replay
	audit       *audit.Audit
	operator    *operations.Operations
}

func (e *environment) now() time.Time { return e.h.clock.Add(e.skew) }

// invocation is one invocation of a function.
type invocation struct {
	*coroutine
	env      *environment
	name     string     // such as "speed/3#41"
	started  uint64     // the step at which it began
	request  *ulid.ULID // the last ULID that ingest made
	commitBy time.Time  // when ingest must give up its put, by its own clock
	partly   bool       // the stream takes only a part of the next Publish
	thaws    time.Time  // until then its process is frozen
	refused  int        // number of next DynamoDB calls that are throttled: throttling comes in bursts
	ended    bool
	returned bool // its caller has a result and has continued
	onResult func(ok bool)
}

var silent = slog.New(slog.DiscardHandler)

// system returns the system over some stores.
func (h *history) system(stores system.Stores, settings setting.All, compiled *programs.Cache, now func() time.Time,
	newULID func(time.Time) (ulid.ULID, error), repeat runner.Repeater) *system.System {
	stores.Programs = compiled
	if repeat == nil {
		settings.LeaseFor = 0 // nothing renews a lease
	}
	s, err := system.New(stores, settings, setting.Host{
		Layout: h.layout, Codec: h.kit.codec, Parallel: runner.Sequential, Repeat: repeat, Workers: 2, Now: now,
		NewULID: newULID, Log: silent,
	})
	h.must(err)
	return s
}

// seenBesideWindow is how long a seen item lives beyond the speed window.
const seenBesideWindow = 5 * 24 * time.Hour

func (h *history) systemSettings() setting.All {
	s := setting.Default()
	s.Slot, s.Lanes, s.DedupeWindow, s.SpeedWindow = h.slotLength, h.lanes, h.batchWindow, h.speedWindow
	s.Layout = h.number()
	s.ClockMargin, s.CommitWithin, s.SealDelay, s.Lookback = h.margin, h.commitWithin, h.sealDelay, h.lookback
	// As tight as allowed: the archive reports whole seconds, but all clocks are within the margin of the true time.
	s.ClockUnit = 0
	s.RunBytes, s.SweepAfter, s.RetainFor = h.runBytes, h.sweepAfter, h.retainFor
	s.RequireApproval, s.ReplayBytes = h.approve, h.replayBytes
	s.StreamRetention, s.MaxStreamAge, s.PublishTime = seenBesideWindow, seenBesideWindow, time.Second
	s.LongestInvocation, s.AuditEvery = 0, max(h.auditEvery, time.Nanosecond)
	if h.forgets {
		s.StreamRetention, s.MaxStreamAge, s.QueueRetention = h.streamRetention, h.maxStreamAge, 0
		s.LongestInvocation, s.AuditEvery = longestLife, max(h.auditEvery, longestLife+1)
	}
	s.SpeedRetain = s.MaxStreamAge + s.StreamRetention + time.Second // no speed item of a history expires
	s.MaxBody, s.WriteTries, s.LeaseFor = 1<<20, 3, h.leaseFor
	return s
}

// open makes a new environment.
func (h *history) open(r role) *environment {
	h.opened++
	e := &environment{h: h, stack: h.stack, role: r, name: fmt.Sprintf("%s/%d", roleNames[r], h.opened)}
	if skew, fixed := h.skews[r]; fixed {
		e.skew = skew
	} else if h.edgy {
		// Clocks as far apart as the margin allows. Ingest is behind, so its slots end late, or ahead; batch is ahead; speed
		// is anywhere.
		switch r {
		case ingestRole:
			e.skew = pick(h, -h.margin, h.margin)
		case batchRole:
			e.skew = h.margin
		default:
			e.skew = pick(h, -h.margin, 0, h.margin)
		}
		h.count(Skewed)
	} else if h.rates[Skewed] > 0 && h.random.IntN(2) == 0 {
		// Any clock within the margin, often at one of its ends.
		e.skew = pick(h, h.margin, -h.margin, h.between(-h.margin, h.margin))
		h.count(Skewed)
	}
	e.drawRelease()
	compiled := h.compiled.programs
	if h.chance(ColdStart) || e.older && h.behind {
		compiled = &programs.Cache{}
	}
	p := port{e}
	s := h.system(system.Stores{
		Archive: archivePort{p}, Stream: streamPort{p}, Queue: queuePort{p}, Catalog: catalogPort{p}, Base: basePort{p},
		Speed: speedPort{p},
		Seen:  seenPort{p},
	}, e.settings, compiled, e.now, e.newULID, e.repeat)
	switch r {
	case ingestRole:
		e.ingest = s.Ingest()
	case republishRole:
		e.republisher = s.Republisher()
	case speedRole:
		e.speed = s.Speed()
	case batchRole:
		e.batch = s.Batch(e.definitions())
		e.batch.ListPage = 10 // so that most listings take several rounds
	case sweepRole:
		e.sweep = s.Sweep()
	case queryRole:
		e.query = s.Serving()
	case replayRole:
		e.replay = s.Replay()
	case auditRole:
		e.audit = s.Audit()
	case operatorRole:
		e.operator = s.Operations()
	}
	h.environments[r] = append(h.environments[r], e)
	return e
}

// newULID also records until when ingest may commit the request.
func (e *environment) newULID(at time.Time) (ulid.ULID, error) {
	id, err := e.h.newULID(at)
	if e.role == ingestRole {
		e.current.commitBy, e.current.request = at.Add(e.settings.CommitWithin), &id
	}
	return id, err
}

func (h *history) newULID(at time.Time) (ulid.ULID, error) {
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(at)); err != nil {
		return id, err
	}
	var entropy [10]byte
	for i := range entropy {
		entropy[i] = byte(h.random.Uint32())
	}
	return id, id.SetEntropy(entropy[:])
}

// deploy deploys batch with other definitions. Existing environments keep the old ones until they end.
func (h *history) deploy(d deployment) {
	h.deployed = d
	h.line("history", "deploys definitions", d.String(), "")
}

// endOldVersions ends the existing environments of batch and those of the older release, as a deployment does once
// their invocations have ended.
func (h *history) endOldVersions() {
	for r, all := range h.environments {
		for _, e := range all {
			e.over = e.over || role(r) == batchRole || e.older
		}
	}
}

// idle returns an environment that is free, any of them, or opens one.
func (h *history) idle(r role) *environment {
	var free []*environment
	kept := h.environments[r][:0]
	for _, e := range h.environments[r] {
		if e.over {
			continue
		}
		kept = append(kept, e)
		if e.current == nil {
			free = append(free, e)
		}
	}
	h.environments[r] = kept
	if len(free) > 0 && h.chance(EnvironmentEnd) {
		free[0].over = true
		h.line(free[0].name, "ends", "", "")
		free = free[1:]
	}
	if len(free) == 0 {
		return h.open(r)
	}
	return free[h.random.IntN(len(free))]
}

// invoke runs a function in some environment. It calls onResult once: with true when the function has returned, with
// false when it was killed or outlasted its timeout. In the last case the function may still be running.
func (h *history) invoke(r role, what string, body func(ctx context.Context, e *environment),
	onResult func(ok bool)) *invocation {
	e := h.idle(r)
	h.invoked++
	if e.older {
		h.count(OlderRelease)
	}
	inv := &invocation{env: e, name: fmt.Sprintf("%s#%d", e.name, h.invoked), started: h.step, onResult: onResult}
	e.current = inv
	ctx := lambdaContext{everywhere, e.now().Add(h.timeouts[r])}
	inv.coroutine = newCoroutine(func() { body(ctx, e) })
	h.flying = append(h.flying, inv)
	h.line(inv.name, "begins", what, "")
	h.after(h.timeouts[r], func() { h.timeout(inv) })
	h.resume(inv)
	return inv
}

// lambdaContext has a deadline in virtual time, by the environment's clock, and is never cancelled.
type lambdaContext struct {
	context.Context
	deadline time.Time
}

func (c lambdaContext) Deadline() (time.Time, bool) { return c.deadline, true }

// resume lets a function run until it pauses again or ends.
func (h *history) resume(inv *invocation) {
	if inv.ended {
		return
	}
	if d, more := inv.next(); more {
		h.after(d, func() { h.resume(inv) })
		return
	}
	h.endOf(inv)
}

// endOf ends an invocation whose function has returned or was killed.
func (h *history) endOf(inv *invocation) {
	inv.ended = true
	inv.env.current = nil
	for i, other := range h.flying {
		if other == inv {
			h.flying = append(h.flying[:i], h.flying[i+1:]...)
			break
		}
	}
	if inv.killed {
		inv.env.over = true
		h.line(inv.name, "is killed", "", "")
	} else {
		h.line(inv.name, "ends", "", "")
	}
	if !inv.returned {
		inv.returned = true
		inv.onResult(!inv.killed)
	}
}

// timeout lets the caller continue without a function that has run for too long. Lambda kills such a function. Some are
// not killed here, since a zombie that continues to run is the harder case.
func (h *history) timeout(inv *invocation) {
	if inv.ended {
		return
	}
	h.count(TimedOut)
	h.line(inv.name, "has timed out", "", "")
	inv.env.over = true
	inv.returned = true
	inv.onResult(false)
	if h.random.IntN(3) == 0 || h.forgets && slices.Contains(ofStream, inv.env.role) {
		h.kill(inv)
	} else {
		h.count(Zombie)
	}
}

func (h *history) kill(inv *invocation) {
	inv.stop()
	inv.killed = true
	h.endOf(inv)
}
