package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Catalog stores the control table in memory. The zero Catalog is empty and ready to use.
type Catalog struct {
	Hook Hook

	mu          sync.Mutex
	runs        []lifecycle.Run
	views       map[view.Name]lifecycle.View
	definitions map[view.Hash][]byte
	swept       uint64
	waits       catalog.SweepWaits
	audits      map[view.Name]catalog.Audit
	leases      map[string]catalog.Lease
}

var (
	_ catalog.Catalog = (*Catalog)(nil)
	_ catalog.Sweeps  = (*Catalog)(nil)
)

// Copy returns a copy of the catalog as it is now, without its Hook, as a backup of the table has it.
func (c *Catalog) Copy() *Catalog {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Catalog{
		runs: slices.Clone(c.runs), views: maps.Clone(c.views), definitions: maps.Clone(c.definitions), swept: c.swept,
		waits: c.waits, audits: maps.Clone(c.audits), leases: maps.Clone(c.leases),
	}
}

// Head implements catalog.Catalog.
func (c *Catalog) Head(ctx context.Context) (lifecycle.Run, error) {
	return answer(c.Hook, "catalog.Head", "", func() (head lifecycle.Run, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.runs) > 0 {
			head = c.runs[len(c.runs)-1]
		}
		return head, ctx.Err()
	})
}

// Runs implements catalog.Catalog.
func (c *Catalog) Runs(ctx context.Context, from, to uint64) ([]lifecycle.Run, error) {
	return answer(c.Hook, "catalog.Runs", "", func() (runs []lifecycle.Run, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		from, to = max(from, 1), min(to, uint64(len(c.runs)))
		if from <= to {
			runs = slices.Clone(c.runs[from-1 : to])
		}
		return runs, ctx.Err()
	})
}

// Append implements catalog.Catalog.
func (c *Catalog) Append(ctx context.Context, run lifecycle.Run) error {
	return c.Hook.apply("catalog.Append", strconv.FormatUint(run.N, 10), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if head := uint64(len(c.runs)); run.N != head+1 {
			return fmt.Errorf("run %d after run %d: %w", run.N, head, catalog.ErrConflict)
		}
		c.runs = append(c.runs, run)
		return nil
	})
}

// Views implements catalog.Catalog.
func (c *Catalog) Views(ctx context.Context) ([]lifecycle.View, error) {
	return answer(c.Hook, "catalog.Views", "", func() (views []lifecycle.View, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, v := range c.views {
			views = append(views, copyView(v))
		}
		slices.SortFunc(views, func(a, b lifecycle.View) int { return strings.Compare(string(a.Name), string(b.Name)) })
		return views, ctx.Err()
	})
}

// View implements catalog.Catalog.
func (c *Catalog) View(ctx context.Context, name view.Name) (lifecycle.View, error) {
	return answer(c.Hook, "catalog.View", string(name), func() (lifecycle.View, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		stored, ok := c.views[name]
		if !ok {
			return lifecycle.View{}, catalog.ErrNotFound
		}
		return copyView(stored), ctx.Err()
	})
}

// PutView implements catalog.Catalog.
func (c *Catalog) PutView(ctx context.Context, v lifecycle.View) error {
	return c.Hook.apply("catalog.PutView", string(v.Name), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if stored := c.views[v.Name].Revision; stored != v.Revision {
			return fmt.Errorf("view %s is at revision %d, not %d: %w", v.Name, stored, v.Revision, catalog.ErrConflict)
		}
		if c.views == nil {
			c.views = map[view.Name]lifecycle.View{}
		}
		v = copyView(v)
		v.Revision++
		c.views[v.Name] = v
		return nil
	})
}

// Definition implements catalog.Catalog.
func (c *Catalog) Definition(ctx context.Context, hash view.Hash) ([]byte, error) {
	return answer(c.Hook, "catalog.Definition", string(hash), func() ([]byte, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		stored, ok := c.definitions[hash]
		if !ok {
			return nil, catalog.ErrNotFound
		}
		return bytes.Clone(stored), ctx.Err()
	})
}

// PutDefinition implements catalog.Catalog.
func (c *Catalog) PutDefinition(ctx context.Context, hash view.Hash, text []byte) error {
	return c.Hook.apply("catalog.PutDefinition", string(hash), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.definitions == nil {
			c.definitions = map[view.Hash][]byte{}
		}
		if _, ok := c.definitions[hash]; !ok {
			c.definitions[hash] = bytes.Clone(text)
		}
		return nil
	})
}

// Swept implements catalog.Sweeps.
func (c *Catalog) Swept(ctx context.Context) (uint64, error) {
	return answer(c.Hook, "catalog.Swept", "", func() (uint64, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.swept, ctx.Err()
	})
}

// PutSwept implements catalog.Sweeps.
func (c *Catalog) PutSwept(ctx context.Context, run, loaded uint64) error {
	return c.Hook.apply("catalog.PutSwept", strconv.FormatUint(run, 10), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.swept != loaded {
			return fmt.Errorf("swept through run %d, not %d: %w", c.swept, loaded, catalog.ErrConflict)
		}
		c.swept = run
		return nil
	})
}

// Waits implements catalog.Sweeps.
func (c *Catalog) Waits(ctx context.Context) (catalog.SweepWaits, error) {
	return answer(c.Hook, "catalog.Waits", "", func() (catalog.SweepWaits, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return catalog.SweepWaits{Revision: c.waits.Revision, Waits: slices.Clone(c.waits.Waits)}, ctx.Err()
	})
}

// PutWaits implements catalog.Sweeps.
func (c *Catalog) PutWaits(ctx context.Context, w catalog.SweepWaits) error {
	return c.Hook.apply("catalog.PutWaits", "", func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.waits.Revision != w.Revision {
			return fmt.Errorf("the sweep's waits are at revision %d, not %d: %w", c.waits.Revision, w.Revision,
				catalog.ErrConflict)
		}
		c.waits = catalog.SweepWaits{Revision: w.Revision + 1, Waits: slices.Clone(w.Waits)}
		return nil
	})
}

func copyView(v lifecycle.View) lifecycle.View {
	v.Generations = slices.Clone(v.Generations)
	return v
}
