package dynamocatalog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// audits is the partition of all views' audits.
const audits = "audit"

var _ catalog.Audits = (*Catalog)(nil)

// storedAudit is the document of one view's audits. The name of the view is in the key; the revision is an attribute,
// since conditions need it.
type storedAudit struct {
	format
	Requested event.Millis `json:"requested,omitempty"`
	Begun     event.Millis `json:"begun,omitempty"`
	Ended     event.Millis `json:"ended,omitempty"`
	Audited   event.Millis `json:"audited,omitempty"`

	Generation lifecycle.GenerationID `json:"generation,omitempty"`
	Run        uint64                 `json:"run,omitempty"`
	Horizon    slot.Slot              `json:"horizon,omitempty"` // Unix milliseconds
	Items      int64                  `json:"items,omitempty"`
	Windows    int64                  `json:"windows,omitempty"`
	Drift      int64                  `json:"drift,omitempty"`
	Beyond     int64                  `json:"beyond,omitempty"`
	Unsettled  int64                  `json:"unsettled,omitempty"`
	Pending    int64                  `json:"pending,omitempty"`
	Lost       int64                  `json:"lost,omitempty"`

	Drifts      []storedDrift `json:"drifts,omitempty"`
	LostObjects []string      `json:"lost_objects,omitempty"`
	Note        string        `json:"note,omitempty"`
	Error       string        `json:"error,omitempty"`
	Killed      int           `json:"killed,omitempty"`
}

type storedDrift struct {
	Subset   view.Subset     `json:"subset,omitempty"`
	Key      []string        `json:"key,omitempty"`
	Start    event.Millis    `json:"start"`
	Cause    catalog.Cause   `json:"cause"`
	Detail   string          `json:"detail,omitempty"`
	Expected json.RawMessage `json:"expected,omitempty"`
	Stored   json.RawMessage `json:"stored,omitempty"`
}

// Audit implements catalog.Audits.
func (c *Catalog) Audit(ctx context.Context, name view.Name) (catalog.Audit, error) {
	stored, err := c.table.Get(ctx, key(audits, string(name)))
	if err == nil && stored == nil {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return catalog.Audit{}, fmt.Errorf("read audit of view %s: %w", name, err)
	}
	return decodeAudit(stored)
}

// PutAudit implements catalog.Audits. It also returns ErrConflict when an attempt of this very call was applied and its
// answer lost.
func (c *Catalog) PutAudit(ctx context.Context, a catalog.Audit) error {
	item, err := encodeAudit(a)
	if err == nil {
		err = c.putRevised(ctx, item, a.Revision)
	}
	if err != nil {
		return fmt.Errorf("put audit of view %s: %w", a.View, err)
	}
	return nil
}

// encodeAudit encodes all but the revision, which PutAudit adds.
func encodeAudit(a catalog.Audit) (table.Item, error) {
	doc := storedAudit{
		format: format{auditVersion}, Requested: a.Requested, Begun: a.Begun, Ended: a.Ended, Audited: a.Audited,
		Generation: a.Generation, Run: a.Run, Horizon: a.Horizon, Items: a.Items, Windows: a.Windows, Drift: a.Drift,
		Beyond:    a.Beyond,
		Unsettled: a.Unsettled, Pending: a.Pending, Lost: a.Lost, LostObjects: a.LostObjects, Note: a.Note, Error: a.Error,
		Killed: a.Killed,
	}
	for _, d := range a.Drifts {
		doc.Drifts = append(doc.Drifts, storedDrift(d))
	}
	item := key(audits, string(a.View))
	return item, setDocument(item, doc)
}

func decodeAudit(item table.Item) (catalog.Audit, error) {
	name, err := table.TextOf(item, table.SortKey)
	if err != nil {
		return catalog.Audit{}, fmt.Errorf("stored audit: %w", err)
	}
	a := catalog.Audit{View: view.Name(name)}
	if a.Revision, err = table.NumberOf[int64](item, revision); err != nil {
		return catalog.Audit{}, fmt.Errorf("stored audit of view %s: %w", name, err)
	}
	doc, err := documentOf[storedAudit](item, auditVersion)
	if err != nil {
		return catalog.Audit{}, fmt.Errorf("stored audit of view %s: %w", name, err)
	}
	a.Requested, a.Begun, a.Ended, a.Audited = doc.Requested, doc.Begun, doc.Ended, doc.Audited
	a.Findings = catalog.Findings{
		Generation: doc.Generation, Run: doc.Run, Horizon: doc.Horizon, Items: doc.Items, Windows: doc.Windows,
		Drift: doc.Drift, Beyond: doc.Beyond,
		Unsettled: doc.Unsettled, Pending: doc.Pending, Lost: doc.Lost, LostObjects: doc.LostObjects, Note: doc.Note,
		Error: doc.Error, Killed: doc.Killed,
	}
	for _, d := range doc.Drifts {
		a.Drifts = append(a.Drifts, catalog.Drift(d))
	}
	return a, nil
}
