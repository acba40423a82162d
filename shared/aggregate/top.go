package aggregate

import (
	"bytes"
	"cmp"
	"encoding/binary"
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
	topTag tag = 2<<4 | 14

	maxWeightBytes = 1 + maxSizeBytes
)

// countersOf is how many counters a cell keeps for top(x, n).
func countersOf(n int) int { return max(10*n, 100) }

func topBytes(n int) (typical, worst int) {
	counters := countersOf(n)
	// 20 bytes of text and a count for each of two values per value shown, and at least 50.
	typical = max(2*n, 50) * 25
	// The two bounds of a value stop at maxWeight, so only one of two sizes can have all its bytes.
	return typical, 1 + maxCountBytes + 2 + 1 + 2*maxWeightBytes + counters*(maxValueBytes+2*maxWeightBytes-1)
}

func newTop(f Function) States {
	return &topStates{
		sketches: sketches[heavy, *heavy]{tag: topTag, parameter: f.parameter},
		weighted: f.arguments == 2,
	}
}

type topStates struct {
	sketches[heavy, *heavy]
	weighted bool
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
		_, size := weight.size()
		c.sketch.add(scalars[i].Kind, scalars[i].Text, &size, s.parameter)
	}
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
		return cmp.Or(b.weight.compare(&a.weight), h.compareTo(a, h, b))
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
		dst = append(c.weight.appendPlain(dst), '}')
	}
	return append(dst, ']')
}

func (s *topStates) AppendError(dst []byte, cell int) []byte {
	h := s.cells[cell].sketch.reduced(s.parameter)
	if h.missed.isZero() {
		return dst
	}
	return append(h.missed.appendPlain(append(dst, `{"absolute":`...)), '}')
}

