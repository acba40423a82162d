package aggregate

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
)

// heavy finds the values with the greatest sums of weights: a SpaceSaving summary. Each value that it keeps has a
// counter with two bounds of the true sum. While there are at most as many values as counters, each value has one, and
// both bounds are the true sum. When there are more, it keeps the counters with the greatest upper bounds. The greatest
// upper bound that it drops is then what any value without a counter may have. That is at most the sum of all weights
// divided by the number of counters plus one. So once a value was dropped, all counters are taken.
//
// It may hold up to twice as many counters for a while, so that a value more does not cost a look at all of them.
// Whoever reads a heavy reduces it first.
//
// Source: Metwally, Agrawal, El Abbadi, Efficient Computation of Frequent and Top-k Elements, ICDT 2005. Under merges,
// the bound is that of a Misra-Gries summary, whose counters are the field above. Agarwal et al., Mergeable Summaries,
// PODS 2012, sections 2 and 3.
type heavy struct {
	counters []counter // in the order in which their values first came
	table    []uint16  // finds counters: see find
	shift    uint8     // 64 less the bits of a place in the table
	texts    []byte    // of the counters, in their order
	missed   amount    // what a value without a counter may have; 0 where no value was dropped
	total    amount    // the sum of the weights of all rows
	exponent int       // of amounts
	wide     []natural // see amount
}

// counter says that the true sum of a value's weights is from weight, which is above 0, to above plus what a value
// without a counter may have. above is at most weight.
//
// A counter has no pointer, so that moving it costs the collector of garbage nothing.
type counter struct {
	hash   uint64 // of the value's text
	weight amount
	above  amount
	at     uint32 // where the value's text begins in the texts of the heavy
	length uint16 // of the text
	kind   ScalarKind
}

func (h *heavy) text(c *counter) []byte { return h.texts[c.at : c.at+uint32(c.length)] }

func (h *heavy) valueOf(c *counter) value { return value{c.kind, string(h.text(c))} }

// upper is the upper bound of a counter, in units of 10^-27.
func (h *heavy) upper(c *counter) natural {
	upper, missed := h.number(c.above), h.number(h.missed)
	upper.addWeight(&missed)
	return upper
}

// compare compares the values of two counters, as value.compare does.
func (h *heavy) compare(a, b *counter) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), bytes.Compare(h.text(a), h.text(b)))
}

// counterBytes is how much memory a counter takes with its places in the table, and without its text.
const counterBytes = 40

func (h *heavy) bytes() int {
	return 136 + len(h.counters)*counterBytes + len(h.texts) + len(h.wide)*naturalBytes
}

// newRow returns a heavy of one value, with weight 1, for setValue and setWeight.
func newRow() heavy {
	return heavy{counters: []counter{{weight: 1, above: 1}}, total: 1, exponent: decimals}
}

// setValue sets the value of a row. It does not copy the text.
func (h *heavy) setValue(kind ScalarKind, text []byte) {
	c := &h.counters[0]
	c.hash, c.length, c.kind = hashOfText(text), uint16(len(text)), kind
	h.texts = text
}

// setWeight sets the weight of a row that will be merged into another heavy. It takes the unit of that heavy if it can,
// so that fit need not change it.
func (h *heavy) setWeight(size *natural, to *heavy) {
	exponent := to.exponent
	a, ok := size.units(exponent)
	if len(to.counters) == 0 || !ok {
		stripped := *size
		exponent = stripped.stripZeros()
		a, ok = size.units(exponent)
	}
	h.wide, h.exponent = nil, exponent
	if !ok {
		h.wide, h.exponent, a = []natural{{}, *size}, 0, 1
	}
	h.counters[0].weight, h.counters[0].above, h.total = a, a, a
}

func (h *heavy) merge(from *heavy, n int) {
	if len(from.counters) == 0 {
		return // nothing was added to it
	}
	factor, most := h.fit(from), countersOf(n)
	h.addAmount(&h.total, from, from.total, factor)
	h.addAmount(&h.missed, from, from.missed, factor)
	full := len(h.counters) >= most
	h.growTable(len(from.counters))
	for i := range from.counters {
		c := &from.counters[i]
		text := from.text(c)
		known, place := h.find(h.place(c), c, text)
		switch {
		case known != nil:
			h.addAmount(&known.weight, from, c.weight, factor)
			h.addAmount(&known.above, from, c.above, factor)
		case full && from.isZero(c.above):
			// All counters are taken, and the value has no more than any other without a counter may have.
		default:
			h.table[place] = uint16(len(h.counters) + 1)
			h.keep(c, text)
			if made := &h.counters[len(h.counters)-1]; factor != 1 {
				made.weight, made.above = h.copyAmount(from, c.weight, factor), h.copyAmount(from, c.above, factor)
			}
		}
	}
	if len(h.counters) > 2*most {
		h.reduce(most)
	}
}

