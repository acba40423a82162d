package history

import (
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Lie is a false answer that a store gives to a function, in a world that is broken on purpose.
type Lie int

// The lies.
const (
	NoLie        Lie = iota
	NoApplied        // replay reads its items as if they had no applied position
	NothingSeen      // replay reads no seen items
	LiveFromZero     // speed reads Kappa generations as live from the first slot on
	NoObjects        // some writes of replay report success but write nothing
	AllSwept         // replay reads that the sweep has passed all runs
)

// RunLied plays the history of one seed in a world in which a store lies.
func RunLied(seed uint64, lie Lie) (Result, error) { return run(seed, options{lie: lie}) }

// lies reports whether the store tells this lie to this environment.
func (p port) lies(lie Lie) bool {
	return p.h.lie == lie && (p.role == speedRole) == (lie == LiveFromZero) &&
		(p.role == speedRole || p.role == replayRole)
}

// falsified returns the views as the catalog returns them to this environment.
func (c catalogPort) falsified(all []lifecycle.View) []lifecycle.View {
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

// loaded returns loaded items as the store returns them to this environment.
func (s speedPort) loaded(items []viewstore.SpeedItem) []viewstore.SpeedItem {
	if s.lies(NoApplied) {
		for i := range items {
			items[i].Applied = ""
		}
	}
	return items
}

// applied returns the stored applied position, where the store had returned the item without it.
func (s speedPort) applied(item viewstore.SpeedKey, loaded event.Sequence) event.Sequence {
	if !s.lies(NoApplied) {
		return loaded
	}
	stored, err := s.stack.items.Load(everywhere, []viewstore.SpeedKey{item})
	s.h.must(err)
	if len(stored) == 0 {
		return ""
	}
	return stored[0].Applied
}
