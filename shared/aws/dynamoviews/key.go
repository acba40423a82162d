package dynamoviews

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// The keys. A partition is all items of one (generation, view key), or (set, view key); its sort keys order them as the
// contract does, byte by byte:
//
//	base   pk  length of the generation (uvarint), generation, view key      sk  page
//	speed  pk  length of the set (uvarint), set, view key                sk  slot, page, lane's name
//	entry  as base or speed, with a shard's key for the view key         sk  "k", view key
//	live   as speed, with a shard's key for the view key                 sk  slot, name of the live keys
//	seen pk 0, lane's name sk sequence number of the last record, of the first
//
// Slot and page are 8 bytes, big-endian, the sign bit turned over, so that negative ones come first. A sequence number
// is its count of digits, one byte, and its digits. The length in front of a set keeps any two pairs apart, whatever
// bytes they hold; no set is empty, so that 0 stands in front of lanes only. A view key has at most 900 bytes:
// DynamoDB's limits are 2,048 bytes for pk and 1,024 for sk.

const (
	ordered = 8 // bytes of a number in a sort key
	sign    = 1 << 63
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

// partition returns the partition key of a view key's items in one set of items.
func partition[S ~string](set S, key view.Key) []byte {
	b := make([]byte, 0, binary.MaxVarintLen16+len(set)+len(key))
	b = binary.AppendUvarint(b, uint64(len(set)))
	return append(append(b, set...), key...)
}

func parsePartition[S ~string](b []byte) (set S, key view.Key, err error) {
	length, size := binary.Uvarint(b)
	if size <= 0 || length > uint64(len(b)-size) {
		return "", "", fmt.Errorf("partition key of %d bytes does not begin with the length of its set", len(b))
	}
	rest := b[size:]
	set, key = S(rest[:length]), view.Key(rest[length:])
	if len(partition(set, key)) != len(b) { // a uvarint can be written in more bytes than necessary
		return "", "", fmt.Errorf("partition key of %d bytes begins with a length that is not in its shortest form", len(b))
	}
	return set, key, nil
}

func baseKey(k viewstore.BaseKey) table.Item {
	return table.KeyOf(table.Binary(partition(k.Generation, k.Key)), table.Binary(appendOrdered(nil, k.Page)))
}

func parseBaseKey(stored table.Item) (k viewstore.BaseKey, err error) {
	pk, sk, err := keyBytes(stored)
	if err != nil {
		return viewstore.BaseKey{}, err
	}
	if k.Generation, k.Key, err = parsePartition[lifecycle.GenerationID](pk); err != nil {
		return viewstore.BaseKey{}, err
	}
	if k.Page, sk, err = cutOrdered[view.Page](sk); err != nil {
		return viewstore.BaseKey{}, err
	}
	if len(sk) > 0 {
		return viewstore.BaseKey{}, fmt.Errorf("sort key of a base item has %d unexpected bytes after the page", len(sk))
	}
	return k, nil
}

func speedKey(k viewstore.SpeedKey) table.Item {
	return table.KeyOf(table.Binary(partition(k.Set, k.Key)), table.Binary(speedOrder(k)))
}

// endOfLanes comes after the first byte of every lane's name in a sort key.
const endOfLanes = 0xff

// speedOrder is the sort key of a speed item.
func speedOrder(k viewstore.SpeedKey) []byte {
	lane := k.Lane.String()
	b := make([]byte, 0, 2*ordered+len(lane))
	return append(appendOrdered(appendOrdered(b, k.Slot), k.Page), lane...)
}

func parseSpeedKey(stored table.Item) (k viewstore.SpeedKey, err error) {
	pk, sk, err := keyBytes(stored)
	if err != nil {
		return viewstore.SpeedKey{}, err
	}
	if k.Set, k.Key, err = parsePartition[lifecycle.Set](pk); err != nil {
		return viewstore.SpeedKey{}, err
	}
	if k.Slot, sk, err = cutOrdered[slot.Slot](sk); err != nil {
		return viewstore.SpeedKey{}, err
	}
	if k.Page, sk, err = cutOrdered[view.Page](sk); err != nil {
		return viewstore.SpeedKey{}, err
	}
	if k.Lane, err = event.ParseLane(string(sk)); err != nil {
		return viewstore.SpeedKey{}, err
	}
	return k, nil
}

func lanePartition(lane event.Lane) []byte { return append([]byte{0}, lane.String()...) }

func seenKey(item viewstore.SeenItem) table.Item {
	order := make([]byte, 0, 2+len(item.Last())+len(item.First()))
	order = appendSequence(appendSequence(order, item.Last()), item.First())
	return table.KeyOf(table.Binary(lanePartition(item.Lane)), table.Binary(order))
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
