package dynamoviews

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// The keys. A partition is a shard of the items of one generation or set; its sort keys order them as the contract
// does, byte by byte:
//
//	base   pk  length of the generation (uvarint), generation, "i", shard  sk  view key, page
//	speed  pk  length of the set (uvarint), set, "i", shard                sk  view key, slot, page, lane's name
//	live   pk  length of the set (uvarint), set, "l", shard                sk  slot, name of the live keys
//	seen   pk  0, lane's name                  sk  sequence number of the last record, of the first
//	applied  pk  0, 0, lane's name            sk  as seen
//
// A shard is one byte. In a sort key, 255 comes after each byte 0 of a view key, and 0 0 after the key, so that no key
// is the beginning of another one. Slot and page are 8 bytes, big-endian, the sign bit turned over, so that negative
// ones come first. A sequence number is its count of digits, one byte, and its digits. The length in front of a set
// keeps any two partitions apart, whatever bytes they hold; no set is empty, so that 0 stands in front of lanes only. A
// view key has at most 901 bytes, of which 0 ends a value: DynamoDB's limits are 2,048 bytes for pk and 1,024 for sk.

const (
	ordered = 8 // bytes of a number in a sort key
	sign    = 1 << 63
)

// The kinds of partitions of a set.
const (
	itemsKind = 'i'
	liveKind  = 'l'
)

// appendOrdered appends a number so that the order of the bytes is the order of the numbers.
func appendOrdered[N ~int64](dst []byte, n N) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^sign)
}

// cutOrdered reads the number at the front of a sort key.
func cutOrdered[N ~int64](b []byte) (n N, rest []byte, err error) {
	if len(b) < ordered {
		return 0, nil, fmt.Errorf("sort key ends in a number of %d bytes; must be %d", len(b), ordered)
	}
	return N(binary.BigEndian.Uint64(b) ^ sign), b[ordered:], nil
}

// partition returns the partition key of one shard of a set.
func partition[S ~string](set S, kind byte, shard int) []byte {
	b := make([]byte, 0, binary.MaxVarintLen16+len(set)+2)
	b = binary.AppendUvarint(b, uint64(len(set)))
	return append(append(b, set...), kind, byte(shard))
}

// parseItems returns the set of a partition of items.
func parseItems[S ~string](b []byte) (set S, err error) {
	length, size := binary.Uvarint(b)
	if size <= 0 || uint64(len(b)-size) != length+2 {
		return "", fmt.Errorf("partition key of %d bytes is not the length of its set, the set, a kind and a shard", len(b))
	}
	set = S(b[size : size+int(length)])
	if !bytes.Equal(b, partition(set, itemsKind, int(b[len(b)-1]))) { // also: a uvarint in more bytes than necessary
		return "", fmt.Errorf("partition key of %d bytes is not that of a shard of items", len(b))
	}
	return set, nil
}

