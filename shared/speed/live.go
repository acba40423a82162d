package speed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

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
	var hashes []view.Hash
	from := map[view.Hash]slot.Slot{}
	for _, v := range views {
		for _, g := range v.Generations {
			// Below Live the definition is not speed's to fold; below the horizon batch has taken over, and no query looks there.
			first := max(g.Live, g.Horizon)
			if known, ok := from[g.Definition]; !ok {
				hashes = append(hashes, g.Definition)
				from[g.Definition] = first
			} else {
				from[g.Definition] = min(known, first)
			}
		}
	}
	slices.Sort(hashes)
	set, err := s.programs.of(ctx, s.Catalog, hashes)
	if err != nil {
		return live{}, err
	}
	l := live{set: set, programs: set.Programs}
	for _, p := range set.Programs {
		l.from = append(l.from, from[p.Hash])
	}
	return l, nil
}

// programs keeps the compiled definitions of the last invocation: they change rarely, and a hash names one text for ever.
type programs struct {
	mu     sync.Mutex
	hashes []view.Hash
	set    *view.Set
}

func (p *programs) of(ctx context.Context, c catalog.Catalog, hashes []view.Hash) (*view.Set, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set != nil && slices.Equal(p.hashes, hashes) {
		return p.set, nil
	}
	var definitions []view.Definition
	for _, hash := range hashes {
		text, err := c.Definition(ctx, hash)
		if err != nil {
			return nil, fmt.Errorf("read definition %s: %w", hash, err)
		}
		d, err := view.ParseText(text)
		if err == nil && d.Hash() != hash {
			err = errors.New("its text has another hash")
		}
		if err != nil {
			return nil, fmt.Errorf("definition %s cannot be run: %w", hash, err)
		}
		definitions = append(definitions, d)
	}
	set, err := view.Compile(definitions...)
	if err != nil {
		return nil, fmt.Errorf("live definitions: %w", err)
	}
	p.hashes, p.set = hashes, set
	return set, nil
}
