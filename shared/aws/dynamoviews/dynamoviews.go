// Package dynamoviews keeps base items, speed items and seen items in DynamoDB tables: the contracts of
// shared/viewstore over conditional puts and strongly consistent reads, and no policy. States are bytes to it.
//
// All tables have the binary keys "pk" and "sk"; key.go says what is in them. The other attributes have short names,
// for DynamoDB counts them with every item:
//
//	s        B  states, an encoded page
//	h        N  of a base item: its horizon, Unix milliseconds
//	f S of a speed item: its applied position. Only ever compared for equality: DynamoDB's numbers have 38 digits,
//	sequence numbers up to 129
//	r        B  of a seen item: its records, see record.go
//	t        N  of a seen item: when it was recorded, Unix milliseconds
//	k        B  of live keys: the keys, see viewstore.EncodeLive
//	expires N of a speed or seen item, or live keys: when DynamoDB may drop it, Unix seconds; the table's TTL
//	attribute. Absent: never
//
// Source: docs/design.md 2 and 3.3 to 3.5; DynamoDB Developer Guide, condition expressions, read consistency.
package dynamoviews

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Names of attributes.
const (
	states   = "s"
	horizon  = "h"
	applied  = "f"
	records  = "r"
	recorded = "t"
	liveKeys = "k"
	expires  = "expires"
)

// Base is a table of base items.
type Base struct{ table table.Table }

var _ viewstore.Base = (*Base)(nil)

// NewBase uses a table, which must exist. It makes no request.
func NewBase(client *dynamodb.Client, name string) *Base {
	return &Base{table.Table{Client: client, Name: name}}
}

// Load implements viewstore.Base, with one request per 100 items or 16 MB. A key that appears twice gives one item.
func (b *Base) Load(ctx context.Context, keys []viewstore.BaseKey) ([]viewstore.BaseItem, error) {
	items, err := load(ctx, b.table, keys, baseKey, baseItem)
	if err != nil {
		return nil, fmt.Errorf("load %d base items: %w", len(keys), err)
	}
	return items, nil
}

