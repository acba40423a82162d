package speed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// fold is the application of one lane's records to one program's items.
type fold struct {
	speed   *Speed
	program *view.Program
	lane    event.Lane
	batch   *event.Batch
	records considered
	slots   []slotRows
	windows sync.Pool // of *view.Windows

	mu    sync.Mutex
	above map[aboveKey]map[view.PageKey]view.DeltaPage
}

// aboveKey names the rows of a slot from one row on.
type aboveKey struct {
	slot  slot.Slot
	first int
}

// slotRows are the rows of one slot.
type slotRows struct {
	slot slot.Slot
	rows []int32
}

// rowsBySlot sorts the rows that are no duplicates by the slot of their stamps. Most invocations have one slot or two.
func rowsBySlot(b *event.Batch, length slot.Length, duplicate []bool) []slotRows {
	var all []slotRows
	for row, stamp := range b.Stamps {
		if duplicate[row] {
			continue
		}
		s := length.Of(stamp)
		i := slices.IndexFunc(all, func(r slotRows) bool { return r.slot == s })
		if i < 0 {
			i = len(all)
			all = append(all, slotRows{slot: s})
		}
		all[i].rows = append(all[i].rows, int32(row))
	}
	slices.SortFunc(all, func(a, b slotRows) int { return int(a.slot - b.slot) })
	return all
}

// item is one speed item that the records may touch.
type item struct {
	key  viewstore.SpeedKey
	page view.DeltaPage // the states of all its rows
	rows []int32        // all rows of its slot
}

// apply folds the records into the items of slots from the given one on. On an error it returns the index of the first record that is not
// fully applied.
func (f *fold) apply(ctx context.Context, from slot.Slot) (lowest int, counts view.Counts, written int, err error) {
	var items []item
	for _, s := range f.slots {
		if s.slot < from {
			continue
		}
		delta := f.program.NewDelta()
		delta.Fold(f.batch, s.rows)
		counts.Folded += delta.Counts().Folded
		counts.Skipped += delta.Counts().Skipped
		for page := range delta.Pages() {
			key := viewstore.SpeedKey{Definition: f.program.Hash, Key: page.Key, Slot: s.slot, Page: page.Page, Lane: f.lane}
			items = append(items, item{key: key, page: page, rows: s.rows})
		}
	}
	if len(items) == 0 {
		return 0, counts, 0, nil
	}
	loaded, err := f.speed.load(ctx, items)
	if err != nil {
		return 0, counts, 0, err
	}
	lowest, written, err = f.writeAll(ctx, items, loaded)
	return lowest, counts, written, err
}

// writeAll writes the items, each on its own. A failed item fails the invocation from the item's first row on.
func (f *fold) writeAll(ctx context.Context, items []item, loaded map[viewstore.SpeedKey]viewstore.SpeedItem) (lowest, written int, err error) {
	var lock sync.Mutex
	lowest = math.MaxInt
	err = f.speed.Run(len(items), func(i int) error {
		wrote, err := f.write(ctx, items[i], loaded[items[i].key])
		lock.Lock()
		defer lock.Unlock()
		if wrote {
			written++
		}
		if err != nil {
			lowest = min(lowest, f.records.recordOf(int(items[i].rows[0])))
		}
		return err
	})
	return lowest, written, err
}

// write brings one item up to the last record considered. It says whether it wrote.
func (f *fold) write(ctx context.Context, it item, loaded viewstore.SpeedItem) (bool, error) {
	var err error
	for range f.speed.Tries {
		var next viewstore.SpeedItem
		if next, err = f.next(it, loaded); err != nil {
			return false, fmt.Errorf("fold speed item: %w", err)
		}
		if next.Fence == loaded.Fence {
			return false, nil // every record has been considered before
		}
		// Commit point: the item and its fence in one conditional write. A crash after it leaves an item that holds these records and passes
		// over them when they come again.
		if err = f.speed.Items.Put(ctx, next, loaded.Fence); err == nil {
			f.speed.cache.put(next)
			return true, nil
		}
		// A conflict, or an answer that was lost: what is stored tells which records are in.
		f.speed.cache.drop(it.key)
		stored, loadErr := f.speed.Items.Load(ctx, []viewstore.SpeedKey{it.key})
		if loadErr != nil {
			return false, fmt.Errorf("load speed item: %w", errors.Join(err, loadErr))
		}
		loaded = viewstore.SpeedItem{SpeedKey: it.key}
		if len(stored) > 0 {
			loaded = stored[0]
		}
	}
	return false, fmt.Errorf("put speed item, %d tries: %w", f.speed.Tries, err)
}

