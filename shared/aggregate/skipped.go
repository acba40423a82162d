package aggregate

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
)

// Skip is the rows that could not be used at one place for one reason.
type Skip struct {
	Place  int // numbered by the caller, from 0
	Reason Reason
	Rows   int64

	// The sample: of the rows' events, the one with the smallest source and then id. Each is cut to SampleBytes.
	Source, ID string
}

// SampleBytes is the most bytes of a sample's source that a Skip keeps, and of its id.
const SampleBytes = 64

// Skipped returns the function whose states count skipped rows: per place and reason their number and a sample. Its
// States are *SkippedStates. No definition can name it. places is the number of places.
func Skipped(places int) Function {
	worst := 1 + binary.MaxVarintLen16 + places*reasonsOfPlace*maxSkipBytes
	return Function{is: &properties{
		name:  "skipped",
		tag:   skippedTag,
		exact: true,
		// Nobody adds Rows to it: see SkippedStates.AddSkip.
		encoded: sized(worst, worst),
		states:  func(Function) States { return &SkippedStates{places: places} },
	}}
}

const (
	skippedTag tag = 1<<4 | 6

	// A place below 2^14, a reason, a count and the two texts of a sample, each behind its length.
	maxSkipBytes = 2 + 1 + maxCountBytes + 2*(1+SampleBytes)
)

// SkippedStates holds skipped rows, per cell in order of place and reason. It is a States. A row may be skipped at
// several places, and counts at each.
type SkippedStates struct {
	exactStates
	places int
	cells  [][]Skip
}

// Len implements States.
func (s *SkippedStates) Len() int { return len(s.cells) }

// Grow implements States.
func (s *SkippedStates) Grow(n int) { s.cells = grow(s.cells, n) }

// Reset implements States.
func (s *SkippedStates) Reset() { s.cells = s.cells[:0] }

// Add implements States. Skipped rows have no columns: call AddSkip.
func (s *SkippedStates) Add(Rows) { panic("aggregate: skipped rows are added by AddSkip") }

// Skip implements States: call AddSkip.
func (s *SkippedStates) Skip([]int32) { panic("aggregate: skipped rows are added by AddSkip") }

// skipBytes is how much memory a Skip takes at most: three numbers, and two texts.
const skipBytes = 3*8 + 2*(16+SampleBytes)

// Bytes implements Sized.
func (s *SkippedStates) Bytes(cell int) int { return len(s.cells[cell]) * skipBytes }

// Agrees implements States.
func (s *SkippedStates) Agrees(cell int, other States, otherCell int) bool {
	return slices.Equal(s.cells[cell], other.(*SkippedStates).cells[otherCell])
}

// AddSkip adds one row to a cell. It does not keep source and id.
func (s *SkippedStates) AddSkip(cell, place int, reason Reason, source, id []byte) {
	at, found := s.find(cell, place, reason)
	source, id = cutSample(source), cutSample(id)
	if !found {
		one := Skip{Place: place, Reason: reason, Rows: 1, Source: string(source), ID: string(id)}
		s.cells[cell] = slices.Insert(s.cells[cell], at, one)
		return
	}
	one := &s.cells[cell][at]
	one.Rows = addCounts(one.Rows, 1)
	if string(source) < one.Source || string(source) == one.Source && string(id) < one.ID {
		one.Source, one.ID = string(source), string(id)
	}
}

func cutSample(text []byte) []byte { return text[:min(len(text), SampleBytes)] }

// Skips returns the skipped rows of a cell in order of place and reason. The caller must not change them.
func (s *SkippedStates) Skips(cell int) []Skip { return s.cells[cell] }

func (s *SkippedStates) find(cell, place int, reason Reason) (at int, found bool) {
	return slices.BinarySearchFunc(s.cells[cell], Skip{Place: place, Reason: reason}, Skip.compare)
}

func (a Skip) compare(b Skip) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Reason, b.Reason))
}

// Merge implements States.
func (s *SkippedStates) Merge(cell int, from States, fromCell int) {
	s.mergeSkips(cell, from.(*SkippedStates).cells[fromCell])
}

