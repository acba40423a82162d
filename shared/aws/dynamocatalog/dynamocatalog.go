// Package dynamocatalog keeps the control table in DynamoDB: the contracts of shared/catalog over conditional puts and
// strongly consistent reads, and no policy.
//
// One table holds everything, in six partitions. Its keys are text, so that an operator can read it:
//
//	pk            sk                            attributes
//	"run"         number in 20 decimal digits   doc   S  the run as JSON
//	"view"        name                          doc   S  the view as JSON;  rev  N  its revision
//	"definition"  hash                          text  B  the definition's text
//	"sweep"       "swept"                       run   S  number of the run, in 20 decimal digits
//	"sweep"       "waits"                       doc   S  what the sweep has queued and waits for
//	                                          rev   N  of this item
//	"audit"       name of the view              doc   S  its audits as JSON;  rev  N  their revision
//	"lease"       name of the work              doc   S  the lease as JSON;  rev  N  its revision
//
// Nothing is ever deleted here, and a run never changes: Append stands on that.
//
// Source: docs/design.md 2, 3.4 and 3.7.
package dynamocatalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Partitions and attributes.
const (
	runs        = "run"
	views       = "view"
	definitions = "definition"
	sweeps      = "sweep"
	swept       = "swept" // a sort key of sweeps
	waits       = "waits" // and the other

	document = "doc"
	revision = "rev"
	text     = "text"
	sweptRun = "run"
)

// Catalog is the control table.
type Catalog struct{ table table.Table }

var (
	_ catalog.Catalog = (*Catalog)(nil)
	_ catalog.Sweeps  = (*Catalog)(nil)
)

// New uses a table, which must exist. It makes no request.
func New(client *dynamodb.Client, name string) *Catalog {
	return &Catalog{table.Table{Client: client, Name: name}}
}

func key(partition, sort string) table.Item {
	return table.KeyOf(table.Text(partition), table.Text(sort))
}

// number returns the sort key of a run. The order of these texts is that of the numbers.
func number(run uint64) string { return fmt.Sprintf("%020d", run) }

// numberOf reads what number wrote.
func numberOf(stored table.Item, attribute string) (uint64, error) {
	digits, err := table.TextOf(stored, attribute)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || number(n) != digits {
		return 0, fmt.Errorf("attribute %q is %q; must be a run's number in 20 decimal digits", attribute, digits)
	}
	return n, nil
}

// Head implements catalog.Catalog.
func (c *Catalog) Head(ctx context.Context) (lifecycle.Run, error) {
	stored, err := c.table.Last(ctx, table.Text(runs))
	if err != nil {
		return lifecycle.Run{}, fmt.Errorf("read head: %w", err)
	}
	if stored == nil {
		return lifecycle.Run{}, nil
	}
	return decodeRun(stored)
}

// Runs implements catalog.Catalog, with one request per 1 MB, which is about 3,000 runs.
func (c *Catalog) Runs(ctx context.Context, from, to uint64) ([]lifecycle.Run, error) {
	if from > to {
		return nil, ctx.Err() // DynamoDB refuses such a range
	}
	stored, err := c.table.Query(ctx,
		table.Range{Partition: table.Text(runs), From: table.Text(number(from)), To: table.Text(number(to))})
	if err != nil {
		return nil, fmt.Errorf("read runs %d to %d: %w", from, to, err)
	}
	return decodeAll(stored, decodeRun)
}