// next is the item after all records above the loaded one's fence. It is the loaded one when there are none.
func (f *fold) next(it item, loaded viewstore.SpeedItem) (viewstore.SpeedItem, error) {
	last := f.records.sequences[len(f.records.sequences)-1]
	if loaded.Fence.Compare(last) >= 0 {
		return loaded, nil
	}
	page, ok := it.page, true
	if first := f.records.after(loaded.Fence); first > int(it.rows[0]) {
		page, ok = f.pageAbove(it, first)
	}
	if !ok {
		return loaded, nil // nothing of this item comes after its fence
	}
	states, err := f.merge(loaded.States, page)
	if err != nil {
		return loaded, err
	}
	return viewstore.SpeedItem{
		SpeedKey: it.key,
		Fence:    last,
		States:   states,
		Expires:  f.speed.Layout.Slot.End(it.key.Slot).Add(f.speed.Retain).Unix(),
	}, nil
}

// merge adds a page to the states stored, none where the item is new.
func (f *fold) merge(stored []byte, page view.DeltaPage) ([]byte, error) {
	if len(stored) == 0 {
		return page.AppendPage(nil), nil
	}
	windows, ok := f.windows.Get().(*view.Windows)
	if !ok {
		windows = f.program.NewWindows()
	}
	defer f.windows.Put(windows)
	windows.Reset()
	if err := windows.MergePage(page.Page, stored, nil); err != nil {
		return nil, err
	}
	page.MergeInto(windows)
	return windows.AppendPage(nil, page.Page), nil
}

// pageAbove is the item's page from only the rows from first on, for an item that holds some of the records already. Items that were written
// together have the same fence, so what is folded again is folded once for all of them.
func (f *fold) pageAbove(it item, first int) (view.DeltaPage, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := aboveKey{it.key.Slot, first}
	pages, ok := f.above[key]
	if !ok {
		at, _ := slices.BinarySearch(it.rows, int32(first))
		delta := f.program.NewDelta()
		delta.Fold(f.batch, it.rows[at:])
		pages = map[view.PageKey]view.DeltaPage{}
		for page := range delta.Pages() {
			pages[page.PageKey] = page
		}
		if f.above == nil {
			f.above = map[aboveKey]map[view.PageKey]view.DeltaPage{}
		}
		f.above[key] = pages
	}
	page, ok := pages[it.page.PageKey]
	return page, ok
}

// load gets the items, from the cache where it has them: a stale one only costs a conflict.
func (s *Speed) load(ctx context.Context, items []item) (map[viewstore.SpeedKey]viewstore.SpeedItem, error) {
	loaded := make(map[viewstore.SpeedKey]viewstore.SpeedItem, len(items))
	var missing []viewstore.SpeedKey
	for _, it := range items {
		cached, ok := s.cache.get(it.key)
		if !ok {
			cached = viewstore.SpeedItem{SpeedKey: it.key}
			missing = append(missing, it.key)
		}
		loaded[it.key] = cached
	}
	if len(missing) == 0 {
		return loaded, nil
	}
	stored, err := s.Items.Load(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("load %d speed items: %w", len(missing), err)
	}
	for _, it := range stored {
		loaded[it.SpeedKey] = it
	}
	return loaded, nil
}

// cache keeps the items this environment wrote last. It is bounded by starting anew when it is full: the items of the current slots come back
// within an invocation.
type cache struct {
	mu    sync.Mutex
	items map[viewstore.SpeedKey]viewstore.SpeedItem
	bytes int
}

const cacheBytes = 32 << 20

func (c *cache) get(key viewstore.SpeedKey) (viewstore.SpeedItem, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, ok := c.items[key]
	return it, ok
}

func (c *cache) put(it viewstore.SpeedItem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := len(it.States) + len(it.Key) + 256
	if c.items == nil || c.bytes+size > cacheBytes {
		c.items, c.bytes = map[viewstore.SpeedKey]viewstore.SpeedItem{}, 0
	}
	// An item that replaces another is counted twice: the cache starts anew a little sooner.
	c.items[it.SpeedKey] = it
	c.bytes += size
}

func (c *cache) drop(key viewstore.SpeedKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, key)
}
