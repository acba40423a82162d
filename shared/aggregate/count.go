package aggregate

import (
	"encoding/binary"
	"math"
	"strconv"
)

// countFunction is count(): the number of rows. It has no argument, so it skips a row only when its condition cannot be
// evaluated. A cell without rows presents as 0.
var countFunction = properties{
	name:    "count",
	tag:     countTag,
	exact:   true,
	encoded: sized(1+maxCountBytes, 1+2*maxCountBytes),
	states:  func(Function) States { return new(countStates) },
}

const (
	countTag tag = 1<<4 | 1

	// countSkippedTag begins a state with skipped rows. Version 1 has no place for them.
	countSkippedTag tag = 2<<4 | 1

	maxCountBytes = 9 // a varint of 63 bits
)

// countStates holds a number of rows per cell.
type countStates struct {
	exactStates
	cells   []int64
	skipped []int64 // as long as cells, or nil while no row is skipped
}

func (s *countStates) Len() int { return len(s.cells) }

func (s *countStates) Grow(n int) {
	s.cells = grow(s.cells, n)
	if s.skipped != nil {
		s.skipped = grow(s.skipped, n)
	}
}

func (s *countStates) Reset() {
	s.cells = s.cells[:0]
	if s.skipped != nil {
		s.skipped = s.skipped[:0]
	}
}

func (s *countStates) Skipped(cell int) int64 {
	if s.skipped == nil {
		return 0
	}
	return s.skipped[cell]
}

func (s *countStates) Add(rows Rows) {
	for _, cell := range rows.Cells {
		s.cells[cell] = addCounts(s.cells[cell], 1)
	}
}

func (s *countStates) Skip(cells []int32) {
	for _, cell := range cells {
		s.skip(int(cell), 1)
	}
}

func (s *countStates) skip(cell int, rows int64) {
	if rows == 0 {
		return
	}
	if s.skipped == nil {
		s.skipped = make([]int64, len(s.cells), cap(s.cells))
	}
	s.skipped[cell] = addCounts(s.skipped[cell], rows)
}

func (s *countStates) Merge(cell int, from States, fromCell int) {
	other := from.(*countStates)
	s.cells[cell] = addCounts(s.cells[cell], other.cells[fromCell])
	s.skip(cell, other.Skipped(fromCell))
}

func (s *countStates) Agrees(cell int, other States, otherCell int) bool {
	o := other.(*countStates)
	return s.cells[cell] == o.cells[otherCell] && s.Skipped(cell) == o.Skipped(otherCell)
}

func (s *countStates) MergeEncoded(cell int, enc []byte) ([]byte, error) {
	skipped, rest, err := readCountHead(enc)
	if err != nil {
		return nil, err
	}
	count, rest, err := readCount(rest, countTag, "count")
	if err != nil {
		return nil, err
	}
	s.cells[cell] = addCounts(s.cells[cell], count)
	s.skip(cell, skipped)
	return rest, nil
}

// readCountHead reads what stands before the count.
func readCountHead(enc []byte) (skipped int64, rest []byte, err error) {
	if len(enc) > 0 && tag(enc[0]) == countTag {
		return 0, enc[1:], nil
	}
	if rest, err = readTag(enc, countSkippedTag); err != nil {
		return 0, nil, err
	}
	skipped, rest, err = readCount(rest, countTag, "number of skipped rows")
	if err == nil && skipped == 0 {
		err = corrupt(countTag, "number of skipped rows: 0 must be left out")
	}
	return skipped, rest, err
}

func (s *countStates) AppendEncoded(dst []byte, cell int) []byte {
	if skipped := s.Skipped(cell); skipped > 0 {
		dst = binary.AppendUvarint(append(dst, byte(countSkippedTag)), uint64(skipped))
	} else {
		dst = append(dst, byte(countTag))
	}
	return binary.AppendUvarint(dst, uint64(s.cells[cell]))
}

func (s *countStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	return strconv.AppendInt(dst, s.cells[cell], 10)
}

// addCounts adds two counts, neither below 0, and stops at 2^63-1. So it is associative and commutative even at that
// limit.
func addCounts(a, b int64) int64 {
	sum := a + b
	if sum < 0 {
		return math.MaxInt64
	}
	return sum
}
