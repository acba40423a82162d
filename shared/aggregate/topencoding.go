package aggregate

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// The encoded state of top has two columns, values and weights, so that a query reads it in two short loops:
//
//	count form (value)* [missed total] (weight [more])*
//
// count is the number of counters. form is a byte: bits 0 to 4 hold the exponent of all weights, bit 5 says whether a
// value was dropped, and the others are 0. Only where a value was dropped there are: missed, which is what a value
// without a counter may have; total, the sum of the weights of all rows; and for each value more, by which its true sum
// may pass its weight. All of them are weights: size * 10^exponent in units of 10^-27. Only the size follows. The
// exponent is the greatest up to 27 that keeps every size whole.
//
// Values are sorted by their hashes. Where those are equal, they are sorted by kind and then by text.
const formDropped = 0x20

// hashOfText returns the hash that orders the values of a state. It is part of the encoding. It folds products of the
// text, eight bytes at a time; the last eight may overlap those before. It is fast, and no more: texts with equal
// hashes are easy to find. They cost time and nothing else, since equal hashes lead to a comparison of the values.
func hashOfText(text []byte) (hash uint64) {
	hash = uint64(len(text))
	for i := 0; i+8 < len(text); i += 8 {
		hash = fold(hash ^ binary.LittleEndian.Uint64(text[i:]))
	}
	switch n := len(text); {
	case n >= 8:
		hash ^= binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		hash ^= uint64(binary.LittleEndian.Uint32(text))<<32 | uint64(binary.LittleEndian.Uint32(text[n-4:]))
	case n > 0:
		hash ^= uint64(text[0])<<32 | uint64(text[n/2])<<16 | uint64(text[n-1])<<8
	}
	return fold(hash)
}

func fold(n uint64) uint64 {
	hi, lo := bits.Mul64(n, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

func (h *heavy) appendEncoded(dst []byte, n int) []byte {
	h = h.reduced(n).sorted()
	sizes, exponent := h.sizes()
	form := byte(exponent)
	if !h.isZero(h.missed) {
		form |= formDropped
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(h.counters))), form)
	for i := range h.counters {
		c := &h.counters[i]
		dst = append(appendValueHead(dst, c.kind, int(c.length)), h.text(c)...)
	}
	for i := range sizes {
		dst = appendSize(dst, &sizes[i])
	}
	return dst
}

// sorted returns h with its counters in the order of the encoding. It leaves h as it is. The table nearly has that
// order.
func (h *heavy) sorted() *heavy {
	s := *h
	s.counters, s.table = make([]counter, 0, len(h.counters)), nil
	for _, number := range h.table {
		if number == 0 {
			continue
		}
		c := h.counters[number-1]
		i := len(s.counters)
		s.counters = append(s.counters, c)
		for ; i > 0 && compareInOrder(&s.counters[i-1], h.text(&s.counters[i-1]), &c, h.text(&c)) > 0; i-- {
			s.counters[i] = s.counters[i-1]
		}
		s.counters[i] = c
	}
	return &s
}

// sizes returns the sizes of all weights in the order of the encoding, and their exponent.
func (h *heavy) sizes() (all []natural, exponent int) {
	dropped := !h.isZero(h.missed)
	all = make([]natural, 0, 2+2*len(h.counters))
	if dropped {
		all = append(all, h.size(h.missed), h.size(h.total))
	}
	for i := range h.counters {
		weight := h.size(h.counters[i].weight)
		if all = append(all, weight); dropped {
			all = append(all, h.more(&h.counters[i], &weight))
		}
	}
	zeros := decimals - h.exponent
	for i := range all {
		zeros = all[i].zeros(zeros)
	}
	for i := range all {
		all[i].divideBy(zeros)
	}
	return all, h.exponent + zeros
}

// more is by how much the upper bound of a counter is above its weight.
func (h *heavy) more(c *counter, weight *natural) natural {
	more, missed, less := h.size(c.above), h.size(h.missed), weight.negated()
	more.addWeight(&missed)
	(*integer)(&more).add((*integer)(&less))
	return more
}

// zeros returns the greatest power of ten, up to most, that divides n.
func (n *natural) zeros(most int) int {
	for rest := *n; most > 0 && !rest.divideBy(most); most-- {
	}
	return most
}

