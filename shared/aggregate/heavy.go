package aggregate

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
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
// the bound is that of a Misra-Gries summary. Its counters are the upper bounds here minus missed. Agarwal et al.,
// Mergeable Summaries, PODS 2012, sections 2 and 3.
type heavy struct {
	counters []counter // sorted by value
	texts    []byte    // of the counters; it may have others, as many bytes at most
	missed   natural   // what a value without a counter may have; 0 where no value was dropped
	total    natural   // the sum of the weights of all rows
	length   int       // of the texts of all counters
}

// counter says that the true sum of a value's weights is from weight, which is above 0, to upper. They are in units of
// 10^-27. upper is at least what a value without a counter may have, and at most weight plus that.
//
// A counter has no pointer, so that moving it costs the collector of garbage nothing.
type counter struct {
	weight, upper natural
	at            uint32 // where the value's text begins in the texts of the heavy
	length        uint16 // of the text
	kind          ScalarKind
}

func (h *heavy) text(c *counter) []byte { return h.texts[c.at : c.at+uint32(c.length)] }

func (h *heavy) valueOf(c *counter) value { return value{c.kind, string(h.text(c))} }

// compareTo compares the value of a counter with one of o, as value.compare does.
func (h *heavy) compareTo(c *counter, o *heavy, other *counter) int {
	if c.kind != other.kind {
		return cmp.Compare(c.kind, other.kind)
	}
	return bytes.Compare(h.text(c), o.text(other))
}

// maxWeight is what sums of weights stop at: the greatest weight in 2^63-1 rows.
var maxWeight = reach(1<<63 - 1)

// addWeight adds a weight to n, and stops at maxWeight. So it is associative and commutative even there.
func (n *natural) addWeight(weight *natural) {
	(*integer)(n).add((*integer)(weight))
	if n[3] >= maxWeight[3] && n.exceeds(&maxWeight) {
		*n = maxWeight
	}
}

func (h *heavy) add(kind ScalarKind, text []byte, weight *natural, n int) {
	if weight.isZero() {
		return
	}
	h.total.addWeight(weight)
	at, found := h.find(kind, text)
	if found {
		h.counters[at].add(weight, weight)
		return
	}
	made := counter{weight: *weight, upper: *weight, kind: kind}
	made.upper.addWeight(&h.missed)
	h.texts, h.length = made.keep(h.texts, text), h.length+len(text)
	h.counters = slices.Insert(h.counters, at, made)
	h.limit(n)
}

// find returns where the counter of a value is, or would be.
func (h *heavy) find(kind ScalarKind, text []byte) (at int, found bool) {
	end := len(h.counters)
	for at < end {
		middle := (at + end) / 2
		c := &h.counters[middle]
		order := int(c.kind) - int(kind)
		if order == 0 {
			order = bytes.Compare(h.text(c), text)
		}
		switch {
		case order == 0:
			return middle, true
		case order < 0:
			at = middle + 1
		default:
			end = middle
		}
	}
	return at, false
}

// keep copies the text of a counter to the end of texts.
func (c *counter) keep(texts, text []byte) []byte {
	c.at, c.length = uint32(len(texts)), uint16(len(text))
	return append(texts, text...)
}

func (c *counter) add(weight, upper *natural) {
	c.weight.addWeight(weight)
	c.upper.addWeight(upper)
}

// counterBytes is how much memory a counter takes, without its text.
const counterBytes = 72

func (h *heavy) bytes() int { return len(h.counters)*counterBytes + h.length }

// limit reduces the counters when there are too many.
func (h *heavy) limit(n int) {
	if most := countersOf(n); len(h.counters) > 2*most {
		h.reduce(most)
	}
}

func (h *heavy) merge(from *heavy, n int) {
	var few [256]int32
	places := h.mergeKnown(from, few[:0])
	h.insert(from, places)
	h.total.addWeight(&from.total)
	h.missed.addWeight(&from.missed)
	h.limit(n)
}

const known = -1

// mergeKnown adds the counters of from to those of the same values, and what a value may have in from to all others. It
// appends to places where each counter of from belongs; known, where it was added.
func (h *heavy) mergeKnown(from *heavy, places []int32) []int32 {
	i := 0
	for j := range from.counters {
		c := &from.counters[j]
		at, found := h.seek(i, from, c)
		h.raise(i, at, &from.missed)
		if i = at; !found {
			places = append(places, int32(at))
			continue
		}
		h.counters[at].add(&c.weight, &c.upper)
		places = append(places, known)
		i++
	}
	h.raise(i, len(h.counters), &from.missed)
	return places
}

