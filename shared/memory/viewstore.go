package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

type basePartition struct {
	generation lifecycle.GenerationID
	key        view.Key
}

// Base stores base items in memory. The zero Base is empty and ready to use.
type Base struct {
	Hook   Hook
	AtOnce int // maximum number of items in an answer of Pages; 0: as many as MostRead allows

	mu    sync.Mutex
	items map[basePartition]map[view.Page]viewstore.BaseItem
	keys  keyIndex[lifecycle.GenerationID]
}

var _ viewstore.Base = (*Base)(nil)

// Load implements viewstore.Base.
func (b *Base) Load(ctx context.Context, keys []viewstore.BaseKey) ([]viewstore.BaseItem, error) {
	return answer(b.Hook, "base.Load", "", func() (items []viewstore.BaseItem, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, key := range keys {
			if item, ok := b.items[basePartition{key.Generation, key.Key}][key.Page]; ok {
				items = append(items, copyBase(item))
			}
		}
		return items, ctx.Err()
	})
}

// Put implements viewstore.Base.
func (b *Base) Put(ctx context.Context, item viewstore.BaseItem, loaded slot.Slot) error {
	return b.Hook.apply("base.Put", string(item.Key), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		partition := basePartition{item.Generation, item.Key}
		if stored := b.items[partition][item.Page].Horizon; stored != loaded {
			return fmt.Errorf("base item at horizon %s, not %s: %w", stored, loaded, viewstore.ErrConflict)
		}
		if b.items == nil {
			b.items = map[basePartition]map[view.Page]viewstore.BaseItem{}
		}
		if b.items[partition] == nil {
			b.items[partition] = map[view.Page]viewstore.BaseItem{}
		}
		b.items[partition][item.Page] = copyBase(item)
		b.keys.add(item.Generation, item.Key)
		return nil
	})
}

// Drop implements viewstore.Base.
func (b *Base) Drop(ctx context.Context, generation lifecycle.GenerationID, after string) (string, error) {
	return answer(b.Hook, "base.Drop", string(generation), func() (string, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		keys, next := some(b.items, func(p basePartition) (view.Key, bool) {
			return p.key, p.generation == generation
		}, after)
		for _, key := range keys {
			delete(b.items, basePartition{generation, key})
		}
		if next == "" {
			delete(b.keys, generation)
		}
		return next, ctx.Err()
	})
}

// Len returns the number of items of a generation.
func (b *Base) Len(generation lifecycle.GenerationID) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for partition, pages := range b.items {
		if partition.generation == generation {
			n += len(pages)
		}
	}
	return n
}

// Pages implements viewstore.Base.
func (b *Base) Pages(
	ctx context.Context, generation lifecycle.GenerationID, key view.Key, from, to view.Page, after string,
) (items []viewstore.BaseItem, next string, err error) {
	next, err = answer(b.Hook, "base.Pages", string(key), func() (string, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		all := b.items[basePartition{generation, key}]
		var pages []view.Page
		for page := range all {
			if page >= from && page <= to && (after == "" || basePlace(page) > after) {
				pages = append(pages, page)
			}
		}
		slices.Sort(pages)
		sizeOf := func(page view.Page) int { return len(all[page].States) }
		some, more := firstOf(pages, b.AtOnce, sizeOf)
		for _, page := range some {
			items = append(items, copyBase(all[page]))
		}
		if more {
			next = basePlace(some[len(some)-1])
		}
		return next, ctx.Err()
	})
	if err != nil {
		return nil, "", err
	}
	return items, next, nil
}

// basePlace returns a cursor: the place of a page in the order of pages.
func basePlace(page view.Page) string { return fmt.Sprintf("%016x", uint64(page)^1<<63) }

// firstOf returns as many of all as one answer of a read has, and whether there are more.
func firstOf[K any](all []K, most int, sizeOf func(K) int) (some []K, more bool) {
	bytes := 0
	for i, key := range all {
		if bytes += sizeOf(key); i > 0 && bytes > viewstore.MostRead || most > 0 && i == most {
			return all[:i], true
		}
	}
	return all, false
}

