// Package lifecycle describes the life of a view's generations as values: the generations of a view, the one that
// answers, and every move from one state to another. Each move is a pure function from a view to the next one. The
// caller stores the result by one conditional write.
//
// Source: docs/design.md 3.7.
package lifecycle

import (
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// GenerationID names one full set of a view's items. An id is never used twice. Example: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N".
type GenerationID string

// Run is one committed run of batch. All views share it.
type Run struct {
	N          uint64    // number: from 1, without gaps
	Horizon    slot.Slot // exclusive end of the slots that runs 1 to N cover; grows with N
	Manifest   string    // archive key; "" when the run reads no object
	Identities string    // archive key; "" when the run has no event

	// First and last arrival stamp of the run's events, both included; event.Never when it has none.
	FirstArrival, LastArrival event.Millis

	Objects     int64 // objects read
	LateObjects int64 // objects of slots that an earlier run had already covered
	Events      int64 // lines read, duplicates included
	Duplicates  int64 // events not counted, since their identity occurred before within the dedupe window
	Conflicts   int64 // duplicates whose payload differs from the event that was counted
	Bytes       int64 // length of the lines read, with their line ends

	// Objects and events of runs 1 to N: what a build or an audit reads.
	AllObjects, AllEvents int64
}

// State is a generation's place in its life. View.Serving, not the state, decides which generation serves.
type State string

// The states of a generation, in this order.
const (
	None State = "" // the generation does not exist: not yet, or no longer
	// Speed folds events from LiveFrom on, if the announcement came in time. Nobody builds the generation yet.
	Announced State = "announced"
	Building  State = "building" // the announcement came in time: the owner brings runs in; it does not serve yet
	Serving   State = "serving"
	// It has served before. It is kept current until it is dropped, so that a rollback to it takes one write.
	Retained State = "retained"
	// It was given up: no new query reads it, and nobody writes it. Its owner dates it, deletes its items once DropGrace
	// has passed since then, and at last deletes the generation itself.
	Dropping State = "dropping"
)

// Generation is one full set of base items of a view.
type Generation struct {
	ID         GenerationID
	Definition view.Hash
	State      State
	LiveFrom   slot.Slot    // speed folds events of slots from here on; slot.Beginning: of all slots
	Run        uint64       // last run that the owner has brought in; 0: none
	Horizon    slot.Slot    // horizon of that run; slot.Beginning: no run
	Since      event.Millis // when it was retained, or dated as Dropping; event.Never: neither

	// Decides who owns the generation and what Run and Horizon mean: see Owner and HasBase.
	Architecture view.Architecture
	// The first run whose events the stream lost for good: the generation is incomplete from there on. 0: none.
	Lacks uint64
	// The last of the runs that batch applied in one pass, where it found duplicates over the whole history. 0: none,
	// or unknown.
	Built uint64
	// Events of the runs up to this one may show in answers of another generation, or wait in the stream. 0: no such run.
	// No generation replaces another before it has them all, since answers never go back. Before any serves, one with
	// base items does not answer either: see Answers.
	AnswersFrom uint64
}

// IsKept reports whether the generation is still in use: announced, being built, serving or retained. Speed folds it,
// and its owner brings runs in, now or later.
func (g Generation) IsKept() bool { return g.State != Dropping }

func (g Generation) isOnItsWay() bool { return g.State == Announced || g.State == Building }

// View is one view's pointer item: at most 4 KB, read once by every query.
type View struct {
	Name        view.Name
	Description string // for people: no part of the definition
	Revision    int64  // revision of this item; 0: not stored yet
	Serving     GenerationID
	Generations []Generation

	// A definition that an operator has put away by a rollback or an abandon. Batch does not build it, although it is
	// deployed with it, until another definition is deployed or an operator asks for it again.
	Held view.Hash
	// When batch first found that the deployed views file no longer names the view; event.Never: it does.
	Retired event.Millis
	// An operator has requested a rebuild of the definition, which batch begins with its next run: the revision that the
	// request gave the view, which tells it from any other request. 0: none.
	Rebuild int64
	// Why batch has given up the build of a generation; "": it has not, or another generation has begun or served since.
	Failure string
}

// IsGone reports whether the view was retired and then dropped: it no longer answers. Its item stays for the revision,
// which never starts again. So a function that was frozen for long cannot mistake a new view of the same name for the
// one that it has read.
func (v View) IsGone() bool {
	return v.Retired != event.Never && !slices.ContainsFunc(v.Generations, Generation.IsKept)
}

// WantsRebuild reports whether batch should rebuild the view. A retired view is not rebuilt.
func (v View) WantsRebuild() bool { return v.Rebuild != 0 && v.Retired == event.Never }

// Generation returns the generation with the id.
func (v View) Generation(id GenerationID) (Generation, bool) {
	for _, g := range v.Generations {
		if g.ID == id {
			return g, true
		}
	}
	return Generation{}, false
}

// FirstInState returns the first generation that is in one of the given states.
func (v View) FirstInState(states ...State) (Generation, bool) {
	for _, g := range v.Generations {
		if slices.Contains(states, g.State) {
			return g, true
		}
	}
	return Generation{}, false
}

// With returns a copy of v in which g replaces the generation with the same id.
func (v View) With(g Generation) View {
	generations := make([]Generation, len(v.Generations))
	copy(generations, v.Generations)
	for i := range generations {
		if generations[i].ID == g.ID {
			generations[i] = g
		}
	}
	v.Generations = generations
	return v
}

// GenerationOf returns the generation of a definition that is in use. When there are several, it returns the one
// nearest to serving.
func (v View) GenerationOf(definition view.Hash) (Generation, bool) {
	for _, state := range []State{Serving, Building, Announced, Retained} {
		for _, g := range v.Generations {
			if g.Definition == definition && g.State == state {
				return g, true
			}
		}
	}
	return Generation{}, false
}

// Lacking returns the view after the stream has lost events of a run for good, where those events arrived before an
// instant. Every generation in use without base items that was live before that instant is incomplete from that run on.
func (v View) Lacking(run uint64, before event.Millis) (next View, changed bool) {
	next = v
	for _, g := range v.Generations {
		if !g.HasBase() && g.IsKept() && g.Lacks == 0 && g.LiveFrom.Millis() <= before {
			g.Lacks = run
			next, changed = next.With(g), true
		}
	}
	return next, changed
}

// Answering returns the generation that answers: the serving one or, before any serves, the first with data to answer
// from.
func (v View) Answering() (Generation, bool) {
	if g, ok := v.Generation(v.Serving); ok {
		return g, true
	}
	for _, g := range v.Generations {
		if g.Answers() {
			return g, true
		}
	}
	return Generation{}, false
}

// OnItsWay returns the first generation that is announced or being built.
func (v View) OnItsWay() (Generation, bool) { return v.FirstInState(Announced, Building) }

// WhyNoAnswer says, in a clause for people, what a view waits for that no generation answers: see Answering.
func (v View) WhyNoAnswer() string {
	g, ok := v.OnItsWay()
	switch {
	case !ok:
		return "it has no generation; deploy or rebuild its definition"
	case g.State == Announced:
		return "it is announced; batch confirms it at its next tick"
	case g.Run > 0:
		return fmt.Sprintf("it is built up to run %d and may answer from run %d on; %s brings it the runs between", g.Run,
			g.AnswersFrom, g.Owner())
	}
	return string(g.Owner()) + " is building it"
}

// HoldsBack reports whether the sweep must not queue objects of a run yet: a generation with base items answers without
// the run.
func (v View) HoldsBack(run uint64) bool {
	g, ok := v.Answering()
	return ok && g.IsKept() && g.HasBase() && g.Run < run
}

// AnsweringFrom returns the view before events of a run show in its answers: before the sweep queues objects of the
// run, or the generation that answers takes it in. A generation that lacks the run, and does not answer, is not to
// answer without it. The write also stops a switch to such a generation by whoever has read the head before the run
// was real.
func (v View) AnsweringFrom(run uint64) (next View, changed bool) {
	next = v
	answering, _ := v.Answering()
	for _, g := range v.Generations {
		if g.IsKept() && g.Run < run && g.AnswersFrom < run && g.ID != answering.ID {
			g.AnswersFrom = run
			next, changed = next.With(g), true
		}
	}
	return next, changed
}

// FurthestBehind returns the items that are at the lowest run, in their order. The function run returns an item's run,
// and whether the item can go on. Items that cannot go on are left out.
func FurthestBehind[T any](all []T, run func(T) (n uint64, canGoOn bool)) []T {
	var level []T
	var lowest uint64
	for _, one := range all {
		n, canGoOn := run(one)
		if !canGoOn || len(level) > 0 && n > lowest {
			continue
		}
		if n < lowest {
			level = level[:0]
		}
		level, lowest = append(level, one), n
	}
	return level
}
