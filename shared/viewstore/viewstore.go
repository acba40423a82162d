// Package viewstore is the contract of the views' items: base items, which batch writes, and speed items, which speed writes.
//
// Items carry encoded states; the store never looks inside. It decides nothing about the boundary between the two: each item says itself
// how far it reaches (horizon, applied position), and every write is conditional on what the writer had loaded.
package viewstore

import (
	"context"
	"errors"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// ErrConflict: the stored item is not the one loaded; nothing was written. Load again, fold again.
var ErrConflict = errors.New("item is not as loaded")

// BaseKey names a base item.
type BaseKey struct {
	Generation lifecycle.GenerationID
	Key        view.Key
	Page       view.Page
}

// PageKey names the page within the generation.
func (k BaseKey) PageKey() view.PageKey { return view.PageKey{Key: k.Key, Page: k.Page} }

// BaseItem is the states of one (generation, key, page) over all slots below its horizon.
type BaseItem struct {
	BaseKey
	Horizon slot.Slot // exclusive; never 0 in a stored item
	States  []byte    // an encoded page (view.Windows)
}

// LoadTogether is how many keys the layers give to one Load, so that the loads of many keys go side by side. A Load takes any number; this many are one
// request to DynamoDB. Source: DynamoDB API Reference, BatchGetItem.
const LoadTogether = 100

// Base keeps base items.
//
// Calls: safe for concurrent use. Reads are strongly consistent: they see every write that returned before they began.
type Base interface {
	// Load returns those of the items that exist, in any order. The caller owns them.
	Load(ctx context.Context, keys []BaseKey) ([]BaseItem, error)

	// Put writes an item whose stored horizon is still loaded, 0 for none stored.
	//
	// Errors: ErrConflict. Any other: it may or may not have been applied; treat it as ErrConflict. On nil it is durable.
	Put(ctx context.Context, item BaseItem, loaded slot.Slot) error

	// Pages returns the items of one key with from <= page <= to, in the order of pages.
	Pages(ctx context.Context, generation lifecycle.GenerationID, key view.Key, from, to view.Page) ([]BaseItem, error)

	// Scan returns some items of a generation, in any order: those after a cursor that an earlier call returned, "" for the beginning, and where to go
	// on, "" when the whole store has been looked through. An item that is there from the first call to the last is in one of the answers, at least.
	Scan(ctx context.Context, generation lifecycle.GenerationID, after string) (items []BaseItem, next string, err error)

	// Drop deletes items of a generation, a bounded number at a time. It goes on after a cursor that an earlier call returned, "" for the beginning,
	// and returns where to go on, "" when the whole store has been looked through. Nobody may write or read the generation any more: an item that is
	// written meanwhile may be left.
	//
	// Errors: some of the items may have been deleted; the same call again is safe.
	Drop(ctx context.Context, generation lifecycle.GenerationID, after string) (next string, err error)
}

// NoSlot stands in place of the slot of a Kappa generation's items, which hold all slots. No event arrived in that slot, the first of 1970.
const NoSlot slot.Slot = 0

// SpeedKey names a speed item.
type SpeedKey struct {
	Set  lifecycle.Set
	Key  view.Key
	Slot slot.Slot // NoSlot in a Kappa generation
	Page view.Page
	Lane event.Lane
}

// SpeedItem is the states of one (set, key, page) over one slot, or all of them, and one lane, from the records up to its applied position.
type SpeedItem struct {
	SpeedKey
	Applied event.Sequence // the last record considered; never empty in a stored item
	States  []byte         // an encoded page (view.Windows)
	Expires int64          // Unix seconds: the store may drop the item at any time after; readers never rely on it. 0: never
}

// Speed keeps speed items.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Speed interface {
	// Load returns those of the items that exist, in any order. The caller owns them.
	Load(ctx context.Context, keys []SpeedKey) ([]SpeedItem, error)

	// Put writes an item whose stored applied position is still loaded, "" for none stored.
	//
	// Errors: ErrConflict. Any other: it may or may not have been applied; treat it as ErrConflict. On nil it is durable.
	Put(ctx context.Context, item SpeedItem, loaded event.Sequence) error

	// Slots returns the items of one key with slot >= from, ordered by slot, page and lane.
	Slots(ctx context.Context, set lifecycle.Set, key view.Key, from slot.Slot) ([]SpeedItem, error)

	// Pages returns the items of one key that have NoSlot, with from <= page <= to, ordered by page and lane.
	Pages(ctx context.Context, set lifecycle.Set, key view.Key, from, to view.Page) ([]SpeedItem, error)

	// Scan and Drop are those of Base, for a set.
	Scan(ctx context.Context, set lifecycle.Set, after string) (items []SpeedItem, next string, err error)
	Drop(ctx context.Context, set lifecycle.Set, after string) (next string, err error)
}
