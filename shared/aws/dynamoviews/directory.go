package dynamoviews

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// The view keys of partitions without items. The shard is a byte from 1 to 16. An encoded key is empty, ends with the
// byte 0, or begins with the number of a subset, which is at most 8. So none of these is one.
const (
	entriesKind = "\xfek"
	liveKind    = "\xfel"
)

// listingKey is the view key of a shard of entries or of live keys.
func listingKey(kind string, shard int) view.Key {
	return view.Key(kind) + view.Key([]byte{byte(shard + 1)})
}

// isListing reports whether a view key is that of a shard.
func isListing(key view.Key) bool {
	if len(key) != len(entriesKind)+1 || key[:2] != entriesKind && key[:2] != liveKind {
		return false
	}
	return key[2] >= 1 && key[2] <= viewstore.Shards
}

// beforeKey stands in front of a key in the sort key of its entry, since DynamoDB takes no empty sort key.
const beforeKey = 'k'

func entrySort(key view.Key) []byte { return append([]byte{beforeKey}, key...) }

func entryKey[S ~string](set S, key view.Key) table.Item {
	shard := listingKey(entriesKind, viewstore.ShardOf(key))
	return table.KeyOf(table.Binary(partition(set, shard)), table.Binary(entrySort(key)))
}

var errEntry = errors.New("sort key of an entry does not begin with k")

func parseEntry(stored table.Item) (view.Key, error) {
	_, sk, err := keyBytes(stored)
	if err != nil {
		return "", err
	}
	if len(sk) == 0 || sk[0] != beforeKey {
		return "", errEntry
	}
	return view.Key(sk[1:]), nil
}

// Listed implements viewstore.Directory, with one request per 100 keys.
func (b *Base) Listed(ctx context.Context, generation lifecycle.GenerationID, keys []view.Key) ([]view.Key, error) {
	return listed(ctx, b.table, generation, keys)
}

// List implements viewstore.Directory, with one unconditional put: all entries of a key are equal.
func (b *Base) List(ctx context.Context, generation lifecycle.GenerationID, key view.Key) error {
	return list(ctx, b.table, generation, key)
}

// Keys implements viewstore.Directory, with one request per 1 MB.
func (b *Base) Keys(
	ctx context.Context, generation lifecycle.GenerationID, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return keysOf(ctx, b.table, generation, shard, in)
}

// Listed implements viewstore.Directory, as Base.Listed does.
func (s *Speed) Listed(ctx context.Context, set lifecycle.Set, keys []view.Key) ([]view.Key, error) {
	return listed(ctx, s.table, set, keys)
}

// List implements viewstore.Directory, as Base.List does.
func (s *Speed) List(ctx context.Context, set lifecycle.Set, key view.Key) error {
	return list(ctx, s.table, set, key)
}

// Keys implements viewstore.Directory, as Base.Keys does.
func (s *Speed) Keys(ctx context.Context, set lifecycle.Set, shard int, in viewstore.KeyRange) ([]view.Key, error) {
	return keysOf(ctx, s.table, set, shard, in)
}

func listed[S ~string](ctx context.Context, t table.Table, set S, keys []view.Key) ([]view.Key, error) {
	encode := func(key view.Key) table.Item { return entryKey(set, key) }
	found, err := load(ctx, t, keys, encode, parseEntry)
	if err != nil {
		return nil, fmt.Errorf("load entries of %d keys: %w", len(keys), err)
	}
	return found, nil
}

func list[S ~string](ctx context.Context, t table.Table, set S, key view.Key) error {
	if err := t.Replace(ctx, entryKey(set, key)); err != nil {
		return fmt.Errorf("put an entry of %s: %w", set, err)
	}
	return nil
}

func keysOf[S ~string](
	ctx context.Context, t table.Table, set S, shard int, in viewstore.KeyRange,
) (keys []view.Key, err error) {
	if in.To != "" && in.From >= in.To {
		return nil, ctx.Err() // DynamoDB refuses such a range
	}
	r := table.Range{
		Partition: table.Binary(partition(set, listingKey(entriesKind, shard))), From: table.Binary(entrySort(in.From)),
		Down: in.Down, Limit: int32(min(in.Limit, 100_000)) + 1, // the range of DynamoDB has its upper end
	}
	if in.To != "" {
		r.To = table.Binary(entrySort(in.To))
	}
	for stored, err := range t.Each(ctx, r) {
		var key view.Key
		if err == nil {
			key, err = parseEntry(stored)
		}
		if err != nil {
			return nil, fmt.Errorf("read keys of %s: %w", set, err)
		}
		if key == in.To && in.To != "" {
			continue
		}
		if keys = append(keys, key); len(keys) == in.Limit {
			break
		}
	}
	return keys, nil
}

// PutLive implements viewstore.Speed.
func (s *Speed) PutLive(ctx context.Context, item viewstore.LiveKeys) error {
	name := item.Name()
	attributes := table.KeyOf(table.Binary(partition(item.Set, listingKey(liveKind, name.Shard()))),
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
		Partition: table.Binary(partition(set, listingKey(liveKind, shard))), From: table.Binary(appendOrdered(nil, from)),
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
