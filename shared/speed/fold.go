package speed

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// considered holds the records of a lane that were read. Their rows are in batches, one after another, and are numbered
// across all batches.
type considered struct {
	batches   []*event.Batch
	sequences []event.Sequence
	ends      []int // ends[i] is the number of rows in records 0 to i

	identities []event.Identity        // of the rows; replay has others
	late       map[event.Sequence]bool // passed over, or begun before: see olderThan
}

// after returns the first row of the records above an applied position.
func (c considered) after(applied event.Sequence) int {
	n, _ := slices.BinarySearchFunc(c.sequences, applied, func(s, f event.Sequence) int {
		if s.Compare(f) <= 0 {
			return -1
		}
		return 1
	})
	if n == 0 {
		return 0
	}
	return c.ends[n-1]
}

// recordOf returns the index of the record that holds a row.
func (c considered) recordOf(row int) int {
	n, _ := slices.BinarySearch(c.ends, row+1)
	return n
}

// each splits ascending rows by batch, and calls do with each batch and the rows' numbers in it.
func (c considered) each(rows []int32, do func(*event.Batch, []int32)) {
	start := 0
	var own []int32
	for _, batch := range c.batches {
		end := start + batch.Len()
		n, _ := slices.BinarySearch(rows, int32(end))
		switch {
		case n > 0 && start == 0:
			do(batch, rows[:n])
		case n > 0:
			own = own[:0]
			for _, row := range rows[:n] {
				own = append(own, row-int32(start))
			}
			do(batch, own)
		}
		rows, start = rows[n:], end
	}
}

// group holds the rows for items of one slot, or for items without a slot.
type group struct {
	slot    slot.Slot
	expires viewstore.Expiry // of its items
	rows    []int32
}

// rowsBySlot groups the rows that are not duplicates by the slot of their stamps. Most invocations have one slot or
// two.
func rowsBySlot(b *event.Batch, length slot.Length, duplicate []bool) []group {
	var all []group
	for row, stamp := range b.Stamps {
		if duplicate[row] {
			continue
		}
		s := length.Of(stamp)
		i := slices.IndexFunc(all, func(g group) bool { return g.slot == s })
		if i < 0 {
			i = len(all)
			all = append(all, group{slot: s, rows: make([]int32, 0, b.Len()-row)})
		}
		all[i].rows = append(all[i].rows, int32(row))
	}
	slices.SortFunc(all, func(a, b group) int { return int(a.slot - b.slot) })
	return all
}

// groups returns the rows for a target's items: one group per slot, or one group for all slots together.
func (s *Speed) groups(t target, slots []group) []group {
	first := slices.IndexFunc(slots, func(g group) bool { return g.slot >= t.from })
	if first < 0 {
		return nil
	}
	if !t.bySlot {
		together := group{slot: viewstore.NoSlot}
		for _, g := range slots[first:] {
			together.rows = append(together.rows, g.rows...)
		}
		slices.Sort(together.rows)
		return []group{together}
	}
	own := slices.Clone(slots[first:])
	for i := range own {
		own[i].expires = viewstore.ExpiryAt(s.Layout.Slot.End(own[i].slot).Add(s.Retain))
	}
	return own
}

// fold applies one lane's records to one set of items of a program.
type fold struct {
	writer
	program *view.Program
	set     lifecycle.Set
	lane    event.Lane
	records considered

	mu    sync.Mutex
	above map[aboveKey]map[view.PageKey]view.DeltaPage
}

// aboveKey identifies the rows of a slot from one row on.
type aboveKey struct {
	slot  slot.Slot
	first int
}

// item is one speed item that the records may touch.
type item struct {
	key   viewstore.SpeedKey
	page  view.DeltaPage // the states of all its rows
	group *group         // has its rows, and others

	cached *cached // its place in the cache
}