// seek returns where the counter of a value of from is, or would be, from place i on. It looks at the next places one
// by one, and then in steps that double: the values of one hour are few among those of a year.
func (h *heavy) seek(i int, from *heavy, c *counter) (at int, found bool) {
	const near = 4
	for end := min(i+near, len(h.counters)); i < end; i++ {
		if order := h.compareTo(&h.counters[i], from, c); order >= 0 {
			return i, order == 0
		}
	}
	step := near
	for i+step <= len(h.counters) && h.compareTo(&h.counters[i+step-1], from, c) < 0 {
		i += step
		step *= 2
	}
	rest := h.counters[i:min(i+step, len(h.counters))]
	n, found := sort.Find(len(rest), func(k int) int { return -h.compareTo(&rest[k], from, c) })
	return i + n, found
}

// raise adds what a value may have without a counter to some counters.
func (h *heavy) raise(from, to int, missed *natural) {
	if missed.isZero() {
		return
	}
	for i := from; i < to; i++ {
		h.counters[i].upper.addWeight(missed)
	}
}

// insert makes counters for the values of from that have a place.
func (h *heavy) insert(from *heavy, places []int32) {
	missing := 0
	for _, place := range places {
		if place != known {
			missing++
		}
	}
	if missing == 0 {
		return
	}
	// From behind, so that nothing is overwritten before it has moved.
	end, texts, before := len(h.counters), h.texts, len(h.texts)
	h.counters = slices.Grow(h.counters, missing)[:end+missing]
	for j := len(places) - 1; j >= 0; j-- {
		place := int(places[j])
		if place == known {
			continue
		}
		copy(h.counters[place+missing:], h.counters[place:end])
		missing--
		c := &h.counters[place+missing]
		*c, end = from.counters[j], place
		texts = c.keep(texts, from.text(&from.counters[j]))
		c.upper.addWeight(&h.missed)
	}
	h.texts, h.length = texts, h.length+len(texts)-before
}

// reduced returns h with at most as many counters as top(x, n) keeps. It leaves h as it is.
func (h *heavy) reduced(n int) *heavy {
	most := countersOf(n)
	if len(h.counters) <= most {
		return h
	}
	r := &heavy{slices.Clone(h.counters), slices.Clone(h.texts), h.missed, h.total, h.length}
	r.reduce(most)
	return r
}

// reduce keeps the counters with the greatest upper bounds; of equal ones, those of the values that come first.
func (h *heavy) reduce(most int) {
	var few [256]natural
	uppers := few[:0]
	for i := range h.counters {
		uppers = append(uppers, h.counters[i].upper)
	}
	h.missed = nthGreatest(uppers, most)
	equal, length := most, 0
	for i := range h.counters {
		if h.counters[i].upper.exceeds(&h.missed) {
			equal--
		}
	}
	kept := h.counters[:0]
	for i := range h.counters {
		switch c := &h.counters[i]; c.upper.compare(&h.missed) {
		case 0:
			if equal == 0 {
				continue
			}
			equal--
			fallthrough
		case 1:
			length += int(c.length)
			kept = append(kept, *c)
		}
	}
	h.counters, h.length = kept, length
	h.dropTexts()
}

// dropTexts leaves out the texts of dropped values, once they are more than the others.
func (h *heavy) dropTexts() {
	if len(h.texts) <= 2*h.length {
		return
	}
	texts := make([]byte, 0, len(h.texts)) // with room for those that come next
	for i := range h.counters {
		c := &h.counters[i]
		texts = c.keep(texts, h.text(c))
	}
	h.texts = texts
}

// nthGreatest returns the number that comes at place n of all in descending order. It reorders all.
func nthGreatest(all []natural, n int) natural {
	for len(all) > 1 {
		pivot := all[len(all)/2]
		greater, end := 0, len(all) // all[:greater] are greater than the pivot, and all[end:] are less
		for i := 0; i < end; {
			switch all[i].compare(&pivot) {
			case 1:
				all[greater], all[i] = all[i], all[greater]
				greater++
				i++
			case -1:
				end--
				all[end], all[i] = all[i], all[end]
			default:
				i++
			}
		}
		switch {
		case n < greater:
			all = all[:greater]
		case n < end:
			return pivot
		default:
			all, n = all[end:], n-end
		}
	}
	return all[0]
}

// admits reports whether no value of h has more than it may have in o.
func (h *heavy) admits(o *heavy) bool {
	for i := range h.counters {
		c := &h.counters[i]
		most := o.missed
		if at, found := o.find(c.kind, h.text(c)); found {
			most = o.counters[at].upper
		}
		if c.weight.exceeds(&most) {
			return false
		}
	}
	return true
}
