package serving

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
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
	return Reader{Base: s.Base, Speed: s.Speed, Program: set.Programs[0], Generation: g}, nil
}

// Reader reads rows from one generation. All fields but MaxRows are needed. It is safe for concurrent use.
type Reader struct {
	Base       viewstore.Base
	Speed      viewstore.Speed
	Program    *view.Program
	Generation lifecycle.Generation // as it stood in the catalog before the first read
	MaxRows    int                  // maximum rows of filled results and of groups; 0: any number
}

// Read reads a selection. Only rows without events are bounded, by MaxRows. It leaves View, Complete, ReadAt and
// Warnings of the result to Serving.
//
// Errors: *FieldError, *ParameterError, ErrTooManyRows: do not retry. Any other is a store's: retry, except for
// view.ErrCorruptPage.
func (r Reader) Read(ctx context.Context, s Selection) (Result, error) {
	at, err := r.locate(s)
	if err != nil {
		return Result{}, err
	}
	m, err := r.load(ctx, at)
	if err != nil {
		return Result{}, err
	}
	return r.result(s, at, m)
}

// locate finds where the generation keeps what a selection asks for, and refuses what can be refused before a read.
func (r Reader) locate(s Selection) (span, error) {
	at, err := locate(r.Program, s)
	if err != nil {
		return at, err
	}
	return at, r.checkAsked(at)
}

// ReadKey reads all rows of a key in order of time. The key is given as the stores have it.
//
// Errors: a store's: retry, except for view.ErrCorruptPage.
func (r Reader) ReadKey(ctx context.Context, key view.Key) ([]Row, error) {
	m, err := r.load(ctx, everything(key))
	if err != nil {
		return nil, err
	}
	at := everything(key)
	pieces, err := r.cut(at, m.all.Sorted())
	if err != nil {
		return nil, err
	}
	return r.rows(at, pieces, m), nil
}

// merged holds the states of a key's windows: those of each half, and both merged.
type merged struct {
	batch, speed, all *view.Windows
	horizons          map[view.Page]slot.Slot // horizon of each base item
}

// load reads and merges the states of a span.
func (r Reader) load(ctx context.Context, at span) (merged, error) {
	p := r.Program
	m := merged{batch: p.NewWindows(), speed: p.NewWindows(), all: p.NewWindows()}
	found, err := r.readItems(ctx, at)
	if err != nil {
		return m, err
	}
	m.horizons = found.horizons
	for _, item := range found.base {
		if err := m.batch.MergePage(item.Page, item.States, at.includes); err != nil {
			return m, err
		}
	}
	for _, item := range found.speed {
		if err := m.speed.MergePage(item.Page, item.States, at.includes); err != nil {
			return m, err
		}
	}
	m.all.Merge(m.batch)
	m.all.Merge(m.speed)
	return m, nil
}

// items are the items of a key that take part in answers: together they hold each event once.
type items struct {
	base     []viewstore.BaseItem
	speed    []viewstore.SpeedItem
	horizons map[view.Page]slot.Slot // horizon of each base item
}

// readItems reads the items of a span.
func (r Reader) readItems(ctx context.Context, at span) (items, error) {
	if !r.Generation.HasBase() {
		return r.readKappa(ctx, at)
	}
	return r.readLambda(ctx, at)
}

// readKappa reads all items: each event is in one of them, whatever the pointer says.
func (r Reader) readKappa(ctx context.Context, at span) (m items, err error) {
	m.speed, err = r.Speed.Pages(ctx, r.Generation.SpeedSet(), at.key, at.firstPage, at.lastPage)
	if err != nil {
		return m, fmt.Errorf("read speed items: %w", err)
	}
	return m, nil
}

// readLambda reads the two halves. Base items may be ahead of the pointer, never behind. Speed items below SpeedFrom
// take no part. They may exist: speed folded them for an announcement that was postponed, or for an earlier generation
// with this definition. They hold only some events of their slots, so the answer says instead that these slots are
// missing.
func (r Reader) readLambda(ctx context.Context, at span) (m items, err error) {
	g := r.Generation
	m.horizons = map[view.Page]slot.Slot{}
	if m.base, err = r.Base.Pages(ctx, g.ID, at.key, at.firstPage, at.lastPage); err != nil {
		return m, fmt.Errorf("read base items: %w", err)
	}
	for _, item := range m.base {
		m.horizons[item.Page] = item.Horizon
	}
	if at.noSpeed {
		return m, nil
	}
	speed, err := r.Speed.Slots(ctx, g.SpeedSet(), at.key, g.SpeedFrom())
	if err != nil {
		return m, fmt.Errorf("read speed items: %w", err)
	}
	for _, item := range speed {
		// Each slot counts once: below the item's own horizon in the base item, above it here. A run in progress moves
		// items one by one.
		if item.Page < at.firstPage || item.Page > at.lastPage || item.Slot < max(g.SpeedFrom(), m.horizons[item.Page]) {
			continue
		}
		m.speed = append(m.speed, item)
	}
	return m, nil
}
