package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/view"
)

// changes are the settings for changes of views: which definitions there are, and what operators do.
type changes struct {
	engines       bool         // batch is deployed by two releases, with two versions of the engine
	choices       []deployment // batch is deployed with the first, and now and then with any of them
	approve       bool         // a generation may replace a serving one only after an operator's approval
	replayEvery   time.Duration
	replayBytes   int64
	operatorEvery time.Duration // average time between operations; 0: there is no operator
	auditEvery    time.Duration // 0: no audits until the final one
}

// isPlain reports whether no view is Kappa and nobody operates or audits.
func (c changes) isPlain() bool {
	return !c.hasKappa() && !c.engines && c.operatorEvery == 0 && c.auditEvery == 0
}

func (c changes) hasKappa() bool {
	for _, d := range c.choices {
		for _, f := range d {
			if f.kappa {
				return true
			}
		}
	}
	return false
}

// mayBuild reports whether more generations may be built later, from all history.
func (h *history) mayBuild() bool {
	return h.rates[DefinitionChanged] > 0 || h.operatorEvery > 0 || h.leaseFor > 0 || h.clock.Before(h.takenOverAt)
}

// hasEngines reports whether a history has two versions of the engine: one in ten has.
func (h *history) hasEngines(seed uint64) bool { return !h.kappa && seed%10 == 7 }

// drawChanges draws the changes of a history from a random source of its own. So the two in five histories without
// changes are not affected by it.
func (h *history) drawChanges(seed uint64) changes {
	own := h.random
	h.random = rand.New(rand.NewPCG(seed, 0x6b61707061))
	defer func() { h.random = own }()
	c := changes{choices: plainDeployments, replayEvery: h.between(time.Second, 6*time.Second),
		replayBytes: pick(h, int64(1), 400, 2000, 1<<20)}
	s := &h.settings
	draw := h.random.IntN(20)
	if c.engines = h.hasEngines(seed); c.engines {
		draw = 8 + draw%12
	}
	if h.kappa {
		draw = 10 + draw/2
	} else if draw < 8 {
		return c
	}
	if draw < 10 {
		c.choices = []deployment{original, changed, allChanged}
	} else {
		c.choices = pick(h,
			[]deployment{original, marksKappa}, []deployment{original, kappa}, []deployment{kappa, original},
			[]deployment{kappa, kappa2},
			[]deployment{allChanged, kappa, kappa2}, []deployment{original, userKappa, marksKappa, kappa, kappa2, changed},
			[]deployment{marksKappa},
		)
		// A Kappa generation serves late: its first live slot has to come, and the sweep has to get there.
		s.active, s.requestEvery = s.active*2, s.requestEvery*2
		s.sweepAfter, s.tickEvery = h.between(3*time.Second, 10*time.Second), min(s.tickEvery, s.slotLength)
		for _, f := range []Fault{ReplayTwice, ReplayMissed} {
			if h.random.IntN(2) == 0 {
				s.rates[f] = h.random.Float64() / 2
			}
		}
	}
	if c.engines {
		c.choices = pick(h, []deployment{engineBefore, engineNow, original},
			[]deployment{engineBeforeKappa, engineNowKappa, original})
	}
	if h.kappa && seed%2 == 0 {
		for _, f := range []Fault{DoubledAtEdge, BeyondSpeed, BeyondBatch, Conflicting, Timeless} {
			s.rates[f] = 0
		}
	}
	s.rates[DefinitionChanged] = 0
	if len(c.choices) > 1 {
		s.rates[DefinitionChanged] = 0.02 + 0.15*h.random.Float64()
	}
	if h.random.IntN(2) == 0 {
		c.auditEvery = h.between(5*time.Second, 40*time.Second)
		s.rates[AuditTwice] = h.random.Float64() / 2
	}
	if draw < 10 || h.random.IntN(2) == 0 {
		h.drawOperator(&c)
	}
	if h.random.IntN(2) == 0 {
		s.rates[ViewLeftOut] = h.random.Float64() / 2
	}
	if c.hasKappa() && h.random.IntN(4) == 0 {
		h.drawForgetting()
	}
	return c
}

func (h *history) drawOperator(c *changes) {
	c.operatorEvery, c.approve = h.between(3*time.Second, 15*time.Second), h.random.IntN(3) == 0
	h.settings.active, h.settings.requestEvery = h.settings.active*3/2, h.settings.requestEvery*3/2
	for _, o := range operatorFaults {
		if h.random.IntN(3) > 0 {
			h.settings.rates[o.fault] = h.random.Float64()
		}
		if o.states == nil {
			h.settings.rates[o.fault] /= 4
		}
	}
	if c.approve {
		h.settings.rates[OperatorSwitches] = 0.5
	}
}

// operatorFault is an operation, and the states of the generations for which it makes sense. Without states, it is an
// operation on the whole view.
type operatorFault struct {
	fault     Fault
	operation operations.Operation
	states    []lifecycle.State
}

var operatorFaults = []operatorFault{
	{OperatorSwitches, operations.Switch, []lifecycle.State{lifecycle.Building, lifecycle.Retained}},
	{OperatorRollsBack, operations.Rollback, []lifecycle.State{lifecycle.Retained}},
	{OperatorDrops, operations.Drop, []lifecycle.State{lifecycle.Retained}},
	{OperatorAbandons, operations.Abandon, []lifecycle.State{lifecycle.Announced, lifecycle.Building}},
	{OperatorRebuilds, operations.Rebuild, nil},
	{OperatorAudits, operations.Audit, nil},
}

