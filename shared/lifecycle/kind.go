package lifecycle

import (
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Owner is the layer that brings runs into a generation, lets it serve and deletes its items.
type Owner string

// The owners.
const (
	Batch  Owner = "batch"
	Replay Owner = "replay"
)

// Owner is batch for a Lambda generation and replay for a Kappa one. The other methods of this file say what follows
// from it, so that nobody else asks for an architecture.
func (g Generation) Owner() Owner {
	if g.Architecture == view.Kappa {
		return Replay
	}
	return Batch
}

// HasBase says whether runs go into base items. Then the base items hold all slots below Horizon, speed items the
// slots from there on, and a row can be exact. Otherwise all there is stands in speed items, and Horizon says only how
// far replay has come.
func (g Generation) HasBase() bool { return g.Owner() == Batch }

// PerSlot says whether there is a speed item for each slot, which expires. Then what speed has folded for a slot below
// LiveFrom is never read. Otherwise one item holds all slots, does not expire, and what is in it stays in.
func (g Generation) PerSlot() bool { return g.HasBase() }

// Set names speed items that belong together.
type Set string

// OfDefinition is the set that all generations of a definition share which have items per slot.
func OfDefinition(definition view.Hash) Set { return Set(definition) }

// OfGeneration is the set that a generation without items per slot has for itself.
func OfGeneration(generation GenerationID) Set { return Set(generation) }

// SpeedSet names the generation's speed items.
func (g Generation) SpeedSet() Set {
	if g.PerSlot() {
		return OfDefinition(g.Definition)
	}
	return OfGeneration(g.ID)
}

// SpeedFrom is the first slot of which speed folds events. Below LiveFrom the definition is not speed's to fold. Below
// the horizon of base items batch has taken over and no query looks; a horizon of replay is that of the other half.
func (g Generation) SpeedFrom() slot.Slot {
	if g.HasBase() {
		return max(g.LiveFrom, g.Horizon)
	}
	return g.LiveFrom
}

// TakesRuns says whether the owner brings runs in: not while the generation is only announced, since it may yet begin
// at another slot, and not once it is given up.
func (g Generation) TakesRuns() bool { return g.IsKept() && g.State != Announced }

// HasUseFor says whether a run holds anything that the owner has to bring in. Batch writes the run's horizon whatever
// it holds; replay takes what arrived before LiveFrom.
func (g Generation) HasUseFor(run Run) bool {
	return g.HasBase() || run.Events > 0 && run.FirstArrival < g.LiveFrom.Millis()
}

// Answers says whether there is anything in a generation that is kept: a run or, where speed alone folds all there is,
// nothing that a run has to bring.
func (g Generation) Answers() bool {
	return g.IsKept() && (g.Run > 0 || !g.HasBase() && g.State != Announced && g.Horizon >= g.LiveFrom)
}

// CompleteThrough is the last run of which every object has come to the speed items of a generation without base
// items, 0 for none: of slots below LiveFrom by replay, of the others by the stream, as the sweep has seen up to the
// run swept.
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