// Append implements catalog.Catalog.
//
// It checks "the head is N-1" in two steps: a strongly consistent read finds run N-1, then a put writes run N on the
// condition that run N is not stored. Two steps are as good as one. Runs are only added, and only by this method, so
// they are 1 to n without gaps at all times. So the result of the read still holds when DynamoDB checks the put's
// condition. When run N-1 is stored, the head is N-1 exactly if run N is not stored, which is the condition. DynamoDB
// serialises the puts of one item, so one of many concurrent calls succeeds. A transaction would cost four times the
// write and could fail for reasons that are no conflict.
//
// It also returns ErrConflict when an attempt of this very call was applied and its answer lost. Runs shows who
// committed the run.
func (c *Catalog) Append(ctx context.Context, run lifecycle.Run) error {
	if err := c.hasPredecessor(ctx, run.N); err != nil {
		return fmt.Errorf("append run %d: %w", run.N, err)
	}
	item, err := encodeRun(run)
	if err != nil {
		return fmt.Errorf("append run %d: %w", run.N, err)
	}
	_, err = c.table.Put(ctx, item, table.Condition{})
	if errors.Is(err, table.ErrMismatch) {
		err = fmt.Errorf("the run is already committed: %w", catalog.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("append run %d: %w", run.N, err)
	}
	return nil
}

// hasPredecessor returns ErrConflict when the run before n is not committed. The first run needs no predecessor.
func (c *Catalog) hasPredecessor(ctx context.Context, n uint64) error {
	if n == 0 {
		return fmt.Errorf("runs are numbered from 1: %w", catalog.ErrConflict)
	}
	if n == 1 {
		return nil
	}
	stored, err := c.table.Get(ctx, key(runs, number(n-1)))
	if err != nil {
		return fmt.Errorf("read run %d: %w", n-1, err)
	}
	if stored == nil {
		return fmt.Errorf("run %d is not committed: %w", n-1, catalog.ErrConflict)
	}
	return nil
}

// Views implements catalog.Catalog, with one request per 1 MB, which is at least 256 views.
func (c *Catalog) Views(ctx context.Context) ([]lifecycle.View, error) {
	stored, err := c.table.Query(ctx, table.Range{Partition: table.Text(views)})
	if err != nil {
		return nil, fmt.Errorf("read views: %w", err)
	}
	return decodeAll(stored, decodeView)
}

// View implements catalog.Catalog, with one request. Views up to 4 KB cost one read unit.
func (c *Catalog) View(ctx context.Context, name view.Name) (lifecycle.View, error) {
	stored, err := c.table.Get(ctx, key(views, string(name)))
	if err == nil && stored == nil {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return lifecycle.View{}, fmt.Errorf("read view %s: %w", name, err)
	}
	return decodeView(stored)
}

// PutView implements catalog.Catalog. It also returns ErrConflict when an attempt of this very call was applied and its
// answer lost.
func (c *Catalog) PutView(ctx context.Context, v lifecycle.View) error {
	item, err := encodeView(v)
	if err == nil {
		err = c.putRevised(ctx, item, v.Revision)
	}
	if err != nil {
		return fmt.Errorf("put view %s: %w", v.Name, err)
	}
	return nil
}

// putRevised puts an item at the next revision if the stored item is still at the revision stored; 0 means that no item
// is stored.
func (c *Catalog) putRevised(ctx context.Context, item table.Item, stored int64) error {
	item[revision] = table.Number(stored + 1)
	var when table.Condition
	if stored != 0 {
		when = table.Condition{Attribute: revision, Value: table.Number(stored)}
	}
	_, err := c.table.Put(ctx, item, when)
	if errors.Is(err, table.ErrMismatch) {
		err = fmt.Errorf("the stored revision is not %d: %w", stored, catalog.ErrConflict)
	}
	return err
}

// Definition implements catalog.Catalog.
func (c *Catalog) Definition(ctx context.Context, hash view.Hash) ([]byte, error) {
	stored, err := c.table.Get(ctx, key(definitions, string(hash)))
	if err == nil && stored == nil {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read definition %s: %w", hash, err)
	}
	value, err := table.BinaryOf(stored, text)
	if err != nil {
		return nil, fmt.Errorf("definition %s: %w", hash, err)
	}
	return value, nil
}

// PutDefinition implements catalog.Catalog.
func (c *Catalog) PutDefinition(ctx context.Context, hash view.Hash, definition []byte) error {
	item := key(definitions, string(hash))
	item[text] = table.Binary(definition)
	// A stored definition has the same hash, and so the same text.
	if _, err := c.table.Put(ctx, item, table.Condition{}); err != nil && !errors.Is(err, table.ErrMismatch) {
		return fmt.Errorf("put definition %s: %w", hash, err)
	}
	return nil
}

// Swept implements catalog.Sweeps.
func (c *Catalog) Swept(ctx context.Context) (uint64, error) {
	stored, err := c.table.Get(ctx, key(sweeps, swept))
	if err != nil {
		return 0, fmt.Errorf("read the swept run: %w", err)
	}
	if stored == nil {
		return 0, nil
	}
	run, err := numberOf(stored, sweptRun)
	if err != nil {
		return 0, fmt.Errorf("swept run: %w", err)
	}
	return run, nil
}

// PutSwept implements catalog.Sweeps. It also returns ErrConflict when an attempt of this very call was applied and its
// answer lost.
func (c *Catalog) PutSwept(ctx context.Context, run, loaded uint64) error {
	item := key(sweeps, swept)
	item[sweptRun] = table.Text(number(run))
	_, err := c.table.Put(ctx, item,
		table.Condition{Attribute: sweptRun, Value: table.Text(number(loaded)), OrNone: loaded == 0})
	if errors.Is(err, table.ErrMismatch) {
		err = fmt.Errorf("the stored run is not %d: %w", loaded, catalog.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("put swept run %d: %w", run, err)
	}
	return nil
}

// Waits implements catalog.Sweeps.
func (c *Catalog) Waits(ctx context.Context) (catalog.SweepWaits, error) {
	stored, err := c.table.Get(ctx, key(sweeps, waits))
	if err != nil {
		return catalog.SweepWaits{}, fmt.Errorf("read what the sweep waits for: %w", err)
	}
	if stored == nil {
		return catalog.SweepWaits{}, nil
	}
	w, err := decodeWaits(stored)
	if err != nil {
		return catalog.SweepWaits{}, fmt.Errorf("what the sweep waits for: %w", err)
	}
	return w, nil
}

// PutWaits implements catalog.Sweeps. ErrConflict comes also when an attempt of this very call was applied and its
// answer lost.
func (c *Catalog) PutWaits(ctx context.Context, w catalog.SweepWaits) error {
	item, err := encodeWaits(w)
	if err == nil {
		err = c.putRevised(ctx, item, w.Revision)
	}
	if err != nil {
		return fmt.Errorf("put what the sweep waits for: %w", err)
	}
	return nil
}

func decodeAll[T any](stored []table.Item, decode func(table.Item) (T, error)) ([]T, error) {
	all := make([]T, len(stored))
	for i, s := range stored {
		var err error
		if all[i], err = decode(s); err != nil {
			return nil, err
		}
	}
	return all, nil
}
