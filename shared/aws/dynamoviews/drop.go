package dynamoviews

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// errCursor means that neither Scan nor Drop returned the cursor.
var errCursor = errors.New("invalid cursor: must be one that Scan or Drop returned")

// Scan implements viewstore.Base, with one request for up to 1 MB of a shard.
func (b *Base) Scan(ctx context.Context, generation lifecycle.GenerationID, after string) (items []viewstore.BaseItem,
	next string, err error) {
	if items, next, err = scan(ctx, b.table, generation, after, baseItem); err != nil {
		return nil, "", fmt.Errorf("scan generation %s: %w", generation, err)
	}
	return items, next, nil
}

// Drop implements viewstore.Base, with a read like Scan's and one request per 25 items that it finds.
func (b *Base) Drop(ctx context.Context, generation lifecycle.GenerationID, after string) (next string, err error) {
	if next, err = drop(ctx, b.table, generation, string(itemsKind), after); err != nil {
		return "", fmt.Errorf("drop generation %s: %w", generation, err)
	}
	return next, nil
}

// Scan implements viewstore.Speed, as Base.Scan does.
func (s *Speed) Scan(ctx context.Context, set lifecycle.Set, after string) (items []viewstore.SpeedItem, next string,
	err error) {
	if items, next, err = scan(ctx, s.table, set, after, speedItem); err != nil {
		return nil, "", fmt.Errorf("scan set %s: %w", set, err)
	}
	return items, next, nil
}

// Drop implements viewstore.Speed, as Base.Drop does.
func (s *Speed) Drop(ctx context.Context, set lifecycle.Set, after string) (next string, err error) {
	if next, err = drop(ctx, s.table, set, string(itemsKind)+string(liveKind), after); err != nil {
		return "", fmt.Errorf("drop set %s: %w", set, err)
	}
	return next, nil
}

func scan[S ~string, I any](ctx context.Context, t table.Table, set S, after string,
	decode func(table.Item) (I, error)) ([]I, string, error) {
	stored, next, err := walk(ctx, t, set, string(itemsKind), after, table.Range{})
	if err != nil {
		return nil, "", err
	}
	items, err := decodeAll(stored, decode)
	return items, next, err
}

func drop[S ~string](ctx context.Context, t table.Table, set S, kinds, after string) (next string, err error) {
	keys, next, err := walk(ctx, t, set, kinds, after, table.Range{KeysOnly: true})
	if err == nil {
		err = t.Delete(ctx, keys)
	}
	if err != nil {
		return "", err
	}
	return next, nil
}

// walk reads the next part of a set's partitions of the given kinds, one shard after the other.
func walk[S ~string](ctx context.Context, t table.Table, set S, kinds, after string, r table.Range) (
	stored []table.Item, next string, err error,
) {
	n, sort, err := parseCursor(after)
	if err == nil && n >= len(kinds)*viewstore.Shards {
		err = errCursor
	}
	if err != nil {
		return nil, "", err
	}
	r.Partition = table.Binary(partition(set, kinds[n/viewstore.Shards], n%viewstore.Shards))
	if len(sort) > 0 {
		r.After = table.Binary(sort)
	}
	stored, last, err := t.Part(ctx, r)
	if err != nil {
		return nil, "", err
	}
	if last != nil {
		sort, err = table.BinaryOf(table.Item{table.SortKey: last}, table.SortKey)
		return stored, formatCursor(n, sort), err
	}
	if n++; n == len(kinds)*viewstore.Shards {
		return stored, "", nil
	}
	return stored, formatCursor(n, nil), nil
}

// A cursor is the number of a partition, one byte, and the sort key after which to go on; in base64.

func formatCursor(partition int, sort []byte) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{byte(partition)}, sort...))
}

func parseCursor(cursor string) (partition int, sort []byte, err error) {
	if cursor == "" {
		return 0, nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) == 0 {
		return 0, nil, errCursor
	}
	return int(b[0]), b[1:], nil
}
