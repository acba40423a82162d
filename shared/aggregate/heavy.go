package aggregate

import (
	"slices"
	"sort"
	"strings"
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
	missed   natural   // what a value without a counter may have; 0 where no value was dropped
	total    natural   // the sum of the weights of all rows
	length   int       // of the texts of all counters
}

// counter says that the true sum of a value's weights is from weight, which is above 0, to upper. They are in units of
// 10^-27. upper is at least what a value without a counter may have, and at most weight plus that.
type counter struct {
	value         value
	weight, upper natural
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
	at := sort.Search(len(h.counters), func(i int) bool { return !h.counters[i].value.below(kind, text) })
	if at < len(h.counters) && h.counters[at].value.kind == kind && h.counters[at].value.text == string(text) {
		h.counters[at].add(weight, weight)
		return
	}
	h.length += len(text)
	made := counter{value{kind, string(text)}, *weight, *weight}
	made.upper.addWeight(&h.missed)
	h.counters = slices.Insert(h.counters, at, made)
	h.limit(n)
}

func (c *counter) add(weight, upper *natural) {
	c.weight.addWeight(weight)
	c.upper.addWeight(upper)
}

// counterBytes is how much memory a counter takes, without its text.
const counterBytes = 88

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
	i, missed := 0, !from.missed.isZero()
	for j := range from.counters {
		c, order := &from.counters[j], 1
		for ; i < len(h.counters); i++ {
			if order = h.counters[i].value.compare(&c.value); order >= 0 {
				break
			}
			if missed {
				h.counters[i].upper.addWeight(&from.missed)
			}
		}
		if i < len(h.counters) && order == 0 {
			h.counters[i].add(&c.weight, &c.upper)
			places = append(places, known)
			i++
			continue
		}
		places = append(places, int32(i))
	}
	if missed {
		for ; i < len(h.counters); i++ {
			h.counters[i].upper.addWeight(&from.missed)
		}
	}
	return places
}

// insert makes counters for the values of from that have a place. Their texts are copied into one string, so that they
// do not keep the other texts of from in memory.
func (h *heavy) insert(from *heavy, places []int32) {
	missing, length := 0, 0
	for j, place := range places {
		if place != known {
			missing++
			length += len(from.counters[j].value.text)
		}
	}
	if missing == 0 {
		return
	}
	h.length += length
	texts := strings.Builder{}
	texts.Grow(length)
	// From behind, so that nothing is overwritten before it has moved.
	end := len(h.counters)
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
		c.value.text = appendText(&texts, c.value.text)
		c.upper.addWeight(&h.missed)
	}
}

// appendText appends a text to texts, and returns it as a part of their string.
func appendText(texts *strings.Builder, text string) string {
	texts.WriteString(text)
	return texts.String()[texts.Len()-len(text):]
}

// reduced returns h with at most as many counters as top(x, n) keeps. It leaves h as it is.
func (h *heavy) reduced(n int) *heavy {
	most := countersOf(n)
	if len(h.counters) <= most {
		return h
	}
	r := &heavy{slices.Clone(h.counters), h.missed, h.total, h.length}
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
			length += len(c.value.text)
			kept = append(kept, *c)
		}
	}
	clear(h.counters[len(kept):])
	h.counters, h.length = kept, length
	texts := strings.Builder{} // so that no text of a dropped value stays in memory
	texts.Grow(length)
	for i := range kept {
		kept[i].value.text = appendText(&texts, kept[i].value.text)
	}
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
		at, found := slices.BinarySearchFunc(o.counters, c.value, func(have counter, want value) int {
			return have.value.compare(&want)
		})
		if found {
			most = o.counters[at].upper
		}
		if c.weight.exceeds(&most) {
			return false
		}
	}
	return true
}