// apply folds groups of the records' rows into items. On an error, lowest is the index of the first record that is not
// fully applied.
func (f *fold) apply(ctx context.Context, groups []group) (lowest int, counts view.Counts, written int, err error) {
	var items []item
	for n := range groups {
		g := &groups[n]
		delta := f.delta(g.rows)
		counts.Folded += delta.Counts().Folded
		counts.Skipped += delta.Counts().Skipped
		start := len(items)
		items = slices.Grow(items, delta.Len())
		for page := range delta.Pages() {
			key := viewstore.SpeedKey{Set: f.set, Key: page.Key, Slot: g.slot, Page: page.Page, Lane: f.lane}
			items = append(items, item{key: key, page: page, group: g})
		}
		f.cache.find(listOf{f.set, g.slot, f.lane}, items[start:])
		if g.slot == viewstore.NoSlot {
			continue
		}
		keys := keysToList(items[start:])
		if err := f.listLive(ctx, g, keys); err != nil {
			return 0, counts, 0, err
		}
	}
	lowest = math.MaxInt
	var all []error
	for some := range slices.Chunk(items, itemsAtOnce) {
		first, wrote, err := f.writeAll(ctx, some)
		lowest = min(lowest, first)
		written += wrote
		if err != nil {
			all = append(all, err)
		}
	}
	return lowest, counts, written, errors.Join(all...)
}

// itemsAtOnce bounds the items loaded at once, and so the memory. An invocation of the stream has fewer items; a step
// of replay may have many more.
const itemsAtOnce = 10_000

func (f *fold) delta(rows []int32) *view.Delta {
	delta := f.program.NewDelta()
	f.records.each(rows, delta.Fold)
	return delta
}

// writeAll writes each item on its own. A failed item fails the invocation from the record of the group's first row on.
func (f *fold) writeAll(ctx context.Context, items []item) (lowest, written int, err error) {
	loaded, err := f.load(ctx, items)
	if err != nil {
		return 0, 0, err
	}
	var lock sync.Mutex
	var writes atomic.Int64
	lowest = math.MaxInt
	err = f.parallel(len(items), func(i int) error {
		it := &items[i]
		wrote, err := f.write(ctx, it.cached, loaded[i], func(stored viewstore.SpeedItem) (viewstore.SpeedItem, error) {
			return f.next(it, stored)
		})
		if wrote {
			writes.Add(1)
		}
		if err != nil {
			lock.Lock()
			defer lock.Unlock()
			lowest = min(lowest, f.records.recordOf(int(items[i].group.rows[0])))
		}
		return err
	})
	return lowest, int(writes.Load()), err
}

// next returns the item with all records above its applied position folded in, or the loaded item when there are none.
//
// An item that is behind all records takes its page, with the states of all rows. An item whose applied position is
// among the records has some of the rows already, and takes a page of the others only.
func (f *fold) next(it *item, loaded viewstore.SpeedItem) (viewstore.SpeedItem, error) {
	last := f.records.sequences[len(f.records.sequences)-1]
	if loaded.Applied.Compare(last) >= 0 {
		return loaded, nil
	}
	rest := remainder{page: it.page}
	if first := f.records.after(loaded.Applied); first > int(it.group.rows[0]) {
		rest = f.remainderFrom(it, first)
	}
	if rest.none {
		return loaded, nil
	}
	next := viewstore.SpeedItem{SpeedKey: it.key, Applied: last, Expires: it.group.expires}
	if len(loaded.States) == 0 {
		next.States = rest.page.Encode() // the item is new
		return next, nil
	}
	var err error
	if next.States, err = f.program.Merge(loaded.States, rest.page); err != nil {
		return loaded, err
	}
	return next, nil
}

// remainder holds the states of the item's rows above the item's applied position.
type remainder struct {
	page view.DeltaPage
	none bool // there are no such rows
}

// remainderFrom returns the states of the rows from first on, for an item that has some of the records already.
func (f *fold) remainderFrom(it *item, first int) remainder {
	page, some := f.pagesFrom(it.key.Slot, *it.group, first)[it.page.PageKey]
	return remainder{page: page, none: !some}
}

// pagesFrom folds the rows of a group from first on. Items that were written together have the same applied position,
// so pagesFrom folds once for all of them and remembers the result.
func (f *fold) pagesFrom(s slot.Slot, g group, first int) map[view.PageKey]view.DeltaPage {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := aboveKey{s, first}
	if pages, ok := f.above[key]; ok {
		return pages
	}
	at, _ := slices.BinarySearch(g.rows, int32(first))
	pages := map[view.PageKey]view.DeltaPage{}
	for page := range f.delta(g.rows[at:]).Pages() {
		pages[page.PageKey] = page
	}
	if f.above == nil {
		f.above = map[aboveKey]map[view.PageKey]view.DeltaPage{}
	}
	f.above[key] = pages
	return pages
}
