package aggregate

import "math/bits"

// bins divides the sizes of numbers, from 10^-9 to 10^30, into bins that are at most 19/1024 wider than their lower
// bound. So one number stands for all numbers of a bin with an error of at most 1 %, even where it is rounded to four
// digits. A bin is found by comparing integers. No float decides about a bin.
//
// Source: Masson, Rim, Lee, DDSketch, VLDB 2019. There, the bounds are powers of 1.01/0.99 and are computed with
// logarithms.
type bins struct {
	bounds []natural // of bin i: from bounds[i] on and below bounds[i+1], in units of 10^-27
	guess  []int16   // the bin of the least size with these leading bits: see lead
}

const (
	binsOfSign = 4885

	leadBits = 6 // bits behind the first one that guess looks at
	leastLen = 60
	mostLen  = 190 // bits of the least and the greatest size that has a bin
)

// allBins is the table of bins. Nothing writes to it.
var allBins = makeBins()

func makeBins() *bins {
	b := &bins{bounds: make([]natural, 1, 4900), guess: make([]int16, (mostLen-leastLen+1)<<leadBits)}
	b.bounds[0] = natural{1e18}
	for bin := 0; !b.bounds[bin].exceeds(&maxDecimal); bin++ {
		b.bounds = append(b.bounds, nextBound(b.bounds[bin]))
	}
	bin := 0
	for i := range b.guess {
		least := shifted(uint64(1<<leadBits|i&(1<<leadBits-1)), leastLen+i>>leadBits-1-leadBits)
		for bin+1 < len(b.bounds)-1 && !b.bounds[bin+1].exceeds(&least) {
			bin++
		}
		b.guess[i] = int16(bin)
	}
	return b
}

// nextBound returns bound * (1 + 19/1024), rounded down.
func nextBound(bound natural) natural {
	step := bound
	step.multiplyAdd(19, 0)
	for i := range step {
		step[i] >>= 10
		if i+1 < len(step) {
			step[i] |= step[i+1] << 54
		}
	}
	return natural(addNaturals(&bound, &step))
}

// addNaturals returns a + b, modulo 2^256.
func addNaturals(a, b *natural) natural {
	sum := integer(*a)
	sum.add((*integer)(b))
	return natural(sum)
}

// shifted returns word * 2^places.
func shifted(word uint64, places int) (n natural) {
	n[places/64] = word << (places % 64)
	if high := word >> 1 >> (63 - places%64); high != 0 {
		n[places/64+1] = high
	}
	return n
}

// of returns the bin of a size. ok is false where the size is below 10^-9.
func (b *bins) of(size *natural) (bin int, ok bool) {
	if size.below(&b.bounds[0]) {
		return 0, false
	}
	// Sizes with the same leading bits are in two bins at most, since a bin is wider than they differ.
	bin = int(b.guess[lead(size)])
	next := &b.bounds[bin+1]
	_, borrow := bits.Sub64(size[0], next[0], 0)
	_, borrow = bits.Sub64(size[1], next[1], borrow)
	_, borrow = bits.Sub64(size[2], next[2], borrow)
	return bin + 1 - int(borrow), true
}

// below reports n < m, of sizes of Decimals.
func (n *natural) below(m *natural) bool {
	if n[2] != m[2] {
		return n[2] < m[2]
	}
	return n[1] < m[1] || n[1] == m[1] && n[0] < m[0]
}

// lead returns the length of a size in bits, above leastLen, and the leadBits that follow its first bit.
func lead(size *natural) int {
	length := 64*2 + bits.Len64(size[2])
	if size[2] == 0 {
		length = 64 + bits.Len64(size[1])
		if size[1] == 0 {
			length = bits.Len64(size[0])
		}
	}
	word, shift := (length-1-leadBits)/64, (length-1-leadBits)%64
	found := size[word]>>shift | size[word+1]<<1<<(63-shift)
	return (length-leastLen)<<leadBits | int(found&(1<<leadBits-1))
}

// appendNumber appends the number that stands for a bin: the one with the fewest digits that is within 1 % of every
// number of the bin.
func (b *bins) appendNumber(dst []byte, negative bool, bin int) []byte {
	// Above 99 % of the greatest number, rounded up, and below 101 % of the least one.
	low, high := b.bounds[bin+1], b.bounds[bin]
	low.multiplyAdd(99, 0)
	low.divide(100)
	low.multiplyAdd(1, 1)
	high.multiplyAdd(101, 0)
	high.divide(100)
	middle := addNaturals(&low, &high)
	middle.divide(2)
	var buffer, kept [maxDigits]byte
	digits := middle.appendDigits(buffer[:0])
	for keep := 1; ; keep++ {
		short, dropped := roundHalfEven(append(kept[:0], digits...), keep, false)
		number := naturalOf(short)
		number.scale(dropped)
		if !low.exceeds(&number) && !number.exceeds(&high) {
			return appendPlain(dst, negative, short, decimals-dropped)
		}
	}
}

// naturalOf reads digits.
func naturalOf(digits []byte) (n natural) {
	for _, digit := range digits {
		n.multiplyAdd(10, uint64(digit-'0'))
	}
	return n
}
