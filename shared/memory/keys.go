package memory

import (
	"context"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// keyIndex holds the keys of the items of each set.
type keyIndex[S ~string] map[S]map[view.Key]struct{}

func (d *keyIndex[S]) add(set S, key view.Key) {
	if *d == nil {
		*d = keyIndex[S]{}
	}
	if (*d)[set] == nil {
		(*d)[set] = map[view.Key]struct{}{}
	}
	(*d)[set][key] = struct{}{}
}

func (d keyIndex[S]) in(set S, shard int, r viewstore.KeyRange) (some []view.Key) {
	for key := range d[set] {
		if viewstore.ShardOf(key) == shard && key >= r.From && (r.To == "" || key < r.To) {
			some = append(some, key)
		}
	}
	slices.Sort(some)
	if r.Down {
		slices.Reverse(some)
	}
	return some[:min(len(some), r.Limit)]
}

// Keys implements viewstore.KeyLister.
func (b *Base) Keys(
	ctx context.Context, generation lifecycle.GenerationID, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return answer(b.Hook, "base.Keys", "", func() ([]view.Key, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.keys.in(generation, shard, in), ctx.Err()
	})
}

// Keys implements viewstore.KeyLister.
func (s *Speed) Keys(
	ctx context.Context, set lifecycle.Set, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return answer(s.Hook, "speed.Keys", "", func() ([]view.Key, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.keys.in(set, shard, in), ctx.Err()
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