// appendKey appends a view key without its end.
func appendKey(dst []byte, key view.Key) []byte {
	for i := range len(key) {
		if dst = append(dst, key[i]); key[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return dst
}

// appendWhole appends a view key with its end. What comes after it in a sort key belongs to an item of the key.
func appendWhole(dst []byte, key view.Key) []byte { return append(appendKey(dst, key), 0, 0) }

// appendBehind appends what comes behind all items of a key, and before those of each greater key.
func appendBehind(dst []byte, key view.Key) []byte { return append(appendKey(dst, key), 0, 1) }

var errUnended = errors.New("sort key has no whole view key")

// cutKey reads the view key at the front of a sort key.
func cutKey(b []byte) (key view.Key, rest []byte, err error) {
	var text []byte
	for i := 0; i < len(b)-1; i++ {
		switch {
		case b[i] != 0:
			text = append(text, b[i])
		case b[i+1] == 0:
			return view.Key(text), b[i+2:], nil
		case b[i+1] == 0xff:
			text = append(text, 0)
			i++
		default:
			return "", nil, errUnended
		}
	}
	return "", nil, errUnended
}

// itemKey returns the key of an item of a view key: the partition of its shard, and a sort key.
func itemKey[S ~string](set S, key view.Key, order []byte) table.Item {
	return table.KeyOf(table.Binary(partition(set, itemsKind, viewstore.ShardOf(key))), table.Binary(order))
}

// parseItemKey reads the set and the view key of an item, and returns the rest of the sort key.
func parseItemKey[S ~string](stored table.Item) (set S, key view.Key, rest []byte, err error) {
	pk, sk, err := keyBytes(stored)
	if err == nil {
		set, err = parseItems[S](pk)
	}
	if err == nil {
		key, rest, err = cutKey(sk)
	}
	if err == nil && pk[len(pk)-1] != byte(viewstore.ShardOf(key)) {
		err = fmt.Errorf("item is in shard %d; must be in %d, its key's", pk[len(pk)-1], viewstore.ShardOf(key))
	}
	return set, key, rest, err
}

func baseKey(k viewstore.BaseKey) table.Item {
	return itemKey(k.Generation, k.Key, baseOrder(k.Key, k.Page))
}

// baseOrder is the sort key of a base item.
func baseOrder(key view.Key, page view.Page) []byte {
	return appendOrdered(appendWhole(make([]byte, 0, len(key)+16), key), page)
}

func parseBaseKey(stored table.Item) (k viewstore.BaseKey, err error) {
	var rest []byte
	if k.Generation, k.Key, rest, err = parseItemKey[lifecycle.GenerationID](stored); err != nil {
		return viewstore.BaseKey{}, err
	}
	if k.Page, rest, err = cutOrdered[view.Page](rest); err != nil {
		return viewstore.BaseKey{}, err
	}
	if len(rest) > 0 {
		return viewstore.BaseKey{}, fmt.Errorf("sort key of a base item has %d unexpected bytes after the page", len(rest))
	}
	return k, nil
}

func speedKey(k viewstore.SpeedKey) table.Item {
	return itemKey(k.Set, k.Key, append(speedOrder(k.Key, k.Slot, k.Page), k.Lane.String()...))
}

// endOfLanes comes after the first byte of every lane's name in a sort key.
const endOfLanes = 0xff

// speedOrder is the sort key of a speed item up to the lane's name.
func speedOrder(key view.Key, s slot.Slot, page view.Page) []byte {
	return appendOrdered(appendOrdered(appendWhole(make([]byte, 0, len(key)+48), key), s), page)
}

func parseSpeedKey(stored table.Item) (k viewstore.SpeedKey, err error) {
	var rest []byte
	if k.Set, k.Key, rest, err = parseItemKey[lifecycle.Set](stored); err != nil {
		return viewstore.SpeedKey{}, err
	}
	if k.Slot, rest, err = cutOrdered[slot.Slot](rest); err != nil {
		return viewstore.SpeedKey{}, err
	}
	if k.Page, rest, err = cutOrdered[view.Page](rest); err != nil {
		return viewstore.SpeedKey{}, err
	}
	if k.Lane, err = event.ParseLane(string(rest)); err != nil {
		return viewstore.SpeedKey{}, err
	}
	return k, nil
}

func lanePartition(lane event.Lane) []byte { return append([]byte{0}, lane.String()...) }

func seenKey(item viewstore.SeenItem) table.Item {
	return table.KeyOf(table.Binary(lanePartition(item.Lane)), table.Binary(laneOrder(item.First(), item.Last())))
}

// laneOrder is the sort key of an item about the records of a lane from one to another.
func laneOrder(first, last event.Sequence) []byte {
	return appendSequence(appendSequence(make([]byte, 0, 2+len(last)+len(first)), last), first)
}

func appliedPartition(lane event.Lane) []byte { return append([]byte{0}, lanePartition(lane)...) }

func appliedKey(a viewstore.Applied) table.Item {
	return table.KeyOf(table.Binary(appliedPartition(a.Lane)), table.Binary(laneOrder(a.First, a.Last)))
}

// parseLaneOrder reads the sort key of an item about the records of a lane.
func parseLaneOrder(b []byte) (first, last event.Sequence, err error) {
	for _, s := range []*event.Sequence{&last, &first} {
		if len(b) == 0 || len(b)-1 < int(b[0]) || b[0] == 0 {
			return "", "", fmt.Errorf("sort key ends in a sequence number of %d bytes", len(b))
		}
		*s, b = event.Sequence(b[1:1+int(b[0])]), b[1+int(b[0]):]
		if _, ok := number(*s); !ok {
			return "", "", fmt.Errorf("sort key has the sequence number %q: must be decimal digits", *s)
		}
	}
	if len(b) > 0 {
		return "", "", fmt.Errorf("sort key has %d unexpected bytes after two sequence numbers", len(b))
	}
	return first, last, nil
}

// appendSequence appends a sequence number so that the order of the bytes is the order of the numbers.
func appendSequence(dst []byte, s event.Sequence) []byte {
	return append(append(dst, byte(len(s))), s...)
}

// endOfSequences comes after the first byte of every sequence number in a sort key.
const endOfSequences = 0xff

// laneOf reads the lane of a seen item. The sort key repeats what the records say.
func laneOf(stored table.Item) (event.Lane, error) {
	pk, err := table.BinaryOf(stored, table.PartitionKey)
	if err != nil {
		return event.Lane{}, err
	}
	name, ok := bytes.CutPrefix(pk, []byte{0})
	if !ok {
		return event.Lane{}, fmt.Errorf("partition key of %d bytes is not a lane's", len(pk))
	}
	return event.ParseLane(string(name))
}

func keyBytes(stored table.Item) (pk, sk []byte, err error) {
	if pk, err = table.BinaryOf(stored, table.PartitionKey); err != nil {
		return nil, nil, err
	}
	sk, err = table.BinaryOf(stored, table.SortKey)
	return pk, sk, err
}
