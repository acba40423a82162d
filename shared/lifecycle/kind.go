package lifecycle

import (
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Owner is the layer that brings runs into a generation, makes it serve and deletes its items.
type Owner string

// The owners.
const (
	Batch  Owner = "batch"
	Replay Owner = "replay"
)

// Owner returns Batch for a Lambda generation and Replay for a Kappa one. The other methods of this file say what
// follows from that, so no other code needs to ask for the architecture.
func (g Generation) Owner() Owner {
	if g.Architecture == view.Kappa {
		return Replay
	}
	return Batch
}

// HasBase reports whether the generation has base items. If it has, the base items hold all slots below Horizon, the
// speed items hold the slots from there on, and a row can be exact. If not, speed items hold everything, and Horizon
// only says how far replay has come.
func (g Generation) HasBase() bool { return g.Owner() == Batch }

// PerSlot reports whether each slot has speed items of its own, which expire. If so, nobody reads what speed has folded
// for a slot below LiveFrom. If not, one item holds all slots and does not expire, and what was folded into it stays
// there.
func (g Generation) PerSlot() bool { return g.HasBase() }

// Set names speed items that belong together.
type Set string

// OfDefinition returns the set that all generations of a definition with items per slot share.
func OfDefinition(definition view.Hash) Set { return Set(definition) }

// OfGeneration returns the set of a single generation without items per slot.
func OfGeneration(generation GenerationID) Set { return Set(generation) }

// SpeedSet returns the set of the generation's speed items.
func (g Generation) SpeedSet() Set {
	if g.PerSlot() {
		return OfDefinition(g.Definition)
	}
	return OfGeneration(g.ID)
}

// SpeedFrom returns the first slot whose events speed folds. With base items it is not below the horizon, since batch
// has covered those slots and no query reads their speed items. Without base items it is LiveFrom: the horizon is
// replay's, and replay brings only what arrived before LiveFrom.
func (g Generation) SpeedFrom() slot.Slot {
	if g.HasBase() {
		return max(g.LiveFrom, g.Horizon)
	}
	return g.LiveFrom
}

// TakesRuns reports whether the owner brings runs in. It does not while the generation is only announced, since
// LiveFrom may still move, nor after it was given up.
func (g Generation) TakesRuns() bool { return g.IsKept() && g.State != Announced }

// HasUseFor reports whether the owner has anything to do for a run. Batch writes the horizon of every run; replay
// brings in only events that arrived before LiveFrom.
func (g Generation) HasUseFor(run Run) bool {
	return g.HasBase() || run.Events > 0 && run.FirstArrival < g.LiveFrom.Millis()
}

// Answers reports whether a generation in use has data to answer from.
//
// With base items it needs at least one run, and every run up to AnswersFrom. Otherwise speed could show events of such
// a run, and batch would hide them again while it applies the runs before it. Without base items it needs one run, or
// none where replay has nothing to bring. AnswersFrom does not matter then: the items only grow, so nothing that they
// show is hidden again, and the answers say up to which run they are complete.
func (g Generation) Answers() bool {
	if g.HasBase() {
		return g.IsKept() && g.Run > 0 && g.Run >= g.AnswersFrom
	}
	return g.IsKept() && (g.Run > 0 || g.State != Announced && g.Horizon >= g.LiveFrom)
}

// CompleteThrough returns the last run whose objects are all in the speed items of a generation without base items; 0:
// none. Replay brings the events of slots below LiveFrom. The stream brings the others, as the sweep has checked up to
// the run swept.
func (g Generation) CompleteThrough(swept uint64) uint64 {
	if g.HasBase() {
		return 0
	}
	if g.LiveFrom != slot.Beginning {
		swept = min(swept, g.Run)
	}
	if g.Lacks > 0 {
		swept = min(swept, g.Lacks-1)
	}
	return swept
}
