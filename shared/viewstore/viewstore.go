// Package viewstore is the contract of the views' items: base items, which batch writes, and speed items, which speed
// writes.
//
// Items carry encoded states, and the store never looks inside. It does not decide where base items end and speed items
// begin: each item says itself how far it reaches (horizon, applied position). A write succeeds only if the stored item
// is the one that the writer loaded.
package viewstore

import (
	"context"
	"errors"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// ErrConflict means that the stored item is not the one that was loaded; nothing was written. Load again, fold again,
// then retry.
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

// LoadTogether is how many keys the layers pass to one Load, so that they can load many keys in parallel. A Load
// accepts any number; this many are one request to DynamoDB.
//
// Source: DynamoDB API Reference, BatchGetItem.
const LoadTogether = 100

// MostRead is the maximum size of the states of one answer of Pages or Slots, in bytes: DynamoDB ends an answer with
// the item that passes 1 MB, and an item has at most 400 KB.
//
// Source: DynamoDB API Reference, Query.
const MostRead = 1<<20 + 400<<10

// Base keeps base items.
//
// Calls: safe for concurrent use. Reads are strongly consistent: they see every write that returned before they began.
type Base interface {
	KeyLister[lifecycle.GenerationID]

	// Load returns the items that exist, in any order. The caller owns them. Errors are retryable.
	Load(ctx context.Context, keys []BaseKey) ([]BaseItem, error)

	// Put writes an item if the stored horizon is still loaded; slot.Beginning means that no item is stored. When Put
	// returns nil, the item is durable.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; treat it as ErrConflict.
	Put(ctx context.Context, item BaseItem, loaded slot.Slot) error

	// Pages returns some items of one key with from <= page <= to, in the order of pages, and a cursor. Their states have
	// at most MostRead bytes. after is the cursor of an earlier call, or "" for the beginning. next is "" when there are
	// no more; otherwise there is at least one item. Each call sees every write that returned before it began.
	Pages(
		ctx context.Context, generation lifecycle.GenerationID, key view.Key, from, to view.Page, after string,
	) (items []BaseItem, next string, err error)

	// Scan returns some items of a generation, in any order, and a cursor. after is the cursor of an earlier call, or ""
	// for the beginning. next is "" when the whole generation has been read; before that, an answer may be empty. An item
	// that exists from the first call to the last is in at least one of the answers.
	Scan(ctx context.Context, generation lifecycle.GenerationID, after string) (items []BaseItem, next string, err error)

	// Drop deletes a bounded number of a generation's items, and returns a cursor. after is the cursor of an earlier call,
	// or "" for the beginning. next is "" when the whole generation has been read. Nobody may write or read the generation
	// any more: an item that is written meanwhile may remain.
	//
	// Errors: some of the items may have been deleted; repeating the same call is safe.
	Drop(ctx context.Context, generation lifecycle.GenerationID, after string) (next string, err error)
}

// NoSlot is the slot of a Kappa generation's items, which cover all slots. It is the first slot of 1970, in which no
// event arrived.
const NoSlot slot.Slot = 0

// SpeedKey names a speed item.
type SpeedKey struct {
	Set  lifecycle.Set
	Key  view.Key
	Slot slot.Slot // NoSlot in a Kappa generation
	Page view.Page
	Lane event.Lane
}

// Expiry is the end of an item's time, in Unix seconds, as DynamoDB has it. The store may delete the item at any time
// after that. Readers never rely on it.
type Expiry int64

// NeverExpires is the Expiry of an item that stays.
const NeverExpires Expiry = 0

// ExpiryAt returns the Expiry of an item that must stay until t, rounded down.
func ExpiryAt(t time.Time) Expiry { return Expiry(t.Unix()) }

// IsBefore reports whether the store may have deleted the item at the instant t.
func (e Expiry) IsBefore(t time.Time) bool { return e != NeverExpires && e < ExpiryAt(t) }

// SpeedItem is the states of one (set, key, page) over one slot, or over all slots, and one lane, from the records up
// to its applied position.
type SpeedItem struct {
	SpeedKey
	Applied event.Sequence // applied position: the last record considered; never empty in a stored item
	States  []byte         // an encoded page (view.Windows)
	Expires Expiry
}

// Speed keeps speed items.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Speed interface {
	KeyLister[lifecycle.Set]

	// Load returns the items that exist, in any order. The caller owns them. Errors are retryable.
	Load(ctx context.Context, keys []SpeedKey) ([]SpeedItem, error)

	// Put writes an item if the stored applied position is still loaded; loaded "" means that no item is stored. When Put
	// returns nil, the item is durable.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; treat it as ErrConflict.
	Put(ctx context.Context, item SpeedItem, loaded event.Sequence) error

	// Slots returns some items of one key with slot >= from, ordered by slot, page and lane, and a cursor, as Base.Pages
	// does.
	Slots(
		ctx context.Context, set lifecycle.Set, key view.Key, from slot.Slot, after string,
	) (items []SpeedItem, next string, err error)

	// Pages returns some items of one key whose slot is NoSlot, with from <= page <= to, ordered by page and lane, and a
	// cursor, as Base.Pages does.
	Pages(
		ctx context.Context, set lifecycle.Set, key view.Key, from, to view.Page, after string,
	) (items []SpeedItem, next string, err error)

	// PutLive writes an item of live keys. An item with the same name lists the same keys; writing it again replaces it.
	// When PutLive returns nil, the item is durable.
	//
	// Errors: the item may or may not have been written; retrying is safe.
	PutLive(ctx context.Context, item LiveKeys) error

	// Live returns the keys that the live keys of one shard list for slots >= from, in any order. A key may come more than
	// once. Errors are retryable.
	Live(ctx context.Context, set lifecycle.Set, shard int, from slot.Slot) ([]view.Key, error)

	// Scan and Drop work as those of Base do, for a set. Drop deletes live keys, too.
	Scan(ctx context.Context, set lifecycle.Set, after string) (items []SpeedItem, next string, err error)
	Drop(ctx context.Context, set lifecycle.Set, after string) (next string, err error)
}