func (s *SkippedStates) mergeSkips(cell int, all []Skip) {
	for _, other := range all {
		at, found := s.find(cell, other.Place, other.Reason)
		if !found {
			s.cells[cell] = slices.Insert(s.cells[cell], at, other)
			continue
		}
		one := &s.cells[cell][at]
		one.Rows = addCounts(one.Rows, other.Rows)
		if cmp.Or(cmp.Compare(other.Source, one.Source), cmp.Compare(other.ID, one.ID)) < 0 {
			one.Source, one.ID = other.Source, other.ID
		}
	}
}

// MergeEncoded implements States. The encoding is the number of skips, and per skip, in order, its place, reason and
// rows, then source and id, each behind its length.
func (s *SkippedStates) MergeEncoded(cell int, enc []byte) ([]byte, error) {
	rest, err := readTag(enc, skippedTag)
	if err != nil {
		return nil, err
	}
	count, rest, err := readCount(rest, skippedTag, "number of skips")
	if err != nil {
		return nil, err
	}
	if count > int64(s.places)*Reasons {
		return nil, corrupt(skippedTag, "%d skips: more than there are places and reasons", count)
	}
	all := make([]Skip, count)
	for i := range all {
		if all[i], rest, err = s.readSkip(rest); err != nil {
			return nil, err
		}
		if i > 0 && all[i-1].compare(all[i]) >= 0 {
			return nil, corrupt(skippedTag, "skip %d is out of order", i)
		}
	}
	s.mergeSkips(cell, all)
	return rest, nil
}

func (s *SkippedStates) readSkip(enc []byte) (one Skip, rest []byte, err error) {
	place, rest, err := readCount(enc, skippedTag, "place")
	if err != nil {
		return one, nil, err
	}
	if place >= int64(s.places) {
		return one, nil, corrupt(skippedTag, "place %d: there are %d", place, s.places)
	}
	if len(rest) == 0 {
		return one, nil, corrupt(skippedTag, "the encoding ends before its reason")
	}
	one.Place, one.Reason, rest = int(place), Reason(rest[0]), rest[1:]
	if one.Reason >= Reasons {
		return one, nil, corrupt(skippedTag, "unknown reason %d", one.Reason)
	}
	if one.Rows, rest, err = readCount(rest, skippedTag, "number of rows"); err != nil {
		return one, nil, err
	}
	if one.Rows == 0 {
		return one, nil, corrupt(skippedTag, "number of rows: 0 must be left out")
	}
	if one.Source, rest, err = readSample(rest); err != nil {
		return one, nil, err
	}
	one.ID, rest, err = readSample(rest)
	return one, rest, err
}

func readSample(enc []byte) (text string, rest []byte, err error) {
	length, rest, err := readCount(enc, skippedTag, "sample")
	if err != nil {
		return "", nil, err
	}
	if length > SampleBytes || length > int64(len(rest)) {
		return "", nil, corrupt(skippedTag, "sample of %d bytes: too long", length)
	}
	return string(rest[:length]), rest[length:], nil
}

// AppendEncoded implements States.
func (s *SkippedStates) AppendEncoded(dst []byte, cell int) []byte {
	dst = binary.AppendUvarint(append(dst, byte(skippedTag)), uint64(len(s.cells[cell])))
	for _, one := range s.cells[cell] {
		dst = append(binary.AppendUvarint(dst, uint64(one.Place)), byte(one.Reason))
		dst = binary.AppendUvarint(dst, uint64(one.Rows))
		dst = append(binary.AppendUvarint(dst, uint64(len(one.Source))), one.Source...)
		dst = append(binary.AppendUvarint(dst, uint64(len(one.ID))), one.ID...)
	}
	return dst
}

// AppendPresented implements States: the number of skips, a row once for each of its skips.
func (s *SkippedStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	return strconv.AppendInt(dst, s.Skipped(cell), 10)
}

// Skipped implements States: what AppendPresented writes.
func (s *SkippedStates) Skipped(cell int) (n int64) {
	for _, one := range s.cells[cell] {
		n = addCounts(n, one.Rows)
	}
	return n
}
