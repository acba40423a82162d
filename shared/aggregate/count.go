package aggregate

import (
	"encoding/binary"
	"math"
	"strconv"
)

// countFunction is count(): the number of rows. It has no argument, so it never skips a row. A cell without rows
// presents as 0.
var countFunction = properties{
	name:       "count",
	tag:        countTag,
	args:       0,
	exact:      true,
	maxEncoded: 1 + maxCountBytes,
	states:     func() States { return new(countStates) },
}

const (
	countTag tag = 1<<4 | 1

	maxCountBytes = 9 // a varint of 63 bits
)

// countStates holds a number of rows per cell.
type countStates struct{ cells []int64 }

func (s *countStates) Len() int          { return len(s.cells) }
func (s *countStates) Grow(n int)        { s.cells = grow(s.cells, n) }
func (s *countStates) Reset()            { s.cells = s.cells[:0] }
func (s *countStates) Skipped(int) int64 { return 0 }

func (s *countStates) Add(cells []int32, _ []Decimal) {
	for _, cell := range cells {
		s.cells[cell] = addCounts(s.cells[cell], 1)
	}
}

func (s *countStates) Merge(cell int, from States, fromCell int) {
	s.cells[cell] = addCounts(s.cells[cell], from.(*countStates).cells[fromCell])
}

func (s *countStates) MergeEncoded(cell int, enc []byte) ([]byte, error) {
	rest, err := readTag(enc, countTag)
	if err != nil {
		return nil, err
	}
	count, rest, err := readCount(rest, countTag, "count")
	if err != nil {
		return nil, err
	}
	s.cells[cell] = addCounts(s.cells[cell], count)
	return rest, nil
}

func (s *countStates) AppendEncoded(dst []byte, cell int) []byte {
	return binary.AppendUvarint(append(dst, byte(countTag)), uint64(s.cells[cell]))
}

func (s *countStates) AppendPresented(dst []byte, cell int) []byte {
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