// Agrees reports whether both cells skipped as many rows and have the same sum of all weights, and whether each value
// can have one weight in both.
func (s *topStates) Agrees(cell int, other States, otherCell int) bool {
	a, b := s.at(cell), other.(*topStates).at(otherCell)
	x, y := a.sketch.reduced(s.parameter), b.sketch.reduced(s.parameter)
	return a.skipped == b.skipped && x.total == y.total && x.admits(y) && y.admits(x)
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

// appendWeight appends a weight: its exponent as a byte, and its size.
func appendWeight(dst []byte, weight *natural) []byte {
	size := *weight
	return appendSize(append(dst, headOf(false, &size)), &size)
}

// readSmall reads a whole number from 0 to 127 into weight, as most are. It returns nil for any other.
func readSmall(weight *natural, enc []byte) (rest []byte) {
	if len(enc) < 2 || enc[0] != decimals || enc[1] >= 0x80 {
		return nil
	}
	*weight = smallWeights[enc[1]]
	return enc[2:]
}

// smallWeights are 0 to 127, in units of 10^-27. Nothing writes to it.
var smallWeights = func() (all [0x80]natural) {
	for i := range all {
		all[i] = natural{uint64(i)}
		all[i].scale(decimals)
	}
	return all
}()

// readWeight reads a weight, or 0.
func readWeight(enc []byte, what string) (weight natural, rest []byte, err error) {
	if len(enc) == 0 || enc[0] > decimals {
		return weight, nil, corrupt(topTag, "%s: no exponent from 0 to %d", what, decimals)
	}
	return readAmount(enc[1:], head{exponent: int(enc[0])}, topTag, &maxWeight)
}

// readWeightAbove0 reads a weight above 0.
func readWeightAbove0(enc []byte, what string) (weight natural, rest []byte, err error) {
	weight, rest, err = readWeight(enc, what)
	if err == nil && weight.isZero() {
		err = corrupt(topTag, "%s: 0 must be left out", what)
	}
	return weight, rest, err
}

// appendEncoded appends the number of counters. Then it appends 0 where no value was dropped. Otherwise it appends 1,
// what a value without a counter may have, and the sum of the weights of all rows. Last come, in order, the values and
// weights of the counters; where a value was dropped, each with what its sum may have more.
func (h *heavy) appendEncoded(dst []byte, n int) []byte {
	h = h.reduced(n)
	dst = binary.AppendUvarint(dst, uint64(len(h.counters)))
	exact := h.missed.isZero()
	if exact {
		dst = append(dst, 0)
	} else {
		dst = appendWeight(appendWeight(append(dst, 1), &h.missed), &h.total)
	}
	for i := range h.counters {
		c := &h.counters[i]
		dst = appendWeight(append(appendValueHead(dst, c.kind, int(c.length)), h.text(c)...), &c.weight)
		if !exact {
			less := c.weight.negated()
			more := addNaturals(&c.upper, &less)
			dst = appendWeight(dst, &more)
		}
	}
	return dst
}

func (h *heavy) decode(enc []byte, n int) (rest []byte, err error) {
	count, rest, err := readCount(enc, topTag, "number of values")
	if err != nil {
		return nil, err
	}
	*h = heavy{counters: h.counters[:0], texts: h.texts[:0]}
	if len(rest) == 0 || rest[0] > 1 {
		return nil, corrupt(topTag, "the encoding does not say whether it is exact")
	}
	exact, most := rest[0] == 0, int64(countersOf(n))
	rest = rest[1:]
	switch {
	case count > most:
		return nil, corrupt(topTag, "%d values: maximum is %d", count, most)
	case exact:
	case count < most:
		return nil, corrupt(topTag, "%d values: an estimate has %d", count, most)
	default:
		if h.missed, rest, err = readWeightAbove0(rest, "missing weight"); err != nil {
			return nil, err
		}
		if h.total, rest, err = readWeightAbove0(rest, "sum of weights"); err != nil {
			return nil, err
		}
	}
	known, rest, err := h.decodeCounters(rest, int(count))
	switch {
	case err != nil:
		return nil, err
	case exact:
		h.total = known
	case known.exceeds(&h.total):
		return nil, corrupt(topTag, "sum of weights: below the sum of the values")
	}
	return rest, nil
}

// decodeCounters reads the counters, and returns the sum of their weights.
func (h *heavy) decodeCounters(rest []byte, count int) (known natural, _ []byte, err error) {
	counters := slices.Grow(h.counters, count)[:count]
	h.counters = counters
	var before []byte
	texts := h.texts
	for i := range counters {
		c := &counters[i]
		var text []byte
		if c.kind, text, rest, err = readValue(rest, topTag); err != nil {
			return known, nil, err
		}
		if i > 0 && (c.kind < counters[i-1].kind ||
			c.kind == counters[i-1].kind && bytes.Compare(before, text) >= 0) {
			return known, nil, corrupt(topTag, "value %d is out of order", i)
		}
		if rest, err = h.decodeBounds(c, rest); err != nil {
			return known, nil, err
		}
		known.addWeight(&c.weight)
		texts, before = c.keep(texts, text), text
	}
	h.texts, h.length = texts, len(texts)
	return known, rest, nil
}

// decodeBounds reads the bounds of a counter.
func (h *heavy) decodeBounds(c *counter, enc []byte) (rest []byte, err error) {
	if rest = readSmall(&c.weight, enc); rest == nil || enc[1] == 0 {
		if c.weight, rest, err = readWeightAbove0(enc, "weight of a value"); err != nil {
			return nil, err
		}
	}
	c.upper = c.weight
	if h.missed.isZero() {
		return rest, nil
	}
	var more natural
	enc = rest
	if rest = readSmall(&more, enc); rest == nil {
		if more, rest, err = readWeight(enc, "what a value may have more"); err != nil {
			return nil, err
		}
	}
	c.upper.addWeight(&more)
	if more.exceeds(&h.missed) || h.missed.exceeds(&c.upper) {
		return nil, corrupt(topTag, "what a value may have more: does not fit what is missing")
	}
	return rest, nil
}
