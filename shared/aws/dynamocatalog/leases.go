package dynamocatalog

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
)

// leases is the partition of all leases.
const leases = "lease"

var _ catalog.Leases = (*Catalog)(nil)

// storedLease is the document of a lease. The name is in the key; the revision is an attribute, since conditions need
// it.
type storedLease struct {
	format
	Holder string       `json:"holder,omitempty"`
	Until  event.Millis `json:"until,omitempty"`
	Of     string       `json:"of,omitempty"`
	Killed int          `json:"killed,omitempty"`
	Memory int          `json:"memory,omitempty"` // MB
}

// Lease implements catalog.Leases, with one request.
func (c *Catalog) Lease(ctx context.Context, name string) (catalog.Lease, error) {
	l := catalog.Lease{Name: name}
	stored, err := c.table.Get(ctx, key(leases, name))
	if err != nil {
		return catalog.Lease{}, fmt.Errorf("read lease %s: %w", name, err)
	}
	if stored == nil {
		return l, nil
	}
	if l.Revision, err = table.NumberOf[int64](stored, revision); err != nil {
		return catalog.Lease{}, fmt.Errorf("stored lease %s: %w", name, err)
	}
	doc, err := documentOf[storedLease](stored, leaseVersion)
	if err != nil {
		return catalog.Lease{}, fmt.Errorf("stored lease %s: %w", name, err)
	}
	l.Holder, l.Until, l.Of, l.Killed, l.Memory = doc.Holder, doc.Until, doc.Of, doc.Killed, doc.Memory
	return l, nil
}

// PutLease implements catalog.Leases. It also returns ErrConflict when an attempt of this very call was applied and its
// answer lost.
func (c *Catalog) PutLease(ctx context.Context, l catalog.Lease) error {
	item := key(leases, l.Name)
	err := setDocument(item, storedLease{format{leaseVersion}, l.Holder, l.Until, l.Of, l.Killed, l.Memory})
	if err == nil {
		err = c.putRevised(ctx, item, l.Revision)
	}
	if err != nil {
		return fmt.Errorf("put lease %s: %w", l.Name, err)
	}
	return nil
}
