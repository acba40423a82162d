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
	MaxRead   int // maximum size of the items that a result reads, in bytes, with itemBytes for each item
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

// reading is the items of a key in a span that take part in answers, read a part at a time: together they hold each
// event once. All base items are read before the first speed item.
type reading struct {
	*Reader
	key ListedKey
	at  span

	after    string                  // cursor of the part that comes next
	hasBase  bool                    // all base items were read
	horizons map[view.Page]slot.Slot // of the base items
	isWhole  bool                    // all items were read
	ahead    []part                  // read and not merged yet
}

// part is some items of a key: base items, or speed items that take part.
type part struct {
	base  []viewstore.BaseItem
	speed []viewstore.SpeedItem
	read  Reads
}

// Reads says what was read from the stores. Some speed items that were read take no part in an answer: batch has
// covered them, or they belong to other windows.
type Reads struct{ Batch, Speed Items }

// Items says how many items were read.
type Items struct {
	Number int
	Bytes  int // size of their states, as stored
}

func (i *Items) add(states []byte) { i.Number, i.Bytes = i.Number+1, i.Bytes+len(states) }

// itemBytes is what an item takes besides its states: its key, and where it belongs.
const itemBytes = 200

func (i Items) size() int { return i.Bytes + itemBytes*i.Number }

// size is what items take, in a store and in memory.
func (r Reads) size() int { return r.Batch.size() + r.Speed.size() }

// plus returns the sum of what was read.
func (r Reads) plus(o Reads) Reads {
	return Reads{
		Batch: Items{r.Batch.Number + o.Batch.Number, r.Batch.Bytes + o.Batch.Bytes},
		Speed: Items{r.Speed.Number + o.Speed.Number, r.Speed.Bytes + o.Speed.Bytes},
	}
}

// next reads the next part. Errors: a store's: retry.
func (r *reading) next(ctx context.Context) (p part, err error) {
	switch {
	case !r.Generation.HasBase():
		return r.nextOfKappa(ctx)
	case !r.hasBase:
		return r.nextOfBase(ctx)
	}
	return r.nextOfSpeed(ctx)
}

// nextOfKappa reads items of a Kappa generation: each event is in one of them, whatever the pointer says.
func (r *reading) nextOfKappa(ctx context.Context) (p part, err error) {
	p.speed, r.after, err = r.Speed.Pages(
		ctx, r.Generation.SpeedSet(), r.key.Key, r.at.firstPage, r.at.lastPage, r.after)
	if err != nil {
		return p, fmt.Errorf("read speed items: %w", err)
	}
	for _, item := range p.speed {
		p.read.Speed.add(item.States)
	}
	r.isWhole = r.after == ""
	return p, nil
}

// nextOfBase reads base items. They may be ahead of the pointer, never behind.
func (r *reading) nextOfBase(ctx context.Context) (p part, err error) {
	p.base, r.after, err = r.Base.Pages(ctx, r.Generation.ID, r.key.Key, r.at.firstPage, r.at.lastPage, r.after)
	if err != nil {
		return p, fmt.Errorf("read base items: %w", err)
	}
	if r.horizons == nil {
		r.horizons = map[view.Page]slot.Slot{}
	}
	for _, item := range p.base {
		p.read.Batch.add(item.States)
		r.horizons[item.Page] = item.Horizon
	}
	r.hasBase = r.after == ""
	r.isWhole = r.hasBase && !r.key.Live
	return p, nil
}

// nextOfSpeed reads speed items. Those below SpeedFrom take no part. They may exist: speed folded them for an
// announcement that was postponed, or for an earlier generation with this definition. They hold only some events of
// their slots, so the answer says instead that these slots are missing.
func (r *reading) nextOfSpeed(ctx context.Context) (p part, err error) {
	g := r.Generation
	all, after, err := r.Speed.Slots(ctx, g.SpeedSet(), r.key.Key, g.SpeedFrom(), r.after)
	if err != nil {
		return p, fmt.Errorf("read speed items: %w", err)
	}
	for _, item := range all {
		p.read.Speed.add(item.States)
		// Each slot counts once: below the item's own horizon in the base item, above it here. A run in progress moves
		// items one by one.
		if item.Page < r.at.firstPage || item.Page > r.at.lastPage ||
			item.Slot < max(g.SpeedFrom(), r.horizons[item.Page]) {
			continue
		}
		p.speed = append(p.speed, item)
	}
	r.after, r.isWhole = after, after == ""
	return p, nil
}
