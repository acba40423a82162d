package dynamoviews

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// errCursor: a cursor is none of Drop's.
var errCursor = errors.New("cursor is none that Drop returned")

// Drop implements viewstore.Base, with a scan of up to 1 MB of the table and a request for each 25 items that it finds there. What is scanned is billed
// as read, whatever generation it is of: all of the table for one generation.
func (b *Base) Drop(ctx context.Context, generation viewstore.Generation, after string) (next string, err error) {
	from, err := parseCursor(after)
	if err != nil {
		return "", fmt.Errorf("drop generation %s: %w", generation, err)
	}
	keys, last, err := b.table.Scan(ctx, table.Binary(partition(generation, "")), from)
	if err == nil {
		err = b.table.Delete(ctx, keys)
	}
	if err == nil {
		next, err = formatCursor(last)
	}
	if err != nil {
		return "", fmt.Errorf("drop generation %s: %w", generation, err)
	}
	return next, nil
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
	return base64.RawURLEncoding.EncodeToString(append(append(binary.AppendUvarint(nil, uint64(len(pk))), pk...), sk...)), nil
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
