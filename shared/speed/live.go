package speed

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// target is a set of items, with the program and the slots that are folded into it.
type target struct {
	program *view.Program
	set     lifecycle.Set
	from    slot.Slot // the first slot to fold; replay or batch brings the events of earlier slots
	bySlot  bool      // each slot has its own item, which expires; otherwise one item has all slots and never expires
	alone   bool      // it answers for its view without base items
}

// live lists what one invocation folds into.
type live struct {
	set     *view.Set
	targets []target
}

// live reads from the catalog the definitions of all generations that have not ended, and the sets of items of each. A
// definition that cannot run fails the invocation, so its records stay in the stream until a version that can run it is
// deployed.
func (s *Speed) live(ctx context.Context) (live, error) {
	views, err := s.Catalog.Views(ctx)
	if err != nil {
		return live{}, fmt.Errorf("read catalog: %w", err)
	}
	set, err := s.Programs.Of(ctx, s.Catalog, lifecycle.Hashes(views))
	if err != nil {
		return live{}, err
	}
	l := live{set: set}
	for _, p := range set.Programs {
		l.targets = append(l.targets, targetsOf(p, views)...)
	}
	return l, nil
}

// targetsOf returns the sets of a definition: one set that all its generations with items per slot share, and one set
// for each other generation.
func targetsOf(p *view.Program, views []lifecycle.View) []target {
	var all []target
	for _, v := range views {
		for _, g := range v.Generations {
			if g.Definition != p.Hash || !g.IsKept() {
				continue
			}
			t := target{program: p, set: g.SpeedSet(), from: g.SpeedFrom(), bySlot: g.PerSlot()}
			answering, _ := v.Answering()
			t.alone = !g.HasBase() && g.ID == answering.ID
			known := slices.IndexFunc(all, func(other target) bool { return other.set == t.set })
			if known < 0 {
				all = append(all, t)
			} else {
				all[known].from = min(all[known].from, t.from)
			}
		}
	}
	return all
}
