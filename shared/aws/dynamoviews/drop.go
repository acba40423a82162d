package dynamoviews

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// errCursor means that neither Scan nor Drop returned the cursor.
var errCursor = errors.New("invalid cursor: must be one that Scan or Drop returned")

// Scan implements viewstore.Base, with a scan of up to 1 MB of the table. DynamoDB bills all that it scans, whatever
// generation it belongs to: reading one generation costs a read of the whole table.
func (b *Base) Scan(ctx context.Context, generation lifecycle.GenerationID, after string) (items []viewstore.BaseItem,
	next string, err error) {
	if items, next, err = scan(ctx, b.table, generation, after, baseItem); err != nil {
		return nil, "", fmt.Errorf("scan generation %s: %w", generation, err)
	}
	return items, next, nil
}

// Drop implements viewstore.Base, with a scan like Scan's and one request per 25 items that it finds.
func (b *Base) Drop(ctx context.Context, generation lifecycle.GenerationID, after string) (next string, err error) {
	if next, err = drop(ctx, b.table, generation, after); err != nil {
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
	if next, err = drop(ctx, s.table, set, after); err != nil {
		return "", fmt.Errorf("drop set %s: %w", set, err)
	}
	return next, nil
}

func scan[S ~string, I any](ctx context.Context, t table.Table, set S, after string,
	decode func(table.Item) (I, error)) ([]I, string, error) {
	from, err := parseCursor(after)
	if err != nil {
		return nil, "", err
	}
	stored, last, err := t.Scan(ctx, table.Binary(partition(set, "")), from)
	if err != nil {
		return nil, "", err
	}
	items, err := decodeAll(slices.DeleteFunc(stored, isOfListing[S]), decode)
	if err != nil {
		return nil, "", err
	}
	next, err := formatCursor(last)
	return items, next, err
}

// isOfListing reports whether an item is an entry or live keys.
func isOfListing[S ~string](stored table.Item) bool {
	pk, _, err := keyBytes(stored)
	if err != nil {
		return false
	}
	_, key, err := parsePartition[S](pk)
	return err == nil && isListing(key)
}

func drop[S ~string](ctx context.Context, t table.Table, set S, after string) (next string, err error) {
	from, err := parseCursor(after)
	if err != nil {
		return "", err
	}
	keys, last, err := t.Keys(ctx, table.Binary(partition(set, "")), from)
	if err == nil {
		err = t.Delete(ctx, keys)
	}
	if err != nil {
		return "", err
	}
	return formatCursor(last)
}

// A cursor is a key: the length of pk (uvarint), pk, sk; in base64.

func formatCursor(key table.Item) (string, error) {
	if len(key) == 0 {
		return "", nil
	}
	pk, sk, err := keyBytes(key)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(append(binary.AppendUvarint(nil, uint64(len(pk))), pk...), sk...)),
		nil
}

func parseCursor(cursor string) (table.Item, error) {
	if cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCursor, err)
	}
	length, size := binary.Uvarint(b)
	if size <= 0 || length > uint64(len(b)-size) {
		return nil, errCursor
	}
	pk, sk := b[size:size+int(length)], b[size+int(length):]
	return table.KeyOf(table.Binary(pk), table.Binary(sk)), nil
}
