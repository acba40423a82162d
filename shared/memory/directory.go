package memory

import (
	"context"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// directory holds the entries of each set.
type directory[S ~string] map[S]map[view.Key]struct{}

func (d *directory[S]) list(set S, key view.Key) {
	if *d == nil {
		*d = directory[S]{}
	}
	if (*d)[set] == nil {
		(*d)[set] = map[view.Key]struct{}{}
	}
	(*d)[set][key] = struct{}{}
}

func (d directory[S]) listed(set S, keys []view.Key) (some []view.Key) {
	for _, key := range keys {
		if _, ok := d[set][key]; ok {
			some = append(some, key)
		}
	}
	return some
}

func (d directory[S]) keys(set S, shard int, in viewstore.KeyRange) (some []view.Key) {
	for key := range d[set] {
		if viewstore.ShardOf(key) == shard && key >= in.From && (in.To == "" || key < in.To) {
			some = append(some, key)
		}
	}
	slices.Sort(some)
	if in.Down {
		slices.Reverse(some)
	}
	return some[:min(len(some), in.Limit)]
}

// Listed implements viewstore.Directory.
func (b *Base) Listed(
	ctx context.Context, generation lifecycle.GenerationID, keys []view.Key,
) ([]view.Key, error) {
	return answer(b.Hook, "base.Listed", "", func() ([]view.Key, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.entries.listed(generation, keys), ctx.Err()
	})
}

// List implements viewstore.Directory.
func (b *Base) List(ctx context.Context, generation lifecycle.GenerationID, key view.Key) error {
	return b.Hook.apply("base.List", string(key), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.entries.list(generation, key)
		return nil
	})
}

// Keys implements viewstore.Directory.
func (b *Base) Keys(
	ctx context.Context, generation lifecycle.GenerationID, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return answer(b.Hook, "base.Keys", "", func() ([]view.Key, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.entries.keys(generation, shard, in), ctx.Err()
	})
}

// Unlist removes an entry, as nothing but a fault can do.
func (b *Base) Unlist(generation lifecycle.GenerationID, key view.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries[generation], key)
}

// Listed implements viewstore.Directory.
func (s *Speed) Listed(ctx context.Context, set lifecycle.Set, keys []view.Key) ([]view.Key, error) {
	return answer(s.Hook, "speed.Listed", "", func() ([]view.Key, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.entries.listed(set, keys), ctx.Err()
	})
}

// List implements viewstore.Directory.
func (s *Speed) List(ctx context.Context, set lifecycle.Set, key view.Key) error {
	return s.Hook.apply("speed.List", string(key), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.entries.list(set, key)
		return nil
	})
}

// Keys implements viewstore.Directory.
func (s *Speed) Keys(
	ctx context.Context, set lifecycle.Set, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return answer(s.Hook, "speed.Keys", "", func() ([]view.Key, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.entries.keys(set, shard, in), ctx.Err()
	})
}

// liveKey names a viewstore.LiveKeys within its set.
type liveKey struct {
	slot slot.Slot
	name viewstore.LiveName
}

// PutLive implements viewstore.Speed.
func (s *Speed) PutLive(ctx context.Context, item viewstore.LiveKeys) error {
	return s.Hook.apply("speed.PutLive", string(item.Set), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.live == nil {
			s.live = map[lifecycle.Set]map[liveKey]viewstore.LiveKeys{}
		}
		if s.live[item.Set] == nil {
			s.live[item.Set] = map[liveKey]viewstore.LiveKeys{}
		}
		item.Keys = slices.Clone(item.Keys)
		s.live[item.Set][liveKey{item.Slot, item.Name()}] = item
		return nil
	})
}

// Live implements viewstore.Speed.
func (s *Speed) Live(ctx context.Context, set lifecycle.Set, shard int, from slot.Slot) ([]view.Key, error) {
	return answer(s.Hook, "speed.Live", string(set), func() (keys []view.Key, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for key, item := range s.live[set] {
			if key.slot >= from && key.name.Shard() == shard {
				keys = append(keys, item.Keys...)
			}
		}
		return keys, ctx.Err()
	})
}
