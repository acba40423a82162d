package viewstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// version is how far an item reaches. A put holds the stored one against the loaded one.
type version[V comparable] interface{ version() V }

func (i BaseItem) version() slot.Slot { return i.Horizon }

func (i SpeedItem) version() event.Sequence { return i.Applied }

// store is what Upsert needs of Base and of Speed.
type store[K, I, V any] interface {
	Load(ctx context.Context, keys []K) ([]I, error)
	Put(ctx context.Context, item I, loaded V) error
}

// Upsert brings the item of a key up to what next makes of the loaded one, and says whether it wrote. It makes up to
// the given number of puts, and loads again after each that failed: a conflict, or a lost answer. The zero item stands
// for none stored. Next returns the loaded item when there is nothing to change.
//
// Errors: those of next, as they are; those of the store. The item may or may not have been written; call again.
func Upsert[K any, I version[V], V comparable](
	ctx context.Context, s store[K, I, V], key K, loaded I, tries int, next func(loaded I) (I, error),
) (wrote bool, err error) {
	for try := 0; ; try++ {
		item, nextErr := next(loaded)
		if nextErr != nil {
			return false, nextErr
		}
		if item.version() == loaded.version() {
			return false, nil
		}
		if try == tries {
			return false, fmt.Errorf("put item, %d tries: %w", tries, err)
		}
		// Commit point of the item: what it means stands where Upsert is called.
		if err = s.Put(ctx, item, loaded.version()); err == nil {
			return true, nil
		}
		stored, loadErr := s.Load(ctx, []K{key})
		if loadErr != nil {
			return false, fmt.Errorf("load item again: %w", errors.Join(err, loadErr))
		}
		var none I
		if loaded = none; len(stored) > 0 {
			loaded = stored[0]
		}
	}
}

// LoadPages loads those of a generation's base items that exist, by page, in one Load.
func LoadPages(
	ctx context.Context, base Base, generation lifecycle.GenerationID, pages []view.PageKey,
) (map[view.PageKey]BaseItem, error) {
	keys := make([]BaseKey, len(pages))
	for i, page := range pages {
		keys[i] = BaseKey{Generation: generation, Key: page.Key, Page: page.Page}
	}
	items, err := base.Load(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("load %d base items: %w", len(keys), err)
	}
	loaded := make(map[view.PageKey]BaseItem, len(items))
	for _, item := range items {
		loaded[item.PageKey()] = item
	}
	return loaded, nil
}