// Put implements viewstore.Base. It also returns ErrConflict when an attempt of this very call was applied and its
// answer lost.
func (b *Base) Put(ctx context.Context, item viewstore.BaseItem, loaded slot.Slot) error {
	attributes := baseKey(item.BaseKey)
	attributes[horizon] = table.Number(item.Horizon)
	attributes[states] = table.Binary(item.States)
	var when table.Condition
	if loaded != slot.Beginning {
		when = table.Condition{Attribute: horizon, Value: table.Number(loaded)}
	}
	stored, err := b.table.Put(ctx, attributes, when)
	if errors.Is(err, table.ErrMismatch) {
		err = fmt.Errorf("the stored horizon is %s, not %d: %w", found(stored, horizon, table.NumberOf[int64]), loaded,
			viewstore.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("put base item of generation %s, page %d: %w", item.Generation, item.Page, err)
	}
	return nil
}

// Pages implements viewstore.Base, with one request.
func (b *Base) Pages(
	ctx context.Context, generation lifecycle.GenerationID, key view.Key, from, to view.Page, after string,
) ([]viewstore.BaseItem, string, error) {
	if from > to {
		return nil, "", ctx.Err() // DynamoDB refuses such a range
	}
	items, next, err := part(ctx, b.table, table.Range{
		Partition: table.Binary(partition(generation, itemsKind, viewstore.ShardOf(key))),
		From:      table.Binary(baseOrder(key, from)), To: table.Binary(baseOrder(key, to)),
	}, after, baseItem)
	if err != nil {
		return nil, "", fmt.Errorf("read pages %d to %d of generation %s: %w", from, to, generation, err)
	}
	return items, next, nil
}

// Speed is a table of speed items.
type Speed struct{ table table.Table }

var _ viewstore.Speed = (*Speed)(nil)

// NewSpeed uses a table, which must exist. It makes no request.
func NewSpeed(client *dynamodb.Client, name string) *Speed {
	return &Speed{table.Table{Client: client, Name: name}}
}

// Load implements viewstore.Speed, with one request per 100 items or 16 MB. A key that appears twice gives one item.
func (s *Speed) Load(ctx context.Context, keys []viewstore.SpeedKey) ([]viewstore.SpeedItem, error) {
	items, err := load(ctx, s.table, keys, speedKey, speedItem)
	if err != nil {
		return nil, fmt.Errorf("load %d speed items: %w", len(keys), err)
	}
	return items, nil
}

// Put implements viewstore.Speed. It also returns ErrConflict when an attempt of this very call was applied and its
// answer lost.
func (s *Speed) Put(ctx context.Context, item viewstore.SpeedItem, loaded event.Sequence) error {
	attributes := speedKey(item.SpeedKey)
	attributes[applied] = table.Text(item.Applied)
	attributes[states] = table.Binary(item.States)
	setExpires(attributes, item.Expires)
	var when table.Condition
	if loaded != "" {
		when = table.Condition{Attribute: applied, Value: table.Text(loaded)}
	}
	stored, err := s.table.Put(ctx, attributes, when)
	if errors.Is(err, table.ErrMismatch) {
		err = fmt.Errorf("the stored applied position is %s, not %q: %w", found(stored, applied, table.TextOf), loaded,
			viewstore.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("put speed item of set %s, slot %s, page %d, lane %s: %w", item.Set, item.Slot, item.Page,
			item.Lane, err)
	}
	return nil
}

// Slots implements viewstore.Speed, with one request.
func (s *Speed) Slots(
	ctx context.Context, set lifecycle.Set, key view.Key, from slot.Slot, after string,
) ([]viewstore.SpeedItem, string, error) {
	items, next, err := part(ctx, s.table, table.Range{
		Partition: table.Binary(partition(set, itemsKind, viewstore.ShardOf(key))),
		From:      table.Binary(appendOrdered(appendWhole(nil, key), from)), // comes before what is longer
		To:        table.Binary(appendBehind(nil, key)),
	}, after, speedItem)
	if err != nil {
		return nil, "", fmt.Errorf("read slots from %s of set %s: %w", from, set, err)
	}
	return items, next, nil
}

// Pages implements viewstore.Speed, with one request.
func (s *Speed) Pages(
	ctx context.Context, set lifecycle.Set, key view.Key, from, to view.Page, after string,
) ([]viewstore.SpeedItem, string, error) {
	if from > to {
		return nil, "", ctx.Err() // DynamoDB refuses such a range
	}
	items, next, err := part(ctx, s.table, table.Range{
		Partition: table.Binary(partition(set, itemsKind, viewstore.ShardOf(key))),
		From:      table.Binary(speedOrder(key, viewstore.NoSlot, from)),
		To:        table.Binary(append(speedOrder(key, viewstore.NoSlot, to), endOfLanes)),
	}, after, speedItem)
	if err != nil {
		return nil, "", fmt.Errorf("read pages %d to %d of set %s: %w", from, to, set, err)
	}
	return items, next, nil
}

// load reads and decodes the items of the keys, each once.
func load[K comparable, I any](ctx context.Context, t table.Table, keys []K, encode func(K) table.Item,
	decode func(table.Item) (I, error)) ([]I, error) {
	asked := make(map[K]struct{}, len(keys))
	encoded := make([]table.Item, 0, len(keys))
	for _, key := range keys {
		if _, twice := asked[key]; !twice {
			asked[key] = struct{}{}
			encoded = append(encoded, encode(key))
		}
	}
	loaded, err := t.Load(ctx, encoded)
	if err != nil {
		return nil, err
	}
	return decodeAll(loaded, decode)
}

func query[I any](ctx context.Context, t table.Table, r table.Range, decode func(table.Item) (I, error)) ([]I, error) {
	stored, err := t.Query(ctx, r)
	if err != nil {
		return nil, err
	}
	return decodeAll(stored, decode)
}

// part reads and decodes the first items of a range after a cursor, with one request. A cursor is a sort key.
func part[I any](
	ctx context.Context, t table.Table, r table.Range, after string, decode func(table.Item) (I, error),
) (items []I, next string, err error) {
	if after != "" {
		r.After = table.Binary([]byte(after))
	}
	stored, last, err := t.Part(ctx, r)
	if err != nil {
		return nil, "", err
	}
	if items, err = decodeAll(stored, decode); err != nil || last == nil {
		return items, "", err
	}
	key, err := table.BinaryOf(table.Item{table.SortKey: last}, table.SortKey)
	return items, string(key), err
}

func decodeAll[I any](stored []table.Item, decode func(table.Item) (I, error)) ([]I, error) {
	items := make([]I, len(stored))
	for i, s := range stored {
		var err error
		if items[i], err = decode(s); err != nil {
			return nil, fmt.Errorf("decode a stored item: %w", err)
		}
	}
	return items, nil
}

// found describes the stored value that a conditional put found, for its error.
func found[V any](stored table.Item, name string, read func(table.Item, string) (V, error)) string {
	if stored == nil {
		return "nothing"
	}
	value, err := read(stored, name)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q", fmt.Sprint(value))
}

func baseItem(stored table.Item) (item viewstore.BaseItem, err error) {
	if item.BaseKey, err = parseBaseKey(stored); err != nil {
		return viewstore.BaseItem{}, err
	}
	if item.Horizon, err = table.NumberOf[slot.Slot](stored, horizon); err != nil {
		return viewstore.BaseItem{}, err
	}
	if item.States, err = table.BinaryOf(stored, states); err != nil {
		return viewstore.BaseItem{}, err
	}
	return item, nil
}

func speedItem(stored table.Item) (item viewstore.SpeedItem, err error) {
	if item.SpeedKey, err = parseSpeedKey(stored); err != nil {
		return viewstore.SpeedItem{}, err
	}
	at, err := table.TextOf(stored, applied)
	if err != nil {
		return viewstore.SpeedItem{}, err
	}
	item.Applied = event.Sequence(at)
	if item.States, err = table.BinaryOf(stored, states); err != nil {
		return viewstore.SpeedItem{}, err
	}
	if item.Expires, err = expiresOf(stored); err != nil {
		return viewstore.SpeedItem{}, err
	}
	return item, nil
}

func setExpires(attributes table.Item, at viewstore.Expiry) {
	if at != viewstore.NeverExpires {
		attributes[expires] = table.Number(at)
	}
}

func expiresOf(stored table.Item) (viewstore.Expiry, error) {
	if stored[expires] == nil {
		return viewstore.NeverExpires, nil
	}
	return table.NumberOf[viewstore.Expiry](stored, expires)
}
