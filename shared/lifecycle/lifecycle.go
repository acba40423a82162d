// Package lifecycle is the life of a view's generations, as values: what there is of a view, which generation answers,
// and every move from one state to another. Each move is a pure function from a view to the next one. Who makes a move
// stores what it returns by one conditional write.
//
// Source: docs/design.md 3.7.
package lifecycle

import (
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// GenerationID names one full set of items of a view; an id is never used twice. Example: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N".
type GenerationID string

// Run is a real run: a numbered step of batch, shared by all views.
type Run struct {
	N          uint64    // from 1, without gaps
	Horizon    slot.Slot // exclusive end of the slots it covers; grows with N
	Manifest   string    // archive key; "" when the run reads no object
	Identities string    // archive key; "" when the run has no event

	FirstArrival, LastArrival event.Millis // of its events' stamps, both included; event.Never when it has none

	Objects     int64 // read
	LateObjects int64 // objects of slots that an earlier run had claimed
	Events      int64 // lines read, duplicates included
	Duplicates  int64 // identities met again within the dedupe window: not counted
	Conflicts   int64 // of those, the ones with another payload
}

// State is how far a generation's life has gone. Which one serves is View.Serving, not a state.
type State string

// The states of a generation, in this order.
const (
	None State = "" // it is not there: not yet, or no longer
	// speed folds it from LiveFrom on, if the announcement came in time: nobody builds it yet
	Announced State = "announced"
	Building  State = "building" // it came in time: batch applies runs; not yet switched to
	Serving   State = "serving"
	// it served; kept current, so that going back to its definition is one write, until it is dropped
	Retained State = "retained"
	// given up: no query begins with it, nobody writes it; its items are deleted a while later, and then it is gone
	Dropping State = "dropping"
)

// Generation is one full set of base items of a view.
type Generation struct {
	ID         GenerationID
	Definition view.Hash
	State      State
	LiveFrom   slot.Slot    // speed folds the definition for slots from here on; slot.Beginning: for all there are
	Run        uint64       // the last run that the owner has brought in; 0 for none
	Horizon    slot.Slot    // that run's; slot.Beginning for none
	Since      event.Millis // when it was retained, or given up; event.Never before

	Architecture view.Architecture // whose runs Run counts, and what Horizon says: see Owner and HasBase
	// the first run of which the stream lacks events for good: incomplete from there on; 0: none
	Lacks uint64
	// the last of the runs that were applied in one pass, with duplicates found over all history; 0: none, or not known
	Built uint64
}

// IsKept says whether the generation is one that speed folds and batch applies runs to, sooner or later: announced,
// built, serving or retained.
func (g Generation) IsKept() bool { return g.State != Dropping }

func (g Generation) isOnItsWay() bool { return g.State == Announced || g.State == Building }

// View is one view's pointer item: at most 4 KB, read once by every query.
type View struct {
	Name        view.Name
	Description string // for people: no part of the definition
	Revision    int64  // of this item: 0 for none stored
	Serving     GenerationID
	Generations []Generation

	// what an operator has put away: batch, deployed with this definition, leaves it alone until another is deployed, or
	// it is taken up again
	Held    view.Hash
	Retired event.Millis // since when the file that is deployed no longer names the view; event.Never: it does
	Rebuild bool         // an operator wants the definition built anew: batch begins with its next run
}

// IsGone says whether the view was retired and is dropped: nothing of it answers any more. Its entry stays for its
// revision, which never begins again, so that no function that was frozen takes a view of the same name for the one
// that it has read.
func (v View) IsGone() bool {
	return v.Retired != event.Never && !slices.ContainsFunc(v.Generations, Generation.IsKept)
}

// WantsRebuild says whether batch is to build the view anew: not while it is retired.
func (v View) WantsRebuild() bool { return v.Rebuild && v.Retired == event.Never }

// Generation returns the generation with the id.
func (v View) Generation(id GenerationID) (Generation, bool) {
	for _, g := range v.Generations {
		if g.ID == id {
			return g, true
		}
	}
	return Generation{}, false
}

// FirstInState returns the first generation that is in one of some states.
func (v View) FirstInState(states ...State) (Generation, bool) {
	for _, g := range v.Generations {
		if slices.Contains(states, g.State) {
			return g, true
		}
	}
	return Generation{}, false
}

// With returns a copy of v in which g stands in place of the generation with its id.
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

// GenerationOf returns the generation of a definition that is kept, the one that has come furthest towards serving
// where there are several.
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

// Lacking returns the view as it is once the stream lacks, for good, events of a run that arrived before an instant:
// every generation that is kept, has no base items, and is live from before then, is incomplete from that run on.
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

// FurthestBehind keeps, in their order, those of all that have come to the lowest run. The function tells how far one
// has come, and whether it can go on; one that cannot is left out.
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