// divideBy divides n by 10^places, up to 10^27, when there is no remainder, and reports whether it did.
func (n *natural) divideBy(places int) bool {
	quotient, first := *n, min(places, 18)
	if first > 0 && !quotient.divideExactly(first) || places > first && !quotient.divideExactly(places-first) {
		return false
	}
	*n = quotient
	return true
}

func (h *heavy) decode(enc []byte, n int) (rest []byte, err error) {
	count, rest, err := readCount(enc, topTag, "number of values")
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 || rest[0]&^formDropped > decimals {
		return nil, corrupt(topTag, "form: no exponent from 0 to %d", decimals)
	}
	dropped, exponent, most := rest[0]&formDropped != 0, int(rest[0]&^formDropped), int64(countersOf(n))
	switch {
	case count > most:
		return nil, corrupt(topTag, "%d values: maximum is %d", count, most)
	case dropped && count < most:
		return nil, corrupt(topTag, "%d values: an estimate has %d", count, most)
	}
	*h = heavy{counters: slices.Grow(h.counters[:0], int(count))[:count], texts: h.texts[:0], exponent: exponent}
	if rest, err = h.decodeValues(rest[1:]); err != nil {
		return nil, err
	}
	if after := h.decodeAmounts(rest, dropped); after != nil {
		return after, nil
	}
	return h.decodeWide(rest, dropped)
}

// decodeValues reads the values of all counters.
func (h *heavy) decodeValues(enc []byte) (rest []byte, err error) {
	rest = enc
	var before, text []byte
	for i := range h.counters {
		c := &h.counters[i]
		if c.kind, text, rest, err = readValue(rest, topTag); err != nil {
			return nil, err
		}
		c.hash, c.at, c.length = hashOfText(text), uint32(len(enc)-len(rest)-len(text)), uint16(len(text))
		if i > 0 && h.counters[i-1].hash >= c.hash && compareInOrder(&h.counters[i-1], before, c, text) >= 0 {
			return nil, corrupt(topTag, "value %d is out of order", i)
		}
		before = text
	}
	h.texts = append(h.texts, enc[:len(enc)-len(rest)]...)
	return rest, nil
}

// compareInOrder compares two counters, which have these texts, in the order of the encoding.
func compareInOrder(a *counter, text []byte, b *counter, other []byte) int {
	if a.hash != b.hash {
		return cmp.Compare(a.hash, b.hash)
	}
	return cmp.Or(cmp.Compare(a.kind, b.kind), bytes.Compare(text, other))
}

// decodeAmounts reads weights that fit into 64 bits, as does their sum. It returns nil for any others, and for all that
// decodeWide refuses.
func (h *heavy) decodeAmounts(rest []byte, dropped bool) []byte {
	if dropped {
		h.missed, rest = nextSize(rest)
		h.total, rest = nextSize(rest)
	}
	var more, known, counted, beyond, carry uint64
	ok := dropped == (h.missed > 0)
	uneven := h.exponent == decimals || h.missed%10 != 0 || h.total%10 != 0
	for i := range h.counters {
		c := &h.counters[i]
		if c.weight, rest = nextSize(rest); dropped {
			more, rest = nextSize(rest)
		}
		c.above = c.weight + more - h.missed
		ok = ok && c.weight > 0 && more <= h.missed && h.missed <= c.weight+more
		uneven = uneven || c.weight%10 != 0 || more%10 != 0
		known, carry = bits.Add64(known, c.weight, 0)
		counted += c.above
		beyond |= carry
	}
	if !dropped {
		h.total = known
	}
	high, missed := bits.Mul64(h.missed, uint64(len(h.counters)+1))
	if !ok || !uneven || beyond|high != 0 || known > h.total || missed > h.total-counted {
		return nil
	}
	return rest
}

// nextSize reads a size below 2^63 and returns the bytes after it. It returns nil if enc begins with anything else.
func nextSize(enc []byte) (size uint64, rest []byte) {
	if len(enc) > 0 && enc[0] < 0x80 { // most are short
		return uint64(enc[0]), enc[1:]
	}
	return nextLongSize(enc)
}

func nextLongSize(enc []byte) (size uint64, rest []byte) {
	size, n := binary.Uvarint(enc)
	if n <= 0 || size > math.MaxInt64 || enc[n-1] == 0 {
		return 0, nil
	}
	return size, enc[n:]
}
