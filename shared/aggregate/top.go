package aggregate

import (
	"cmp"
	"slices"
)

// topFunction is top(x, n): the n values with the most rows. top(x, n, weight) is the n values with the greatest sums
// of weights. It is exact up to 10 n different values, and always up to 100. From there on, it still shows n values; a
// number that it shows is the true one or less, by at most the bound of AppendError. A row with a weight below 0 is
// skipped. A row with weight 0 adds nothing.
var topFunction = properties{
	name:      "top",
	tag:       topTag,
	arguments: []Kind{Scalars, Weights},
	optional:  1,
	parameter: Parameter{At: 1, Least: 1, Most: 100},
	encoded:   topBytes,
	noNumber:  true,
	states:    newTop,
}

const (
	topTag tag = 3<<4 | 14
)

// countersOf is how many counters a cell keeps for top(x, n).
func countersOf(n int) int { return max(10*n, 100) }

func topBytes(n int) (typical, worst int) {
	counters := countersOf(n)
	// 20 bytes of text and a count for each of two values per value shown, and at least 50.
	typical = max(2*n, 50) * 25
	// The two bounds of a value stop at maxWeight, so only one of two sizes can have all its bytes.
	return typical, 1 + maxCountBytes + 2 + 1 + 2*maxSizeBytes + counters*(maxValueBytes+2*maxSizeBytes-1)
}

func newTop(f Function) States {
	return &topStates{
		sketches: sketches[heavy, *heavy]{tag: topTag, parameter: f.parameter},
		weighted: f.arguments == 2,
		row:      newRow(),
	}
}

type topStates struct {
	sketches[heavy, *heavy]
	weighted bool
	row      heavy // memory for Add
}

func (s *topStates) Add(rows Rows) {
	scalars := rows.Columns[0].Scalars[:len(rows.Cells)]
	one := oneRow
	for i, cell := range rows.Cells {
		c, weight := &s.cells[cell], &one
		if s.weighted {
			weight = &rows.Columns[1].Numbers[i]
		}
		if !usable(&scalars[i]) || !weight.OK || weight.Hi < 0 {
			c.skip(1)
			continue
		}
		s.row.setValue(scalars[i].Kind, scalars[i].Text)
		if s.weighted {
			_, size := weight.size()
			if size.isZero() {
				continue
			}
			s.row.setWeight(&size, &c.sketch)
		}
		c.sketch.merge(&s.row, s.parameter)
	}
	s.row.texts = nil
}

// oneRow is the weight of a row without one.
var oneRow = ParseDecimal([]byte("1"))

func (s *topStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	h := s.cells[cell].sketch.reduced(s.parameter)
	order := make([]*counter, len(h.counters))
	for i := range h.counters {
		order[i] = &h.counters[i]
	}
	slices.SortFunc(order, func(a, b *counter) int {
		x, y := h.size(a.weight), h.size(b.weight)
		return cmp.Or(y.compare(&x), h.compare(a, b))
	})
	name := `,"count":`
	if s.weighted {
		name = `,"weight":`
	}
	dst = append(dst, '[')
	for i, c := range order[:min(len(order), s.parameter)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(h.valueOf(c).appendJSON(append(dst, `{"value":`...)), name...)
		weight := h.number(c.weight)
		dst = append(weight.appendPlain(dst), '}')
	}
	return append(dst, ']')
}

func (s *topStates) AppendError(dst []byte, cell int) []byte {
	h := s.cells[cell].sketch.reduced(s.parameter)
	missed := h.number(h.missed)
	if missed.isZero() {
		return dst
	}
	return append(missed.appendPlain(append(dst, `{"absolute":`...)), '}')
}

// Agrees reports whether both cells skipped as many rows and have the same sum of all weights, and whether each value
// can have one weight in both.
func (s *topStates) Agrees(cell int, other States, otherCell int) bool {
	a, b := s.at(cell), other.(*topStates).at(otherCell)
	x, y := a.sketch.reduced(s.parameter), b.sketch.reduced(s.parameter)
	return a.skipped == b.skipped && x.number(x.total) == y.number(y.total) && x.admits(y) && y.admits(x)
}

// compare returns -1, 0 or +1.
func (n *natural) compare(m *natural) int {
	switch {
	case m.exceeds(n):
		return -1
	case n.exceeds(m):
		return 1
	}
	return 0
}

// appendPlain appends n units of 10^-27 as a JSON number.
func (n *natural) appendPlain(dst []byte) []byte {
	var digits [maxDigits]byte
	return appendPlain(dst, false, n.appendDigits(digits[:0]), decimals)
}
