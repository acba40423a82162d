package memory

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/catalog"
)

var _ catalog.Leases = (*Catalog)(nil)

// Lease implements catalog.Leases.
func (c *Catalog) Lease(ctx context.Context, name string) (catalog.Lease, error) {
	return answer(c.Hook, "catalog.Lease", name, func() (catalog.Lease, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		stored := c.leases[name]
		stored.Name = name
		return stored, ctx.Err()
	})
}

// PutLease implements catalog.Leases.
func (c *Catalog) PutLease(ctx context.Context, l catalog.Lease) error {
	return c.Hook.apply("catalog.PutLease", l.Name, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if stored := c.leases[l.Name].Revision; stored != l.Revision {
			return fmt.Errorf("lease %s is at revision %d, not %d: %w", l.Name, stored, l.Revision, catalog.ErrConflict)
		}
		if c.leases == nil {
			c.leases = map[string]catalog.Lease{}
		}
		l.Revision++
		c.leases[l.Name] = l
		return nil
	})
}
