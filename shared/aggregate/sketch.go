package aggregate

import (
	"bytes"
	"encoding/binary"
)

// sketch is what a function keeps of the rows of one cell, if it is more than a few numbers. most is the function's
// parameter.
type sketch[S any] interface {
	*S

	// merge adds from, and keeps none of its slices.
	merge(from *S, most int)

	// decode sets the sketch to the one at the front of enc, and returns the bytes after it. It may use the memory of
	// what the sketch has been. It keeps nothing of enc.
	decode(enc []byte, most int) (rest []byte, err error)

	appendEncoded(dst []byte, most int) []byte

	// bytes is what Sized says of a cell: the bytes of the sketchCell, and of what it points to.
	bytes() int
}

// sketches are the States of a function with a sketch per cell, except for how it adds and presents. An encoded state
// is the tag, the number of skipped rows, and the sketch.
type sketches[S any, P sketch[S]] struct {
	tag       tag
	parameter int
	cells     []sketchCell[S]
	decoded   S // memory for MergeEncoded
}

type sketchCell[S any] struct {
	sketch  S
	skipped int64
}

func (s *sketches[S, P]) Len() int               { return len(s.cells) }
func (s *sketches[S, P]) Grow(n int)             { s.cells = grow(s.cells, n) }
func (s *sketches[S, P]) Reset()                 { s.cells = s.cells[:0] }
func (s *sketches[S, P]) Skipped(cell int) int64 { return s.cells[cell].skipped }

func (s *sketches[S, P]) Skip(cells []int32) {
	for _, cell := range cells {
		s.cells[cell].skip(1)
	}
}

func (c *sketchCell[S]) skip(rows int64) { c.skipped = addCounts(c.skipped, rows) }

// Bytes implements Sized.
func (s *sketches[S, P]) Bytes(cell int) int { return P(&s.cells[cell].sketch).bytes() }

// at lets Merge and Agrees look into the States of another cell.
func (s *sketches[S, P]) at(cell int) *sketchCell[S] { return &s.cells[cell] }

func (s *sketches[S, P]) Merge(cell int, from States, fromCell int) {
	to, other := s.at(cell), from.(interface{ at(int) *sketchCell[S] }).at(fromCell)
	to.skip(other.skipped)
	P(&to.sketch).merge(&other.sketch, s.parameter)
}

func (s *sketches[S, P]) MergeEncoded(cell int, enc []byte) ([]byte, error) {
	rest, err := readTag(enc, s.tag)
	if err != nil {
		return nil, err
	}
	skipped, rest, err := readCount(rest, s.tag, "number of skipped rows")
	if err != nil {
		return nil, err
	}
	if rest, err = P(&s.decoded).decode(rest, s.parameter); err != nil {
		return nil, err
	}
	s.cells[cell].skip(skipped)
	P(&s.cells[cell].sketch).merge(&s.decoded, s.parameter)
	return rest, nil
}

func (s *sketches[S, P]) AppendEncoded(dst []byte, cell int) []byte {
	c := s.at(cell)
	dst = binary.AppendUvarint(append(dst, byte(s.tag)), uint64(c.skipped))
	return P(&c.sketch).appendEncoded(dst, s.parameter)
}

func (s *sketches[S, P]) Agrees(cell int, other States, otherCell int) bool {
	return bytes.Equal(s.AppendEncoded(nil, cell), other.AppendEncoded(nil, otherCell))
}
