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

// writer keeps speed items, for the live half and the replayed one alike: it loads them, and writes each under its applied position.
type writer struct {
	items    caching
	tries    int
	parallel runner.Runner
}

// write brings one item up to what next makes of the stored one, and says whether it wrote.
func (w *writer) write(
	ctx context.Context, loaded viewstore.SpeedItem, next func(stored viewstore.SpeedItem) (viewstore.SpeedItem, error),
) (bool, error) {
	// Commit point: the item and its applied position in one conditional write. A crash after it leaves an item that holds these records and
	// passes over them when they come again.
	wrote, err := viewstore.Upsert(ctx, &w.items, loaded.SpeedKey, loaded, w.tries, next)
	if err != nil {
		return wrote, fmt.Errorf("write speed item: %w", err)
	}
	return wrote, nil
}

// caching puts items into the cache, too. After a conflict, or an answer that was lost, only the store tells which records are in.
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

// load gets the items, from the cache where it has them: a stale one only costs a conflict.
func (w *writer) load(ctx context.Context, items []item) (map[viewstore.SpeedKey]viewstore.SpeedItem, error) {
	loaded := make(map[viewstore.SpeedKey]viewstore.SpeedItem, len(items))
	var missing []viewstore.SpeedKey
	for _, it := range items {
		cached, ok := w.items.cache.get(it.key)
		if !ok {
			cached = viewstore.SpeedItem{SpeedKey: it.key}
			missing = append(missing, it.key)
		}
		loaded[it.key] = cached
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