// find returns the counter of the value of c, which is a counter of another heavy. It searches the table from a place
// on: that of c. Where there is no such counter, it returns nil and the place that one would take.
//
// The table has a power of two of places, and at most half of them are taken. It holds the numbers of counters, from 1
// on. The first bits of a counter's hash name its place; where that is taken, it has the next free one. So the table is
// nearly in the order of the hashes. Events whose hashes begin alike cost more, at most a look at every counter.
func (h *heavy) find(place int, c *counter, text []byte) (known *counter, _ int) {
	for ; ; place++ {
		place &= len(h.table) - 1
		if h.table[place] == 0 {
			return nil, place
		}
		known = &h.counters[h.table[place]-1]
		if known.hash == c.hash && known.kind == c.kind && bytes.Equal(h.text(known), text) {
			return known, place
		}
	}
}

// place returns the place in the table where a search for c begins.
func (h *heavy) place(c *counter) int { return int(c.hash >> (h.shift & 63)) }

// growTable makes room in the table for more counters.
func (h *heavy) growTable(more int) {
	if places := 2 * (len(h.counters) + more); places > len(h.table) {
		size := bits.Len(uint(places - 1))
		h.table, h.shift = make([]uint16, 1<<size), uint8(64-size)
		h.fillTable()
	}
}

// fillTable puts all counters into the table.
func (h *heavy) fillTable() {
	clear(h.table)
	for i := range h.counters {
		place := h.place(&h.counters[i])
		for h.table[place] != 0 {
			place = (place + 1) & (len(h.table) - 1)
		}
		h.table[place] = uint16(i + 1)
	}
}

// keep appends a counter, and its text.
func (h *heavy) keep(c *counter, text []byte) {
	h.counters = append(h.counters, *c)
	h.counters[len(h.counters)-1].at = uint32(len(h.texts))
	h.texts = append(h.texts, text...)
}

// reduced returns h with at most as many counters as top(x, n) keeps. It leaves h as it is.
func (h *heavy) reduced(n int) *heavy {
	most := countersOf(n)
	if len(h.counters) <= most {
		return h
	}
	r := *h
	r.counters, r.texts, r.wide = slices.Clone(h.counters), slices.Clone(h.texts), slices.Clone(h.wide)
	r.table = make([]uint16, len(h.table))
	r.reduce(most)
	return &r
}

// reduce keeps the counters with the greatest upper bounds; of equal ones, those with the least hashes.
func (h *heavy) reduce(most int) {
	var few, same [256]uint64
	ranks, ties := h.ranks(few[:0]), same[:0]
	last := nthGreatest(append(ties, ranks...), most)
	dropped, left := amount(0), most // left is how many of those with rank last are kept
	for i, rank := range ranks {
		switch {
		case rank > last:
			left--
		case rank == last:
			dropped = h.counters[i].above
			ties = append(ties, ^h.counters[i].hash)
		}
	}
	lastTie := uint64(0)
	if left > 0 {
		lastTie = nthGreatest(ties, left-1)
	}
	counters, texts := h.counters, h.texts
	h.counters, h.texts = counters[:0], texts[:0]
	for i, rank := range ranks {
		c := &counters[i]
		tie := rank == last && left > 0 && ^c.hash >= lastTie
		if tie {
			left--
		}
		if rank > last || tie {
			h.keep(c, texts[c.at:c.at+uint32(c.length)])
		}
	}
	h.drop(dropped)
	h.fillTable()
}

// nthGreatest returns the number that comes at place n of all in descending order, from 0. It reorders all.
func nthGreatest(all []uint64, n int) uint64 {
	for {
		pivot := all[len(all)/2]
		greater := moveAbove(all, pivot)
		switch {
		case n < greater:
			all = all[:greater]
		case greater > 0:
			all, n = all[greater:], n-greater
		case pivot == 0: // as all others are
			return pivot
		default:
			equal := moveAbove(all, pivot-1)
			if n < equal {
				return pivot
			}
			all, n = all[equal:], n-equal
		}
	}
}

// moveAbove moves all numbers above a bound to the front, and returns how many they are. It has no branch that a
// processor could guess wrong.
func moveAbove(all []uint64, bound uint64) (count int) {
	for i, x := range all {
		all[i], all[count] = all[count], x
		_, above := bits.Sub64(bound, x, 0)
		count += int(above)
	}
	return count
}

// admits reports whether no value of h has more than it may have in o.
func (h *heavy) admits(o *heavy) bool {
	for i := range h.counters {
		c := &h.counters[i]
		most := o.number(o.missed)
		if len(o.counters) > 0 {
			if known, _ := o.find(o.place(c), c, h.text(c)); known != nil {
				most = o.upper(known)
			}
		}
		if weight := h.number(c.weight); weight.exceeds(&most) {
			return false
		}
	}
	return true
}
