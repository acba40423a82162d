package aggregate

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// distinctFunction is distinct(x): how many different values there are. It is exact up to 384 values. From there on it
// is an estimate, and 99 of 100 estimates are within 4.2 %.
var distinctFunction = properties{
	name:      "distinct",
	tag:       distinctTag,
	arguments: []Kind{Hashes},
	encoded:   sized(maxDistinctBytes, maxDistinctBytes),
	states:    func(Function) States { return &distinctStates{sketches[distinct, *distinct]{tag: distinctTag}} },
}

const (
	distinctTag tag = 1<<4 | 12

	maxHashes   = registerBytes / 8 // that a cell keeps: as many as take the room of the registers
	denseMarker = maxHashes + 1     // where the number of hashes stands

	maxDistinctBytes = 1 + maxCountBytes + 2 + registerBytes
)

type distinctStates struct {
	sketches[distinct, *distinct]
}

// distinct holds the hashes of the values while they are few, and then HyperLogLog registers. Which of them it holds
// depends only on how many different hashes were added.
type distinct struct {
	hashes []uint64 // sorted, each once; empty when it is dense
	dense  bool
	many   *registers // nil until they are needed
}

func (s *distinctStates) Add(rows Rows) {
	hashes := rows.Columns[0].Hashes[:len(rows.Cells)]
	for i, cell := range rows.Cells {
		if c := &s.cells[cell]; hashes[i].OK {
			c.sketch.add(hashes[i].Sum)
		} else {
			c.skip(1)
		}
	}
}

func (d *distinct) add(hash uint64) {
	if d.dense {
		d.many.add(hash)
		return
	}
	at, found := slices.BinarySearch(d.hashes, hash)
	switch {
	case found:
	case len(d.hashes) < maxHashes:
		d.hashes = append(d.hashes, hash)
		copy(d.hashes[at+1:], d.hashes[at:])
		d.hashes[at] = hash
	default:
		d.makeDense()
		d.many.add(hash)
	}
}

// makeDense moves the hashes into registers.
func (d *distinct) makeDense() {
	d.dense, d.many = true, new(registers)
	for _, hash := range d.hashes {
		d.many.add(hash)
	}
	d.hashes = nil
}

func (d *distinct) merge(from *distinct, _ int) {
	switch {
	case from.dense:
		if !d.dense {
			d.makeDense()
		}
		d.many.merge(from.many)
	case !d.dense && len(d.hashes) == 0:
		d.hashes = append(d.hashes, from.hashes...)
	default:
		for _, hash := range from.hashes {
			d.add(hash)
		}
	}
}

func (d *distinct) bytes() int {
	if d.dense {
		return 48 + registerWords*8
	}
	return 48 + len(d.hashes)*8
}

// appendEncoded appends the number of hashes, and the hashes in order, 8 bytes each, the highest byte first. One more
// than the greatest number of hashes means that the registers follow instead.
func (d *distinct) appendEncoded(dst []byte, _ int) []byte {
	if d.dense {
		return d.many.appendPacked(binary.AppendUvarint(dst, denseMarker))
	}
	dst = binary.AppendUvarint(dst, uint64(len(d.hashes)))
	for _, hash := range d.hashes {
		dst = binary.BigEndian.AppendUint64(dst, hash)
	}
	return dst
}

func (d *distinct) decode(enc []byte, _ int) (rest []byte, err error) {
	count, rest, err := readCount(enc, distinctTag, "number of hashes")
	if err != nil {
		return nil, err
	}
	d.hashes, d.dense = d.hashes[:0], count == denseMarker
	if d.dense {
		return d.decodeRegisters(rest)
	}
	if count > maxHashes {
		return nil, corrupt(distinctTag, "%d hashes: maximum is %d", count, maxHashes)
	}
	if int64(len(rest)) < 8*count {
		return nil, corrupt(distinctTag, "the encoding ends inside its hashes")
	}
	for i := range int(count) {
		hash := binary.BigEndian.Uint64(rest[8*i:])
		if i > 0 && d.hashes[i-1] >= hash {
			return nil, corrupt(distinctTag, "hash %d is out of order", i)
		}
		d.hashes = append(d.hashes, hash)
	}
	return rest[8*count:], nil
}

func (d *distinct) decodeRegisters(enc []byte) (rest []byte, err error) {
	if len(enc) < registerBytes {
		return nil, corrupt(distinctTag, "the encoding ends inside its registers")
	}
	if d.many == nil {
		d.many = new(registers)
	}
	if !d.many.readPacked(enc) {
		return nil, corrupt(distinctTag, "registers: a rank is above %d, or all ranks are 0", maxRank)
	}
	return enc[registerBytes:], nil
}

func (s *distinctStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	d := &s.cells[cell].sketch
	if !d.dense {
		return strconv.AppendInt(dst, int64(len(d.hashes)), 10)
	}
	return strconv.AppendInt(dst, max(d.many.estimate(), maxHashes+1), 10)
}

func (s *distinctStates) AppendError(dst []byte, cell int) []byte {
	if s.cells[cell].sketch.dense {
		dst = append(dst, `{"relative":0.042}`...)
	}
	return dst
}
