package dynamoviews

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Keys implements viewstore.KeyLister. Keys with few items cost one request per 1 MB of items; keys with many items
// cost one request each, which reads one item.
func (b *Base) Keys(
	ctx context.Context, generation lifecycle.GenerationID, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return listKeys(ctx, b.table, generation, shard, in)
}

// Keys implements viewstore.KeyLister, as Base.Keys does.
func (s *Speed) Keys(ctx context.Context, set lifecycle.Set, shard int, in viewstore.KeyRange) ([]view.Key, error) {
	return listKeys(ctx, s.table, set, shard, in)
}

// fewItems is how many items a key may have, on average over one answer, that the next answer reads all of them.
const fewItems = 8

// maxTogether is the maximum number of items of one answer.
const maxTogether = 1000

// listKeys reads items, and after each answer goes on behind the items of its last key.
func listKeys[S ~string](
	ctx context.Context, t table.Table, set S, shard int, in viewstore.KeyRange,
) (keys []view.Key, err error) {
	if in.To != "" && in.From >= in.To {
		return nil, ctx.Err() // DynamoDB refuses such a range
	}
	r := table.Range{Partition: table.Binary(partition(set, itemsKind, shard)), Down: in.Down, KeysOnly: true}
	if in.From != "" {
		r.From = table.Binary(appendKey(nil, in.From))
	}
	if in.To != "" {
		r.To = table.Binary(appendWhole(nil, in.To)) // it comes before all items of To
	}
	for few := true; ; {
		r.Limit = 1
		if few {
			r.Limit = int32(min(in.Limit-len(keys), maxTogether))
		}
		before := len(keys)
		stored, last, err := t.Part(ctx, r)
		if err == nil {
			keys, err = appendKeys[S](keys, stored)
		}
		if err != nil {
			return nil, fmt.Errorf("read keys of %s: %w", set, err)
		}
		if len(keys) >= in.Limit || last == nil {
			return keys[:min(len(keys), in.Limit)], nil
		}
		few = few && len(stored) <= fewItems*(len(keys)-before)
		end := keys[len(keys)-1]
		switch {
		case in.Down && end == "":
			return keys, nil // no key is smaller, and DynamoDB refuses an empty bound
		case in.Down:
			r.To = table.Binary(appendKey(nil, end))
		default:
			r.From = table.Binary(appendBehind(nil, end))
		}
	}
}

// appendKeys appends the view keys of items, each once. Items of one key stand together.
func appendKeys[S ~string](keys []view.Key, stored []table.Item) ([]view.Key, error) {
	for _, item := range stored {
		_, key, _, err := parseItemKey[S](item)
		if err != nil {
			return nil, err
		}
		if n := len(keys); n == 0 || keys[n-1] != key {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// PutLive implements viewstore.Speed.
func (s *Speed) PutLive(ctx context.Context, item viewstore.LiveKeys) error {
	name := item.Name()
	attributes := table.KeyOf(table.Binary(partition(item.Set, liveKind, name.Shard())),
		table.Binary(append(appendOrdered(nil, item.Slot), name[:]...)))
	attributes[liveKeys] = table.Binary(viewstore.EncodeLive(item.Keys))
	setExpires(attributes, item.Expires)
	if err := s.table.Replace(ctx, attributes); err != nil {
		return fmt.Errorf("put %d live keys of set %s, slot %s: %w", len(item.Keys), item.Set, item.Slot, err)
	}
	return nil
}

// Live implements viewstore.Speed, with one request per 1 MB.
func (s *Speed) Live(ctx context.Context, set lifecycle.Set, shard int, from slot.Slot) ([]view.Key, error) {
	items, err := query(ctx, s.table, table.Range{
		Partition: table.Binary(partition(set, liveKind, shard)), From: table.Binary(appendOrdered(nil, from)),
	}, liveItem)
	if err != nil {
		return nil, fmt.Errorf("read live keys of set %s: %w", set, err)
	}
	var keys []view.Key
	for _, item := range items {
		keys = append(keys, item...)
	}
	return keys, nil
}

func liveItem(stored table.Item) ([]view.Key, error) {
	encoded, err := table.BinaryOf(stored, liveKeys)
	if err != nil {
		return nil, err
	}
	return viewstore.DecodeLive(encoded)
}
