package aggregate

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	precision = 12 // bits of a hash that choose its register
	maxRank   = 64 - precision + 1

	// A word holds eight registers: a byte each in memory, 6 bits each where they are stored.
	registerWords = 1 << precision / 8
	registerBytes = registerWords * 6
)

// registers is a dense HyperLogLog sketch of 2^12 registers. A register holds the greatest rank of the hashes that
// choose it. The rank of a hash is the number of zeros that follow its first 12 bits, plus one: from 1 to 53.
//
// Register i is byte i%8 of word i/8, the lowest byte first. So a step on a word is a step on eight registers.
//
// axiomhq/hyperloglog v0.3.0 estimates with math.Log, which is not the same on every architecture, and has no exact
// form. It added in the same time, took twice the time to merge encoded sketches, and 4,104 bytes instead of 3,076.
type registers [registerWords]uint64

// add adds a hash.
func (r *registers) add(hash uint64) {
	at := hash >> (64 - precision)
	// The bit behind the hash's last one ends a hash of zeros.
	rank := uint64(bits.LeadingZeros64(hash<<precision|1<<(precision-1))) + 1
	word, shift := &r[at/8], at%8*8
	if rank > *word>>shift&0xff {
		*word = *word&^(0xff<<shift) | rank<<shift
	}
}

// eachByte has a value in each of its eight bytes.
const eachByte = 0x0101010101010101

// greaterBytes returns, byte by byte, the greater of two bytes below 128.
func greaterBytes(a, b uint64) uint64 {
	notLess := (a | 0x80*eachByte) - b&^(0x80*eachByte) // the top bit of a byte stays where a >= b
	takeA := (notLess >> 7 & eachByte) * 0xff
	return a&takeA | b&^takeA
}

func (r *registers) merge(from *registers) {
	for i, word := range from {
		r[i] = greaterBytes(r[i], word)
	}
}

// appendPacked appends the registers in order, 6 bits each, from the lowest bit of the first byte on.
func (r *registers) appendPacked(dst []byte) []byte {
	for _, word := range r {
		word = word&0x003f003f003f003f | word&0x3f003f003f003f00>>2
		word = word&0x00000fff00000fff | word&0x0fff00000fff0000>>4
		word = word&0x0000000000ffffff | word&0x00ffffff00000000>>8
		dst = binary.LittleEndian.AppendUint32(dst, uint32(word))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(word>>32))
	}
	return dst
}

// readPacked sets r to what appendPacked wrote. It reports false where that cannot be: where a rank is above 53, or all
// are 0.
func (r *registers) readPacked(enc []byte) bool {
	var any, above uint64
	for i := range r {
		six := enc[i*6 : i*6+6]
		word := uint64(binary.LittleEndian.Uint32(six)) | uint64(binary.LittleEndian.Uint16(six[4:]))<<32
		word = word&0x0000000000ffffff | word&0x0000ffffff000000<<8
		word = word&0x00000fff00000fff | word&0x00fff00000fff000<<4
		word = word&0x003f003f003f003f | word&0x0fc00fc00fc00fc0<<2
		any |= word
		above |= word + (0x7f-maxRank)*eachByte // the top bit of a byte is set where its rank is above 53
		r[i] = word
	}
	return any != 0 && above&(0x80*eachByte) == 0
}

// estimate returns the number of different hashes that were added. Its standard error is 1.04/sqrt(2^12) = 1.6 %, so
// that 99 of 100 estimates are within 4.2 %.
//
// It is the same on every architecture: it adds, multiplies, divides and takes square roots, which IEEE 754 rounds
// correctly, in a fixed order; and each product is converted, which keeps the compiler from fusing it with a sum.
//
// Source: Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches, 2017 (arXiv:1702.01284),
// algorithm 6.
func (r *registers) estimate() int64 {
	var of [maxRank + 1]float64 // how many registers have a rank
	for _, word := range r {
		for range 8 {
			of[word&0xff]++
			word >>= 8
		}
	}
	const count = 1 << precision
	z := float64(count * sumOfHigh(1-of[maxRank]/count))
	for rank := maxRank - 1; rank >= 1; rank-- {
		z = float64(0.5 * float64(z+of[rank]))
	}
	z += float64(count * sumOfLow(of[0]/count))
	number := float64(count*count/(2*math.Ln2)) / z
	if !(number < math.MaxInt64) {
		return math.MaxInt64
	}
	return int64(number + 0.5)
}

// sumOfLow is sigma of the source: x + the sum of x^(2^k) * 2^(k-1) for k from 1 on. x is below 1.
func sumOfLow(x float64) float64 {
	y, z := 1.0, x
	for {
		x = float64(x * x)
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

// sumOfHigh is tau of the source: a third of 1 - x - the sum of (1-x^(2^-k))^2 * 2^-k for k from 1 on.
func sumOfHigh(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y = float64(0.5 * y)
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == before {
			return z / 3
		}
	}
}
