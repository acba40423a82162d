package speed

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// listing remembers which keys this environment has listed. When it is full it starts empty again, and keys are listed
// once more.
type listing struct {
	mu    sync.Mutex
	keys  map[listedKey]struct{}
	bytes int
}

type listedKey struct {
	set  lifecycle.Set
	slot slot.Slot
	key  view.Key
}

const listingBytes = 16 << 20

// missing returns those of the keys that are not listed for a slot of a set, in order, each once. What a view could not
// use is under no key.
func (l *listing) missing(set lifecycle.Set, s slot.Slot, keys []view.Key) []view.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	var some []view.Key
	for _, key := range keys {
		if _, listed := l.keys[listedKey{set, s, key}]; !listed && key != view.SkippedKey {
			some = append(some, key)
		}
	}
	slices.Sort(some)
	return slices.Compact(some)
}

func (l *listing) add(set lifecycle.Set, s slot.Slot, keys []view.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		size := len(key) + 128
		if l.keys == nil || l.bytes+size > listingBytes {
			l.keys, l.bytes = map[listedKey]struct{}{}, 0
		}
		l.keys[listedKey{set, s, key}] = struct{}{}
		l.bytes += size
	}
}

// keysToList returns the keys of a slot's items that the cache does not know. The key of an item that it knows is
// listed: this environment listed it before it wrote the item.
func keysToList(items []item) []view.Key {
	var keys []view.Key
	for _, it := range items {
		if it.cached.get().Applied == "" {
			keys = append(keys, it.key.Key)
		}
	}
	return keys
}

// listLive lists keys of a slot's items before the first of the items is written. It lists only keys that this
// environment has not listed for the slot. Other environments may list them, too.
func (f *fold) listLive(ctx context.Context, g *group, keys []view.Key) error {
	missing := f.listing.missing(f.set, g.slot, keys)
	for len(missing) > 0 {
		n := fitting(missing)
		item := viewstore.LiveKeys{Set: f.set, Slot: g.slot, Keys: missing[:n], Expires: g.expires}
		// Commit point of the live keys: whoever lists keys finds these for as long as their speed items live. A crash after
		// it leaves keys that are listed, and perhaps without an item until the records come again.
		if err := f.items.PutLive(ctx, item); err != nil {
			return fmt.Errorf("list live keys: %w", err)
		}
		f.listing.add(f.set, g.slot, item.Keys)
		missing = missing[n:]
	}
	return nil
}

// fitting returns how many of the keys, from the front, fit into one item of live keys.
func fitting(keys []view.Key) int {
	size := 0
	for i, key := range keys {
		if size += viewstore.LiveBytes(key); size > viewstore.MaxLiveBytes {
			return i
		}
	}
	return len(keys)
}
