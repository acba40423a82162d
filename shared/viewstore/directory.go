package viewstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Shards is the number of parts into which a directory is divided, so that no partition of a store takes all writes.
const Shards = 16

// ShardOf returns the shard of a directory that has a key's entry: from 0 to Shards-1. It never changes, since entries
// are stored under it.
func ShardOf(key view.Key) int {
	h := fnv.New32a()
	h.Write([]byte(key)) // never fails
	return int(h.Sum32() % Shards)
}

// Directory keeps one entry for each key of a set of items: a generation's base items, or a set of speed items that do
// not expire. An entry says nothing but the key. It is written before the first item of the key. So every key that a
// query could find is listed, while a key that is listed may have no item. Drop deletes a set's entries with its items.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
//
// Source: docs/design.md 3.13.
type Directory[S ~string] interface {
	// Listed returns those of the keys that have an entry, in any order. Errors are retryable.
	Listed(ctx context.Context, set S, keys []view.Key) ([]view.Key, error)

	// List writes the entry of a key of at most view.MaxKey bytes. When List returns nil, the entry is durable.
	//
	// Errors: the entry may or may not have been written; retrying is safe.
	List(ctx context.Context, set S, key view.Key) error

	// Keys returns the first keys of a shard that are in a range, in its order. Errors are retryable.
	Keys(ctx context.Context, set S, shard int, in KeyRange) ([]view.Key, error)
}

// KeyRange is a half-open range of keys in the order of their bytes.
type KeyRange struct {
	From, To view.Key // From <= key < To; To "": no upper bound
	Down     bool     // from the greatest key to the smallest
	Limit    int      // maximum number of keys, at least 1
}

// ListMissing writes entries for those of the keys that have none. Keys may repeat; view.SkippedKey gets no entry.
//
// Errors: those of the store. Some of the entries may have been written; call again.
func ListMissing[S ~string](ctx context.Context, directory Directory[S], set S, keys []view.Key) error {
	missing := slices.Clone(keys)
	slices.Sort(missing)
	missing = slices.DeleteFunc(slices.Compact(missing), func(key view.Key) bool { return key == view.SkippedKey })
	for some := range slices.Chunk(missing, LoadTogether) {
		listed, err := directory.Listed(ctx, set, some)
		if err != nil {
			return fmt.Errorf("load entries of %d keys: %w", len(some), err)
		}
		for _, key := range some {
			if slices.Contains(listed, key) {
				continue
			}
			// Commit point of the entry: the key is listed for as long as the set exists. A crash after it leaves a key that is
			// listed without an item.
			if err := directory.List(ctx, set, key); err != nil {
				return fmt.Errorf("list a key: %w", err)
			}
		}
	}
	return nil
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
