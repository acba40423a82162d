package speed

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// target is a set of items, and what goes into it.
type target struct {
	program *view.Program
	set     lifecycle.Set
	from    slot.Slot // events of slots below need no folding, or are replay's
	bySlot  bool      // an item per slot, which expires; otherwise one for all slots, which does not
}

// live is what speed folds in one invocation.
type live struct {
	set     *view.Set
	targets []target
}

// live reads the catalog: the definitions of all generations that have not ended, and the items that each is folded into. A definition that cannot
// be run fails the invocation, so that its records stay in the stream until a version comes that can.
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

// targetsOf are the sets of a definition: one that all its generations share which have items per slot, and one of each other generation.
func targetsOf(p *view.Program, views []lifecycle.View) []target {
	var all []target
	for _, v := range views {
		for _, g := range v.Generations {
			if g.Definition != p.Hash || !g.IsKept() {
				continue
			}
			t := target{program: p, set: g.SpeedSet(), from: g.SpeedFrom(), bySlot: g.PerSlot()}
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
