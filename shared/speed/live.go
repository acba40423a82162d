package speed

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// live is what speed folds in one invocation.
type live struct {
	set      *view.Set
	programs []*view.Program
	from     []slot.Slot // per program: slots below need no folding
}

// live reads the catalog: the definitions of all generations that have not ended. A definition that cannot be run fails the invocation,
// so that its records stay in the stream until a version comes that can.
func (s *Speed) live(ctx context.Context) (live, error) {
	views, err := s.Catalog.Views(ctx)
	if err != nil {
		return live{}, fmt.Errorf("read catalog: %w", err)
	}
	from := map[view.Hash]slot.Slot{}
	for _, v := range views {
		for _, g := range v.Generations {
			if !g.IsKept() {
				continue
			}
			// Below Live the definition is not speed's to fold; below the horizon batch has taken over, and no query looks there.
			first := max(g.Live, g.Horizon)
			if known, ok := from[g.Definition]; ok {
				first = min(known, first)
			}
			from[g.Definition] = first
		}
	}
	set, err := s.Programs.Of(ctx, s.Catalog, catalog.Hashes(views))
	if err != nil {
		return live{}, err
	}
	l := live{set: set, programs: set.Programs}
	for _, p := range set.Programs {
		l.from = append(l.from, from[p.Hash])
	}
	return l, nil
}