func copyBase(item viewstore.BaseItem) viewstore.BaseItem {
	item.States = bytes.Clone(item.States)
	return item
}

// Scan implements viewstore.Base.
func (b *Base) Scan(ctx context.Context, generation lifecycle.GenerationID, after string) (items []viewstore.BaseItem,
	next string, err error) {
	next, err = answer(b.Hook, "base.Scan", string(generation), func() (string, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		keys, next := some(b.items, func(p basePartition) (view.Key, bool) {
			return p.key, p.generation == generation
		}, after)
		for _, key := range keys {
			for _, item := range b.items[basePartition{generation, key}] {
				items = append(items, copyBase(item))
			}
		}
		slices.SortFunc(items, func(m, n viewstore.BaseItem) int {
			return cmp.Or(cmp.Compare(m.Key, n.Key), cmp.Compare(m.Page, n.Page))
		})
		return next, ctx.Err()
	})
	if err != nil {
		return nil, "", err
	}
	return items, next, nil
}

// looked is the most keys that one call of Scan or Drop handles. It is small, so that tests exercise the cursor.
const looked = 10

// some returns the first keys of a set from the cursor on, and the cursor for the next call, "" when there are no more.
func some[P comparable, I any](partitions map[P]I, keyOf func(P) (view.Key, bool), from string) (keys []view.Key,
	next string) {
	for partition := range partitions {
		if key, ok := keyOf(partition); ok && string(key) >= from {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if len(keys) > looked {
		return keys[:looked], string(keys[looked])
	}
	return keys, ""
}

type speedPartition struct {
	set lifecycle.Set
	key view.Key
}

// Speed stores speed items in memory. The zero Speed is empty and ready to use.
type Speed struct {
	Hook   Hook
	Now    func() time.Time // the clock by which items expire; nil: they never expire
	AtOnce int              // maximum number of items in an answer of Slots or Pages; 0: as many as MostRead allows

	mu    sync.Mutex
	items map[speedPartition]map[viewstore.SpeedKey]viewstore.SpeedItem
	keys  keyIndex[lifecycle.Set] // of the items that do not expire
	live  map[lifecycle.Set]map[liveKey]viewstore.LiveKeys
	puts  int
}

var _ viewstore.Speed = (*Speed)(nil)

// Load implements viewstore.Speed.
func (s *Speed) Load(ctx context.Context, keys []viewstore.SpeedKey) ([]viewstore.SpeedItem, error) {
	return answer(s.Hook, "speed.Load", "", func() (items []viewstore.SpeedItem, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, key := range keys {
			if item, ok := s.items[speedPartition{key.Set, key.Key}][key]; ok {
				items = append(items, copySpeed(item))
			}
		}
		return items, ctx.Err()
	})
}

// Put implements viewstore.Speed.
func (s *Speed) Put(ctx context.Context, item viewstore.SpeedItem, loaded event.Sequence) error {
	return s.Hook.apply("speed.Put", string(item.Key), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.expire()
		partition := speedPartition{item.Set, item.Key}
		if stored := s.items[partition][item.SpeedKey].Applied; stored != loaded {
			return fmt.Errorf("speed item at applied position %q, not %q: %w", stored, loaded, viewstore.ErrConflict)
		}
		if s.items == nil {
			s.items = map[speedPartition]map[viewstore.SpeedKey]viewstore.SpeedItem{}
		}
		if s.items[partition] == nil {
			s.items[partition] = map[viewstore.SpeedKey]viewstore.SpeedItem{}
		}
		s.items[partition][item.SpeedKey] = copySpeed(item)
		if item.Expires == viewstore.NeverExpires {
			s.keys.add(item.Set, item.Key)
		}
		return nil
	})
}

// expire removes expired items. It does so every 10,000 puts, so that it costs each put little.
func (s *Speed) expire() {
	if s.puts++; s.Now == nil || s.puts%10_000 != 0 {
		return
	}
	now := s.Now()
	for partition, items := range s.items {
		for key, item := range items {
			if item.Expires.IsBefore(now) {
				delete(items, key)
			}
		}
		if len(items) == 0 {
			delete(s.items, partition)
		}
	}
	for _, items := range s.live {
		maps.DeleteFunc(items, func(_ liveKey, item viewstore.LiveKeys) bool { return item.Expires.IsBefore(now) })
	}
}

// Slots implements viewstore.Speed.
func (s *Speed) Slots(
	ctx context.Context, set lifecycle.Set, key view.Key, from slot.Slot, after string,
) ([]viewstore.SpeedItem, string, error) {
	return s.query(ctx, "speed.Slots", set, key, after, func(item viewstore.SpeedKey) bool { return item.Slot >= from })
}

// Pages implements viewstore.Speed.
func (s *Speed) Pages(
	ctx context.Context, set lifecycle.Set, key view.Key, from, to view.Page, after string,
) ([]viewstore.SpeedItem, string, error) {
	return s.query(ctx, "speed.Pages", set, key, after, func(item viewstore.SpeedKey) bool {
		return item.Slot == viewstore.NoSlot && item.Page >= from && item.Page <= to
	})
}

func (s *Speed) query(
	ctx context.Context, name string, set lifecycle.Set, key view.Key, after string, want func(viewstore.SpeedKey) bool,
) (items []viewstore.SpeedItem, next string, err error) {
	next, err = answer(s.Hook, name, string(key), func() (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := s.items[speedPartition{set, key}]
		var keys []viewstore.SpeedKey
		for key := range all {
			if want(key) && (after == "" || speedPlace(key) > after) {
				keys = append(keys, key)
			}
		}
		slices.SortFunc(keys, compareSpeed)
		some, more := firstOf(keys, s.AtOnce, func(key viewstore.SpeedKey) int { return len(all[key].States) })
		for _, key := range some {
			items = append(items, copySpeed(all[key]))
		}
		if more {
			next = speedPlace(some[len(some)-1])
		}
		return next, ctx.Err()
	})
	if err != nil {
		return nil, "", err
	}
	return items, next, nil
}

// speedPlace returns a cursor: the place of an item in the order of slots, pages and lanes.
func speedPlace(key viewstore.SpeedKey) string {
	return fmt.Sprintf("%016x%016x%s", uint64(key.Slot)^1<<63, uint64(key.Page)^1<<63, key.Lane)
}

func compareSpeed(m, n viewstore.SpeedKey) int {
	return cmp.Or(cmp.Compare(m.Key, n.Key), cmp.Compare(m.Slot, n.Slot), cmp.Compare(m.Page, n.Page),
		strings.Compare(m.Lane.String(), n.Lane.String()))
}

// Scan implements viewstore.Speed.
func (s *Speed) Scan(ctx context.Context, set lifecycle.Set, after string) (items []viewstore.SpeedItem, next string,
	err error) {
	next, err = answer(s.Hook, "speed.Scan", string(set), func() (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		keys, next := some(s.items, func(p speedPartition) (view.Key, bool) { return p.key, p.set == set }, after)
		for _, key := range keys {
			for _, item := range s.items[speedPartition{set, key}] {
				items = append(items, copySpeed(item))
			}
		}
		slices.SortFunc(items, func(m, n viewstore.SpeedItem) int { return compareSpeed(m.SpeedKey, n.SpeedKey) })
		return next, ctx.Err()
	})
	if err != nil {
		return nil, "", err
	}
	return items, next, nil
}

// Drop implements viewstore.Speed.
func (s *Speed) Drop(ctx context.Context, set lifecycle.Set, after string) (string, error) {
	return answer(s.Hook, "speed.Drop", string(set), func() (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		keys, next := some(s.items, func(p speedPartition) (view.Key, bool) { return p.key, p.set == set }, after)
		for _, key := range keys {
			delete(s.items, speedPartition{set, key})
		}
		if next == "" {
			delete(s.keys, set)
			delete(s.live, set)
		}
		return next, ctx.Err()
	})
}

// Len returns the number of items of a set.
func (s *Speed) Len(set lifecycle.Set) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for partition, items := range s.items {
		if partition.set == set {
			n += len(items)
		}
	}
	return n
}

func copySpeed(item viewstore.SpeedItem) viewstore.SpeedItem {
	item.States = bytes.Clone(item.States)
	return item
}