// hasSense reports whether the view has a generation in one of these states.
func (o operatorFault) hasSense(v lifecycle.View) bool {
	return o.states == nil || slices.ContainsFunc(v.Generations, func(g lifecycle.Generation) bool {
		return slices.Contains(o.states, g.State)
	})
}

// beginChanges schedules replay, audits and operators.
func (h *history) beginChanges() {
	if h.hasKappa() {
		h.after(h.replayEvery, h.scheduleReplay)
	}
	if h.auditEvery > 0 {
		h.after(h.auditEvery, h.scheduleAudits)
	}
	if h.operatorEvery > 0 {
		h.after(h.operatorEvery, h.scheduleOperator)
	}
}

// scheduleReplay schedules replay.
func (h *history) scheduleReplay() {
	if !h.chance(ReplayMissed) {
		h.replay()
		if h.chance(ReplayTwice) {
			h.after(h.between(0, 20*h.latencyUpTo), h.replay)
		}
	}
	h.after(h.replayEvery, h.scheduleReplay)
}

func (h *history) replay() {
	h.invoke(replayRole, "tick", func(ctx context.Context, e *environment) {
		report, err := e.replay.Tick(ctx)
		h.onHeld(report.Lease)
		runs := 0
		for _, g := range report.Generations {
			runs += g.Runs
			if g.Waits {
				h.count(ReplayWaited)
			}
		}
		if errors.Is(err, speed.ErrSeenExpired) {
			h.noteStuck(err)
		}
		h.line(e.current.name, "replayed", fmt.Sprintf("%d runs", runs), outcome(err))
	}, func(bool) {})
}

// scheduleAudits schedules audits, until the final one (finalAudit).
func (h *history) scheduleAudits() {
	if h.calm {
		return
	}
	h.audit()
	if h.chance(AuditTwice) {
		h.after(h.between(0, 20*h.latencyUpTo), h.audit)
	}
	h.after(h.auditEvery, h.scheduleAudits)
}

func (h *history) audit() {
	h.invoke(auditRole, "tick", func(ctx context.Context, e *environment) {
		report, err := e.audit.Tick(ctx)
		for _, v := range report.Views {
			if e.isChecked() {
				h.checkFindings(v.Name, v.Findings)
			}
		}
		h.line(e.current.name, "audited", fmt.Sprintf("%d views", len(report.Views)), outcome(err))
	}, func(bool) {})
}

// checkFindings checks an audit's findings: nothing has gone wrong that an audit could find.
func (h *history) checkFindings(name view.Name, found catalog.Findings) {
	if found.Error != "" {
		return
	}
	h.count(Audited)
	if found.Drift > 0 || found.Lost > 0 {
		h.fail(oracleDrift, "view %s, generation %s, run %d: %d windows drift, %d objects are lost: "+
			"%+v %v", name, found.Generation,
			found.Run, found.Drift, found.Lost, found.Drifts, found.LostObjects)
	}
}

// scheduleOperator lets an operator do something now and then, sensible or not.
func (h *history) scheduleOperator() {
	if h.calm {
		return
	}
	v := h.pointers[parseName(h.random.IntN(views))]
	for _, at := range h.random.Perm(len(operatorFaults)) {
		o := operatorFaults[at]
		if h.rates[o.fault] == 0 || h.random.Float64() >= h.rates[o.fault] || h.random.IntN(8) > 0 && !o.hasSense(v) {
			continue
		}
		var id lifecycle.GenerationID
		takes := o.operation != operations.Rebuild && o.operation != operations.Audit
		if n := len(v.Generations); takes && n > 0 && h.random.IntN(3) == 0 {
			id = v.Generations[h.random.IntN(n)].ID
		}
		if retained, _ := v.FirstInState(lifecycle.Retained); o.operation == operations.Drop && id == "" &&
			h.rates[ViewLeftOut] > 0 {
			if id = retained.ID; id == "" {
				break // it would drop a view that may be retired by then, with the generation that answers
			}
		}
		h.operate(v.Name, o.operation, id, o.fault)
		break
	}
	h.after(h.between(0, 2*h.operatorEvery), h.scheduleOperator)
}

// operate does an operation on a view, and counts it once it is done.
func (h *history) operate(name view.Name, operation operations.Operation, id lifecycle.GenerationID, counted Fault) {
	calm := h.calm
	h.invoke(operatorRole, fmt.Sprintf("%s %s %s", operation, name, id), func(ctx context.Context, e *environment) {
		_, err := e.operator.Do(ctx, name, operation, id)
		var refusal *lifecycle.Refusal
		switch {
		case err == nil:
			h.count(counted)
		case errors.As(err, &refusal):
			h.count(OperatorRefused)
		case calm && !errors.Is(err, catalog.ErrConflict):
			h.fail(oracleOperator, "%s of view %s: %v", operation, name, err)
		}
		h.line(e.current.name, "has done", string(operation), outcome(err))
	}, func(bool) {})
}

// restore acts as an operator after the faults have stopped: it releases held definitions and approves waiting
// generations, so that the deployed definitions serve in the end.
func (h *history) restore() {
	if h.operatorEvery == 0 && !h.forgets && h.leaseFor == 0 {
		return
	}
	for _, d := range h.kit.of(h.deployed) {
		v := h.pointers[d.Name]
		for _, g := range v.Generations {
			if g.State == lifecycle.Building && h.approve && v.Serving != "" {
				h.operate(d.Name, operations.Switch, g.ID, OperatorSwitches)
			}
		}
		if (v.Held == d.Hash || h.isToRebuild(v)) && v.Rebuild == 0 {
			h.operate(d.Name, operations.Rebuild, "", OperatorRebuilds)
		}
	}
}
