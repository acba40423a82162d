package viewstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Shards is the number of parts into which the items of a set are divided, so that no partition of a store takes all
// writes.
const Shards = 16

// ShardOf returns the shard that has a key's items: from 0 to Shards-1. It never changes, since items are stored under
// it.
func ShardOf(key view.Key) int {
	h := fnv.New32a()
	h.Write([]byte(key)) // never fails
	return int(h.Sum32() % Shards)
}

// KeyLister lists the keys of a set of items that do not expire: the base items of a generation, or the speed items of
// a Kappa generation. A key is listed once its first item is stored, until Drop deletes the set.
//
// Source: docs/design.md 3.13.
type KeyLister[S ~string] interface {
	// Keys returns the first keys of a shard that are in a range, in its order, each once. It sees every write that
	// returned before it began. Errors are retryable.
	Keys(ctx context.Context, set S, shard int, in KeyRange) ([]view.Key, error)
}

// KeyRange is a half-open range of keys in the order of their bytes.
type KeyRange struct {
	From, To view.Key // From <= key < To; To "": no upper bound
	Down     bool     // from the greatest key to the smallest
	Limit    int      // maximum number of keys, at least 1
}

// LiveKeys lists keys of the speed items of one slot. The item's name follows from its content, so two items of one
// name are equal, and no writer can replace an item by one that lists less.
type LiveKeys struct {
	Set     lifecycle.Set
	Slot    slot.Slot
	Keys    []view.Key // at least one; LiveBytes over all is at most MaxLiveBytes
	Expires Expiry     // that of the speed items whose keys it lists
}

// MaxLiveBytes is the maximum of LiveBytes over the keys of one item in every store. DynamoDB's limit is 400 KB.
const MaxLiveBytes = 300_000

// LiveBytes is the size of a key in a LiveKeys.
func LiveBytes(key view.Key) int { return binary.MaxVarintLen16 + len(key) }

// LiveName names a LiveKeys among those of its set and slot.
type LiveName [16]byte

// Name returns the item's name.
func (l LiveKeys) Name() LiveName {
	sum := sha256.Sum256(EncodeLive(l.Keys))
	return LiveName(sum[:])
}

// Shard returns the shard of the live keys that has the item.
func (n LiveName) Shard() int { return int(n[0]) % Shards }

const liveVersion = 1

var errLive = errors.New("corrupt live keys")

// EncodeLive encodes the keys of a LiveKeys: the version of the format, then each key behind its length.
func EncodeLive(keys []view.Key) []byte {
	b := []byte{liveVersion}
	for _, key := range keys {
		b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	}
	return b
}

// DecodeLive is the inverse of EncodeLive. Errors: not retryable.
func DecodeLive(b []byte) (keys []view.Key, err error) {
	if len(b) == 0 || b[0] != liveVersion {
		return nil, fmt.Errorf("unknown format: this version reads format %d: %w", liveVersion, errLive)
	}
	for b = b[1:]; len(b) > 0; {
		length, size := binary.Uvarint(b)
		if size <= 0 || length > uint64(len(b)-size) {
			return nil, fmt.Errorf("after %d keys: %w", len(keys), errLive)
		}
		keys = append(keys, view.Key(b[size:size+int(length)]))
		b = b[size+int(length):]
	}
	return keys, nil
}
