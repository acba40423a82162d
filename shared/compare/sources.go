package compare

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// source is a set of items whose keys are compared. Keys are those of the serving definition.
type source struct {
	scan func(ctx context.Context, after string) (keys []view.Key, next string, err error)
	has  func(ctx context.Context, key view.Key) (bool, error)
}

// sources returns the sources of two generations, which may share speed items. It leaves out the keys of roll-ups that
// only one of the definitions has.
func (c *Comparer) sources(first, second serving.Reader) []source {
	speedOf := func(g lifecycle.Generation) source {
		if g.PerSlot() {
			return c.speedKeys(g.SpeedSet(), g.Horizon)
		}
		return c.speedKeys(g.SpeedSet(), viewstore.NoSlot)
	}
	one, other := first.Generation, second.Generation
	ours, theirs := first.Program.Definition, second.Program.Definition
	var all []source
	if one.HasBase() {
		all = append(all, c.baseKeys(one.ID).ofServing(ours, theirs))
	}
	if other.HasBase() {
		all = append(all, c.baseKeys(other.ID).ofCandidate(ours, theirs))
	}
	if one.SpeedSet() == other.SpeedSet() {
		one.Horizon = min(one.Horizon, other.Horizon)
		return append(all, speedOf(one))
	}
	return append(all, speedOf(one).ofServing(ours, theirs), speedOf(other).ofCandidate(ours, theirs))
}

// ofServing returns the keys of a source of the serving definition that the candidate's definition has, too.
func (s source) ofServing(serving, candidate view.Definition) source {
	scan := s.scan
	s.scan = func(ctx context.Context, after string) ([]view.Key, string, error) {
		keys, next, err := scan(ctx, after)
		return slices.DeleteFunc(keys, func(key view.Key) bool {
			_, ok := sameKey(key, serving, candidate)
			return !ok
		}), next, err
	}
	return s
}

// ofCandidate returns the keys of a source of the candidate's definition as those of the serving one.
func (s source) ofCandidate(serving, candidate view.Definition) source {
	return source{
		scan: func(ctx context.Context, after string) (keys []view.Key, next string, err error) {
			stored, next, err := s.scan(ctx, after)
			for _, key := range stored {
				if key, ok := sameKey(key, candidate, serving); ok {
					keys = append(keys, key)
				}
			}
			return keys, next, err
		},
		has: func(ctx context.Context, key view.Key) (bool, error) {
			its, ok := sameKey(key, serving, candidate)
			if !ok {
				return false, nil
			}
			return s.has(ctx, its)
		},
	}
}

// sameKey returns the key of one definition as a key of another one with the same key fields. ok is false when the
// other one does not have the key's roll-up.
func sameKey(key view.Key, from, to view.Definition) (same view.Key, ok bool) {
	if key == view.SkippedKey || len(from.Rollups) == 0 && len(to.Rollups) == 0 {
		return key, true
	}
	subset, values, ok := from.ValuesOf(key)
	if !ok {
		return "", false
	}
	for s := range view.Subset(to.Subsets()) {
		if slices.Equal(to.FieldNames(s), from.FieldNames(subset)) {
			return to.KeyOf(s, values), true
		}
	}
	return "", false
}

func (c *Comparer) baseKeys(generation lifecycle.GenerationID) source {
	scan := func(ctx context.Context, after string) ([]view.Key, string, error) {
		items, next, err := c.Base.Scan(ctx, generation, after)
		if err != nil {
			return nil, "", fmt.Errorf("scan base items: %w", err)
		}
		keys := make([]view.Key, len(items))
		for i, item := range items {
			keys[i] = item.Key
		}
		return keys, next, nil
	}
	has := func(ctx context.Context, key view.Key) (bool, error) {
		items, _, err := c.Base.Pages(ctx, generation, key, view.FirstPage, view.LastPage, "")
		if err != nil {
			return false, fmt.Errorf("read base items: %w", err)
		}
		return len(items) > 0, nil
	}
	return source{scan, has}
}

// speedKeys is the source of speed items of slots from one on. Base items cover the slots below it.
func (c *Comparer) speedKeys(set lifecycle.Set, from slot.Slot) source {
	scan := func(ctx context.Context, after string) ([]view.Key, string, error) {
		items, next, err := c.Speed.Scan(ctx, set, after)
		if err != nil {
			return nil, "", fmt.Errorf("scan speed items: %w", err)
		}
		var keys []view.Key
		for _, item := range items {
			if item.Slot >= from {
				keys = append(keys, item.Key)
			}
		}
		return keys, next, nil
	}
	has := func(ctx context.Context, key view.Key) (bool, error) {
		items, _, err := c.Speed.Slots(ctx, set, key, from, "")
		if err != nil {
			return false, fmt.Errorf("read speed items: %w", err)
		}
		return len(items) > 0, nil
	}
	return source{scan, has}
}
