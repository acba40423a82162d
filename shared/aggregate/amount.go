package aggregate

import (
	"math/bits"
	"slices"
)

// amount is a weight, or a sum of weights, in a heavy: a number of units of 10^(exponent-27). Nearly all weights have
// so few digits that their sums fit into 64 bits. A heavy whose sum of all weights does not fit is wide: an amount is
// then an index into its slice wide, which counts in units of 10^-27.
//
// If top(x, n) keeps m counters, then the amounts above of all counters and m+1 times missed are at most the total.
// Dropping a value keeps this true: what missed grows by, m+1 amounts lose. So where the total fits into 64 bits, every
// amount does.
type amount = uint64

// naturalBytes is how much memory a natural takes.
const naturalBytes = 32

// maxWeight is what sums of weights stop at: the greatest weight in 2^63-1 rows.
var maxWeight = reach(1<<63 - 1)

// addWeight adds a weight to n, and stops at maxWeight. So it is associative and commutative even there.
func (n *natural) addWeight(weight *natural) {
	(*integer)(n).add((*integer)(weight))
	if n[3] >= maxWeight[3] && n.exceeds(&maxWeight) {
		*n = maxWeight
	}
}

// timesPowerOfTen returns n * 10^exponent.
func timesPowerOfTen(n uint64, exponent int) natural {
	hi, lo := bits.Mul64(n, units[exponent].power[0])
	high, middle := bits.Mul64(n, units[exponent].power[1])
	middle, carry := bits.Add64(middle, hi, 0)
	return natural{lo, middle, high + carry}
}

// units returns n / 10^exponent. It reports false unless that is a whole number of 64 bits. For such a number, a
// division by 5^exponent equals a multiplication by its inverse modulo 2^64, which takes a tenth of the time.
func (n *natural) units(exponent int) (quotient amount, ok bool) {
	quotient = (n[0]>>exponent | n[1]<<(64-exponent)) * units[exponent].inverse
	return quotient, timesPowerOfTen(quotient, exponent) == *n
}

// units holds, by exponent, 10^exponent and the inverse of 5^exponent modulo 2^64. Nothing writes to it.
var units = func() (all [decimals + 1]struct {
	power   natural
	inverse uint64
}) {
	inverse := uint64(1)
	for exponent := range all {
		all[exponent].power, all[exponent].inverse = natural{1}, inverse
		all[exponent].power.scale(exponent)
		inverse *= 0xcccccccccccccccd // times 5 it is 1
	}
	return all
}()

// number is an amount in units of 10^-27.
func (h *heavy) number(a amount) natural {
	if h.wide != nil {
		return h.wide[a]
	}
	return timesPowerOfTen(a, h.exponent)
}

// size is an amount in units of 10^(exponent-27).
func (h *heavy) size(a amount) natural {
	if h.wide != nil {
		return h.wide[a]
	}
	return natural{a}
}

func (h *heavy) isZero(a amount) bool {
	if h.wide != nil {
		return h.wide[a].isZero()
	}
	return a == 0
}

// addAmount adds an amount of another heavy to one of h. factor is that of fit.
func (h *heavy) addAmount(to *amount, from *heavy, a amount, factor uint64) {
	if h.wide != nil {
		h.addWide(*to, from, a)
		return
	}
	*to += a * factor
}

func (h *heavy) addWide(to amount, from *heavy, a amount) {
	n := from.number(a)
	h.wide[to].addWeight(&n)
}

// copyAmount returns an amount of another heavy as one of h. factor is that of fit.
func (h *heavy) copyAmount(from *heavy, a amount, factor uint64) amount {
	if h.wide == nil {
		return a * factor
	}
	h.wide = append(h.wide, from.number(a))
	return amount(len(h.wide) - 1)
}

// fit gives h a unit in which the sum of h and from fits into 64 bits. It returns the unit of from in units of h. Where
// there is no such unit, fit makes h wide and returns 0.
func (h *heavy) fit(from *heavy) (factor uint64) {
	if len(h.counters) == 0 {
		h.exponent = from.exponent
	}
	exponent := min(h.exponent, from.exponent)
	own, factor := powerOfTen(h.exponent-exponent), powerOfTen(from.exponent-exponent)
	if h.wide != nil || from.wide != nil || !fits(h.total, own, from.total, factor) {
		if h.wide == nil {
			h.widen()
		}
		return 0
	}
	if own != 1 {
		h.eachAmount(func(a *amount) { *a *= own })
		h.exponent = exponent
	}
	return factor
}

// fits reports whether a*x + b*y fits into 64 bits. An x or y of 0 is a factor that does not fit.
func fits(a, x, b, y uint64) bool {
	aHigh, a := bits.Mul64(a, x)
	bHigh, b := bits.Mul64(b, y)
	_, carry := bits.Add64(a, b, 0)
	return x != 0 && y != 0 && aHigh|bHigh|carry == 0
}

// powerOfTen returns 10^exponent, or 0 where that does not fit into 64 bits.
func powerOfTen(exponent int) uint64 {
	if exponent >= len(powersOfTen) {
		return 0
	}
	return powersOfTen[exponent]
}

// widen moves all amounts into a new slice wide, without what nothing refers to any more.
func (h *heavy) widen() {
	wide := make([]natural, 0, 2+2*len(h.counters))
	h.eachAmount(func(a *amount) {
		wide = append(wide, h.number(*a))
		*a = amount(len(wide) - 1)
	})
	h.wide, h.exponent = wide, 0
}

func (h *heavy) eachAmount(do func(a *amount)) {
	do(&h.missed)
	do(&h.total)
	for i := range h.counters {
		do(&h.counters[i].weight)
		do(&h.counters[i].above)
	}
}

// ranks appends a number for each counter. The numbers compare as the upper bounds of the counters do.
func (h *heavy) ranks(dst []uint64) []uint64 {
	if h.wide == nil {
		for i := range h.counters {
			dst = append(dst, h.counters[i].above)
		}
		return dst
	}
	all := make([]natural, len(h.counters))
	for i := range h.counters {
		all[i] = h.wide[h.counters[i].above]
	}
	compare := func(a, b natural) int { return a.compare(&b) }
	slices.SortFunc(all, compare)
	for i := range h.counters {
		rank, _ := slices.BinarySearchFunc(all, h.wide[h.counters[i].above], compare)
		dst = append(dst, uint64(rank))
	}
	return dst
}

// drop raises what a value without a counter may have by an amount. The upper bounds of the counters stay the same.
func (h *heavy) drop(a amount) {
	if h.wide == nil {
		h.missed += a
		for i := range h.counters {
			h.counters[i].above -= a
		}
		return
	}
	dropped := h.wide[a]
	less := integer(dropped.negated())
	h.wide[h.missed].addWeight(&dropped)
	for i := range h.counters {
		(*integer)(&h.wide[h.counters[i].above]).add(&less)
	}
	h.widen()
}
