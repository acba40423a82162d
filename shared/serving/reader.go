package serving

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores are the stores of views and their generations. All fields are needed.
type Stores struct {
	Catalog  catalog.Catalog
	Programs *programs.Cache
	Base     viewstore.Base
	Speed    viewstore.Speed
}

func unknownView(name view.Name) error {
	return fmt.Errorf("%w: %.80q; \"anabranch views\" and GET /v1/views list all; if it was deployed just now, it is not "+
		"ready yet", ErrUnknownView, name)
}

// LoadView reads a view's pointer. Errors: ErrUnknownView: do not retry. Any other is the catalog's: retry.
func (s Stores) LoadView(ctx context.Context, name view.Name) (lifecycle.View, error) {
	v, err := s.Catalog.View(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && v.IsGone() {
		return v, unknownView(name)
	}
	if err != nil {
		return v, fmt.Errorf("read view %s: %w", name, err)
	}
	return v, nil
}

// Reader loads the program of a generation and returns its reader. Errors: the catalog's; retry.
func (s Stores) Reader(ctx context.Context, g lifecycle.Generation) (Reader, error) {
	set, err := s.Programs.Of(ctx, s.Catalog, []view.Hash{g.Definition})
	if err != nil {
		return Reader{}, err
	}
	return Reader{
		Base: s.Base, Speed: s.Speed, Program: set.Programs[0], Generation: g, Parallel: runner.Sequential,
	}, nil
}

// Reader reads rows from one generation. All fields but Limits are needed. It is safe for concurrent use.
type Reader struct {
	Base       viewstore.Base
	Speed      viewstore.Speed
	Program    *view.Program
	Generation lifecycle.Generation // as it stood in the catalog before the first read
	Parallel   runner.Runner        // runs the reads of keys
	Limits
}

// Limits bound a read. 0 is any number, except for keys.
type Limits struct {
	MaxRows   int // maximum rows of one result; ten times as many may be merged before groups are chosen
	MaxKeys   int // maximum keys that a query of many keys reads; 0: mostLooked
	MaxItems  int // maximum items that a query of many keys reads
	MaxMerged int // maximum memory of the states of all rows, in bytes: see view.Windows.Bytes
}

// Read reads a selection. It leaves View, Complete, ReadAt and Warnings of the result to Serving.
//
// Errors: as Serving.Read.
func (r Reader) Read(ctx context.Context, s Selection) (Result, error) {
	q, err := r.ask(s)
	if err != nil {
		return Result{}, err
	}
	return r.answer(ctx, q)
}

// answer reads what a question asks for. Keys are listed first: live keys, then entries; then items are read. So an
// exact row lacks no key: each that has an event below the horizon of the pointer had its entry before the pointer got
// there.
//
// Errors: ErrTooManyKeys, ErrTooManyWindows, *ParameterError, those of a store, and view.ErrCorruptPage.
func (r Reader) answer(ctx context.Context, q question) (Result, error) {
	keys, last, err := r.listKeys(ctx, q)
	if err != nil {
		return Result{}, err
	}
	m := r.newMerging(q)
	if err := m.readAll(ctx, keys); err != nil {
		return Result{}, err
	}
	result, err := m.result()
	if err == nil && last != nil {
		result.Groups.Next = q.next(r.Generation.ID, *last, "")
	}
	return result, err
}

// ReadKey reads all rows of a key in order of time. The key is given as the stores have it.
//
// Errors: a store's: retry, except for view.ErrCorruptPage.
func (r Reader) ReadKey(ctx context.Context, key view.Key) ([]Row, error) {
	q := question{at: everything(), isOfOneKey: true}
	m := r.newMerging(q)
	if err := m.readAll(ctx, []ListedKey{{Key: key, Live: true}}); err != nil {
		return nil, err
	}
	result, err := m.result()
	return result.Rows, err
}

// items are the items of a key that take part in answers: together they hold each event once.
type items struct {
	base  []viewstore.BaseItem
	speed []viewstore.SpeedItem
}

// readItems reads the items of a key in a span.
func (r Reader) readItems(ctx context.Context, key ListedKey, at span) (items, error) {
	if !r.Generation.HasBase() {
		return r.readKappa(ctx, key.Key, at)
	}
	return r.readLambda(ctx, key, at)
}

// readKappa reads all items: each event is in one of them, whatever the pointer says.
func (r Reader) readKappa(ctx context.Context, key view.Key, at span) (m items, err error) {
	m.speed, err = r.Speed.Pages(ctx, r.Generation.SpeedSet(), key, at.firstPage, at.lastPage)
	if err != nil {
		return m, fmt.Errorf("read speed items: %w", err)
	}
	return m, nil
}

// readLambda reads the two halves. Base items may be ahead of the pointer, never behind. Speed items below SpeedFrom
// take no part. They may exist: speed folded them for an announcement that was postponed, or for an earlier generation
// with this definition. They hold only some events of their slots, so the answer says instead that these slots are
// missing.
func (r Reader) readLambda(ctx context.Context, key ListedKey, at span) (m items, err error) {
	g := r.Generation
	if m.base, err = r.Base.Pages(ctx, g.ID, key.Key, at.firstPage, at.lastPage); err != nil {
		return m, fmt.Errorf("read base items: %w", err)
	}
	if !key.Live {
		return m, nil
	}
	horizons := map[view.Page]slot.Slot{}
	for _, item := range m.base {
		horizons[item.Page] = item.Horizon
	}
	speed, err := r.Speed.Slots(ctx, g.SpeedSet(), key.Key, g.SpeedFrom())
	if err != nil {
		return m, fmt.Errorf("read speed items: %w", err)
	}
	for _, item := range speed {
		// Each slot counts once: below the item's own horizon in the base item, above it here. A run in progress moves
		// items one by one.
		if item.Page < at.firstPage || item.Page > at.lastPage || item.Slot < max(g.SpeedFrom(), horizons[item.Page]) {
			continue
		}
		m.speed = append(m.speed, item)
	}
	return m, nil
}
