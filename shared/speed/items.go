package speed

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// writer loads speed items and writes each with its applied position, for the live half and the replayed half alike.
type writer struct {
	items    caching
	listing  *listing
	tries    int
	parallel runner.Runner
}

// write replaces a stored item by what next returns for it, and returns whether it wrote.
func (w *writer) write(
	ctx context.Context, loaded viewstore.SpeedItem, next func(stored viewstore.SpeedItem) (viewstore.SpeedItem, error),
) (bool, error) {
	// Commit point: the item and its applied position, in one conditional write. A crash after it leaves an item that has
	// these records, and skips them when they come again.
	wrote, err := viewstore.Upsert(ctx, &w.items, loaded.SpeedKey, loaded, w.tries, next)
	if err != nil {
		return wrote, fmt.Errorf("write speed item: %w", err)
	}
	return wrote, nil
}

// caching also puts written items into the cache. After a conflict or a lost answer it drops the item: then only the
// store knows which records the item has.
type caching struct {
	viewstore.Speed
	cache *cache
}

// Put implements viewstore.Speed.
func (c *caching) Put(ctx context.Context, it viewstore.SpeedItem, loaded event.Sequence) error {
	if err := c.Speed.Put(ctx, it, loaded); err != nil {
		c.cache.drop(it.SpeedKey)
		return err
	}
	c.cache.put(it)
	return nil
}

// load reads the stored items, from the cache where it has them, in the order of items. A stale item only costs a
// conflict.
func (w *writer) load(ctx context.Context, items []item) ([]viewstore.SpeedItem, error) {
	loaded := make([]viewstore.SpeedItem, len(items))
	var missing []viewstore.SpeedKey
	places := map[viewstore.SpeedKey]int{} // of the missing items
	for i, it := range items {
		cached, ok := w.items.cache.get(it.key)
		if !ok {
			cached = viewstore.SpeedItem{SpeedKey: it.key}
			missing = append(missing, it.key)
			places[it.key] = i
		}
		loaded[i] = cached
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

// cache remembers the items that this environment wrote last. When it is full it starts empty again; the items of the
// current slots come back within an invocation.
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
	// An item that replaces another counts twice, so the cache is full a little sooner.
	c.items[it.SpeedKey] = it
	c.bytes += size
}

func (c *cache) drop(key viewstore.SpeedKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, key)
}
