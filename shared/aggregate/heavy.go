package aggregate

import (
	"slices"
	"sort"
)

// heavy finds the values with the greatest sums of weights: a Misra-Gries summary. It keeps a counter for each value
// while there are at most as many values as counters. When there are more, it subtracts from every counter the weight
// of the greatest one for which there is no room, and drops the counters at 0. So a counter never shows more than the
// true sum, and at most missed less. missed is at most the sum of all weights divided by the number of counters plus
// one.
//
// It may hold up to twice as many counters for a while, so that a value more does not cost a look at all of them.
// Whoever reads a heavy reduces it first.
//
// Source: Agarwal et al., Mergeable Summaries, PODS 2012, section 2.
type heavy struct {
	counters []counter // sorted by value; each weight is above 0
	missed   natural   // what each value may have more; and what a value without a counter may have
	total    natural   // the sum of the weights of all rows
}

type counter struct {
	value  value
	weight natural // in units of 10^-27
}

// maxWeight is what sums of weights stop at: the greatest weight in 2^63-1 rows.
var maxWeight = reach(1<<63 - 1)

// addWeights adds two weights, and stops at maxWeight. So it is associative and commutative even there.
func addWeights(a, b *natural) natural {
	sum := addNaturals(a, b)
	if sum.exceeds(&maxWeight) {
		return maxWeight
	}
	return sum
}

func (h *heavy) add(kind ScalarKind, text []byte, weight *natural, n int) {
	if weight.isZero() {
		return
	}
	h.total = addWeights(&h.total, weight)
	at := sort.Search(len(h.counters), func(i int) bool { return !h.counters[i].value.below(kind, text) })
	if at < len(h.counters) && h.counters[at].value.kind == kind && h.counters[at].value.text == string(text) {
		h.counters[at].weight = addWeights(&h.counters[at].weight, weight)
		return
	}
	h.counters = slices.Insert(h.counters, at, counter{value{kind, string(text)}, *weight})
	if most := countersOf(n); len(h.counters) > 2*most {
		h.reduce(most)
	}
}

func (h *heavy) merge(from *heavy, n int) {
	h.total = addWeights(&h.total, &from.total)
	h.missed = addWeights(&h.missed, &from.missed)
	h.counters = mergeSorted(h.counters, from.counters,
		func(a, b *counter) int { return a.value.compare(b.value) },
		func(to, from *counter) { to.weight = addWeights(&to.weight, &from.weight) })
	if most := countersOf(n); len(h.counters) > 2*most {
		h.reduce(most)
	}
}

// reduced returns h with at most as many counters as top(x, n) keeps. It leaves h as it is.
func (h *heavy) reduced(n int) *heavy {
	most := countersOf(n)
	if len(h.counters) <= most {
		return h
	}
	r := &heavy{slices.Clone(h.counters), h.missed, h.total}
	r.reduce(most)
	return r
}

// reduce keeps the counters that are above the greatest one for which there is no room, without its weight.
func (h *heavy) reduce(most int) {
	weights := make([]natural, len(h.counters))
	for i := range h.counters {
		weights[i] = h.counters[i].weight
	}
	slices.SortFunc(weights, func(a, b natural) int { return b.compare(&a) })
	taken := weights[most]
	h.missed = addWeights(&h.missed, &taken)
	kept := h.counters[:0]
	for _, c := range h.counters {
		if c.weight.exceeds(&taken) {
			less := taken.negated()
			kept = append(kept, counter{c.value, addNaturals(&c.weight, &less)})
		}
	}
	clear(h.counters[len(kept):])
	h.counters = kept
}

// admits reports whether the true sum of each value of h can be the true sum of that value in o, too.
func (h *heavy) admits(o *heavy) bool {
	for i := range h.counters {
		c := &h.counters[i]
		most := o.missed
		at, found := slices.BinarySearchFunc(o.counters, c.value, func(have counter, want value) int {
			return have.value.compare(want)
		})
		if found {
			most = addWeights(&most, &o.counters[at].weight)
		}
		if c.weight.exceeds(&most) {
			return false
		}
	}
	return true
}
