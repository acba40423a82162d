package speed

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// writer loads speed items and writes each with its applied position, for the live half and the replayed half alike.
type writer struct {
	items    viewstore.Speed
	cache    *cache
	listing  *listing
	tries    int
	parallel runner.Runner
}

// write replaces a stored item by what next returns for it, and returns whether it wrote. The cache remembers the item.
func (w *writer) write(
	ctx context.Context, cached *cached, loaded viewstore.SpeedItem,
	next func(stored viewstore.SpeedItem) (viewstore.SpeedItem, error),
) (bool, error) {
	store := &caching{w.items, w.cache, cached}
	// Commit point: the item and its applied position, in one conditional write. A crash after it leaves an item that has
	// these records, and skips them when they come again.
	wrote, err := viewstore.Upsert(ctx, store, loaded.SpeedKey, loaded, w.tries, next)
	if err != nil {
		return wrote, fmt.Errorf("write speed item: %w", err)
	}
	return wrote, nil
}

// caching also puts the written item into the cache. After a conflict or a lost answer it drops the item: then only the
// store knows which records the item has.
type caching struct {
	viewstore.Speed
	cache  *cache
	cached *cached
}

// Put implements viewstore.Speed.
func (c *caching) Put(ctx context.Context, it viewstore.SpeedItem, loaded event.Sequence) error {
	if err := c.Speed.Put(ctx, it, loaded); err != nil {
		c.cache.keep(c.cached, viewstore.SpeedItem{})
		return err
	}
	c.cache.keep(c.cached, it)
	return nil
}

// load reads the stored items, from the cache where it has them, in the order of items. A stale item only costs a
// conflict.
func (w *writer) load(ctx context.Context, items []item) ([]viewstore.SpeedItem, error) {
	loaded := make([]viewstore.SpeedItem, len(items))
	var missing []viewstore.SpeedKey
	places := map[viewstore.SpeedKey]int{} // of the missing items
	for i, it := range items {
		if loaded[i] = it.cached.get(); loaded[i].Applied == "" {
			loaded[i] = viewstore.SpeedItem{SpeedKey: it.key}
			missing = append(missing, it.key)
			places[it.key] = i
		}
	}
	parts := slices.Collect(slices.Chunk(missing, viewstore.LoadTogether))
	stored := make([][]viewstore.SpeedItem, len(parts))
	err := w.parallel(len(parts), func(i int) (err error) {
		stored[i], err = w.items.Load(ctx, parts[i])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load %d speed items: %w", len(missing), err)
	}
	for _, it := range slices.Concat(stored...) {
		loaded[places[it.SpeedKey]] = it
	}
	return loaded, nil
}

// cache remembers the items that this environment wrote last. When it is full it keeps no more, and the next
// invocation begins with an empty one; the items of the current slots come back within that invocation.
type cache struct {
	mu    sync.Mutex
	lists map[listOf]map[view.PageKey]*cached
	bytes atomic.Int64
}

// listOf names the items of one lane and slot of a set.
type listOf struct {
	set  lifecycle.Set
	slot slot.Slot
	lane event.Lane
}

// cached is the place of one item in the cache.
type cached struct {
	mu   sync.Mutex
	item viewstore.SpeedItem // without an applied position: the cache does not know the item
}

const cacheBytes = 32 << 20

// find gives each of the items its place in the cache. They are all of one list. Places make an invocation look each
// item up only once.
func (c *cache) find(list listOf, items []item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists == nil || c.bytes.Load() > cacheBytes {
		c.lists = map[listOf]map[view.PageKey]*cached{}
		c.bytes.Store(0)
	}
	places := c.lists[list]
	if places == nil {
		places = map[view.PageKey]*cached{}
		c.lists[list] = places
	}
	for i := range items {
		place := places[items[i].page.PageKey]
		if place == nil {
			place = &cached{}
			places[items[i].page.PageKey] = place
			c.bytes.Add(int64(len(items[i].key.Key) + 256))
		}
		items[i].cached = place
	}
}

func (c *cached) get() viewstore.SpeedItem {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.item
}

// keep puts an item into its place, unless the cache is full. The zero item drops what the place holds.
func (c *cache) keep(place *cached, it viewstore.SpeedItem) {
	place.mu.Lock()
	defer place.mu.Unlock()
	if c.bytes.Add(int64(len(it.States)-len(place.item.States))) > cacheBytes {
		it = viewstore.SpeedItem{}
	}
	place.item = it
}
