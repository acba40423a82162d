package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/view"
)

var _ catalog.Audits = (*Catalog)(nil)

// Audit implements catalog.Audits.
func (c *Catalog) Audit(ctx context.Context, name view.Name) (catalog.Audit, error) {
	return answer(c.Hook, "catalog.Audit", string(name), func() (catalog.Audit, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		stored, ok := c.audits[name]
		if !ok {
			return catalog.Audit{}, catalog.ErrNotFound
		}
		return copyAudit(stored), ctx.Err()
	})
}

// PutAudit implements catalog.Audits.
func (c *Catalog) PutAudit(ctx context.Context, a catalog.Audit) error {
	return c.Hook.apply("catalog.PutAudit", string(a.View), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if stored := c.audits[a.View].Revision; stored != a.Revision {
			return fmt.Errorf("audit of view %s is at revision %d, not %d: %w", a.View, stored, a.Revision, catalog.ErrConflict)
		}
		if c.audits == nil {
			c.audits = map[view.Name]catalog.Audit{}
		}
		a = copyAudit(a)
		a.Revision++
		c.audits[a.View] = a
		return nil
	})
}

func copyAudit(a catalog.Audit) catalog.Audit {
	a.LostObjects = slices.Clone(a.LostObjects)
	a.Drifts = slices.Clone(a.Drifts)
	for i, d := range a.Drifts {
		d.Key, d.Expected, d.Stored = slices.Clone(d.Key), bytes.Clone(d.Expected), bytes.Clone(d.Stored)
		a.Drifts[i] = d
	}
	return a
}
