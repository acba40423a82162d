package history

import (
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Lie is what a store tells a function that is not so, in a world that is broken on purpose.
type Lie int

// The lies.
const (
	NoLie        Lie = iota
	NoApplied        // replay's items are told to have no applied position
	NothingSeen      // replay is told that nothing was streamed
	LiveFromZero     // speed is told that Kappa generations are live from the first slot on
	NoObjects        // replay is told that a write of an item is done, now and then
	AllSwept         // replay is told that the sweep has seen all runs through
)

// RunLied is Run in a world in which a store lies.
func RunLied(seed uint64, lie Lie) (Result, error) { return run(seed, options{lie: lie}) }

// lies says whether an environment is told a lie.
func (p port) lies(lie Lie) bool {
	return p.h.lie == lie && (p.role == speedRole) == (lie == LiveFromZero) && (p.role == speedRole || p.role == replayRole)
}

// views are the views as the catalog tells them.
func (c catalogPort) told(all []lifecycle.View) []lifecycle.View {
	if !c.lies(LiveFromZero) {
		return all
	}
	for i := range all {
		all[i].Generations = slices.Clone(all[i].Generations)
		for j := range all[i].Generations {
			if g := &all[i].Generations[j]; !g.HasBase() {
				g.LiveFrom = 0
			}
		}
	}
	return all
}

// loaded are items as they are told, and as they were.
func (s speedPort) loaded(items []viewstore.SpeedItem) []viewstore.SpeedItem {
	if s.lies(NoApplied) {
		for i := range items {
			items[i].Applied = ""
		}
	}
	return items
}

// applied is the stored applied position where it was told as none.
func (s speedPort) applied(item viewstore.SpeedKey, loaded event.Sequence) event.Sequence {
	if !s.lies(NoApplied) {
		return loaded
	}
	stored, err := s.h.items.Load(everywhere, []viewstore.SpeedKey{item})
	s.h.must(err)
	if len(stored) == 0 {
		return ""
	}
	return stored[0].Applied
}
