package aggregate

import "math/bits"

// squares is a sum of squares of Decimals: a 512-bit unsigned integer in units of 10^-54, lowest word first.
//
// It cannot overflow: the square of a Decimal is below 10^114 < 2^378.8, and at most 2^63-1 rows are counted, so that
// the sum stays below 2^442. Times the number of rows, it stays below 2^505.
type squares [8]uint64

const squareDecimals = 2 * decimals

// addSquare adds the square of a number.
func (s *squares) addSquare(d *Decimal) {
	_, size := d.size()
	product := multiply192(&size, &size)
	s.addWords(product[:])
}

// addWords adds an integer of at most 8 words.
func (s *squares) addWords(words []uint64) {
	var carry uint64
	for i, word := range words {
		s[i], carry = bits.Add64(s[i], word, carry)
	}
	for i := len(words); i < len(s) && carry != 0; i++ {
		s[i], carry = bits.Add64(s[i], 0, carry)
	}
}

func (s *squares) isZero() bool { return *s == squares{} }

// exceeds reports s > t.
func (s *squares) exceeds(t *squares) bool {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != t[i] {
			return s[i] > t[i]
		}
	}
	return false
}

// multiply sets s to s*by and returns what does not fit into its 512 bits: 0 where the result does.
func (s *squares) multiply(by uint64) (beyond uint64) {
	for i := range s {
		hi, lo := bits.Mul64(s[i], by)
		var carry uint64
		s[i], carry = bits.Add64(lo, beyond, 0)
		beyond = hi + carry
	}
	return beyond
}

// squareOf returns n*n.
func squareOf(n *natural) (product squares) {
	for i := range n {
		var row squares
		var above uint64
		for j := range n {
			hi, lo := bits.Mul64(n[i], n[j])
			var carry uint64
			row[i+j], carry = bits.Add64(lo, above, 0)
			above = hi + carry
		}
		row[i+len(n)] = above
		product.addWords(row[:])
	}
	return product
}

// divideExactly divides s by 10^places when there is no remainder, and reports whether it did. Otherwise it leaves s
// unchanged.
func (s *squares) divideExactly(places int) bool {
	if s[0]<<(64-places) != 0 {
		return false // 10^places is a multiple of 2^places, s is not
	}
	quotient := *s
	if divideWords(quotient[:], powersOfTen[places]) != 0 {
		return false
	}
	*s = quotient
	return true
}

// stripZeros divides s by the highest power of ten, up to 10^54, that leaves no remainder. It returns the exponent: 54
// for 0.
func (s *squares) stripZeros() (exponent int) {
	for exponent < squareDecimals && s.divideExactly(18) {
		exponent += 18
	}
	if exponent == squareDecimals {
		return exponent
	}
	for _, places := range [...]int{16, 8, 4, 2, 1} { // up to 17, where 10^18 leaves a remainder
		if s.divideExactly(places) {
			exponent += places
		}
	}
	return exponent
}

// appendVarint appends s as a varint.
func (s squares) appendVarint(dst []byte) []byte {
	for {
		low := byte(s[0]) & 0x7f
		for i := range s[:len(s)-1] {
			s[i] = s[i]>>7 | s[i+1]<<57
		}
		s[len(s)-1] >>= 7
		if s.isZero() {
			return append(dst, low)
		}
		dst = append(dst, low|0x80)
	}
}

// maxSquaresBytes is the length of the greatest sum of squares: 442 bits in groups of seven.
const maxSquaresBytes = 64

// readSquares reads what stripZeros and appendVarint wrote: an exponent as a byte, and a varint.
func readSquares(enc []byte, t tag) (s squares, rest []byte, err error) {
	if len(enc) == 0 || enc[0] > squareDecimals {
		return s, nil, corrupt(t, "squares: invalid exponent")
	}
	exponent, enc := int(enc[0]), enc[1:]
	for i, b := range enc {
		if i == maxSquaresBytes {
			return s, nil, corrupt(t, "squares: more than %d bytes", maxSquaresBytes)
		}
		word, bit := i*7/64, i*7%64 // 64 groups of seven are 448 bits, so word+1 is below 8
		s[word] |= uint64(b&0x7f) << bit
		if bit > 57 {
			s[word+1] |= uint64(b&0x7f) >> (64 - bit)
		}
		if b >= 0x80 {
			continue
		}
		if b == 0 && i > 0 {
			return s, nil, corrupt(t, "squares: not the shortest form")
		}
		return s, enc[i+1:], s.scale(exponent, t)
	}
	return s, nil, corrupt(t, "the encoding ends inside its squares")
}

// scale multiplies s by 10^exponent. It refuses an exponent that is not the largest possible one.
func (s *squares) scale(exponent int, t tag) error {
	if tenth := *s; exponent < squareDecimals && tenth.divideExactly(1) {
		return corrupt(t, "squares: the exponent is not the largest possible one")
	}
	for ; exponent > 0; exponent -= 18 {
		if s.multiply(powersOfTen[min(exponent, 18)]) != 0 {
			return corrupt(t, "squares: more than 512 bits")
		}
	}
	return nil
}
