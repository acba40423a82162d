package compare

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// source is a set of items whose keys are compared.
type source struct {
	scan func(ctx context.Context, after string) (keys []view.Key, next string, err error)
	has  func(ctx context.Context, key view.Key) (bool, error)
}

// sources returns the sources of two generations, which may share speed items.
func (c *Comparer) sources(serving, candidate lifecycle.Generation) []source {
	speedOf := func(g lifecycle.Generation) source {
		if g.PerSlot() {
			return c.speedKeys(g.SpeedSet(), g.Horizon)
		}
		return c.speedKeys(g.SpeedSet(), viewstore.NoSlot)
	}
	var all []source
	for _, g := range []lifecycle.Generation{serving, candidate} {
		if g.HasBase() {
			all = append(all, c.baseKeys(g.ID))
		}
	}
	one, other := serving, candidate
	if one.SpeedSet() == other.SpeedSet() {
		one.Horizon = min(one.Horizon, other.Horizon)
		return append(all, speedOf(one))
	}
	return append(all, speedOf(one), speedOf(other))
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
		items, err := c.Base.Pages(ctx, generation, key, view.FirstPage, view.LastPage)
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
		items, err := c.Speed.Slots(ctx, set, key, from)
		if err != nil {
			return false, fmt.Errorf("read speed items: %w", err)
		}
		return len(items) > 0, nil
	}
	return source{scan, has}
}
