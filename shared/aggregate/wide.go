package aggregate

import (
	"math/bits"
	"slices"
)

// integer is a 256-bit two's complement integer, lowest word first: the amount of a sum in units of 10^-27.
//
// It cannot overflow: a row adds less than 10^57 < 2^189.4, and at most 2^63-1 rows are counted, so that the size stays
// below 2^253. That is why grouping and order never change a bit.
type integer [4]uint64

func (x *integer) addDecimal(d *Decimal) {
	sign := uint64(d.Hi >> 63)
	var carry uint64
	x[0], carry = bits.Add64(x[0], d.Lo, 0)
	x[1], carry = bits.Add64(x[1], d.Mid, carry)
	x[2], carry = bits.Add64(x[2], uint64(d.Hi), carry)
	x[3], _ = bits.Add64(x[3], sign, carry)
}

func (x *integer) add(y *integer) {
	var carry uint64
	x[0], carry = bits.Add64(x[0], y[0], 0)
	x[1], carry = bits.Add64(x[1], y[1], carry)
	x[2], carry = bits.Add64(x[2], y[2], carry)
	x[3], _ = bits.Add64(x[3], y[3], carry)
}

// size returns the sign and the absolute value of x.
func (x *integer) size() (negative bool, size natural) {
	if int64(x[3]) >= 0 {
		return false, natural(*x)
	}
	return true, natural(*x).negated()
}

// natural is a 256-bit unsigned integer, lowest word first.
//
// It divides and multiplies by single words, and needs no more: holiman/uint256 v1.3.2, which takes any divisor, took
// 1.1 to 4.6 times as long for the zeros of an encoding, 2.1 to 2.6 for a multiplication and 1.3 to 1.4 for digits.
type natural [4]uint64

// signed is the integer of a sign and a size below 2^255.
func (n natural) signed(negative bool) integer {
	if negative {
		n = n.negated()
	}
	return integer(n)
}

func (n natural) negated() natural {
	var borrow uint64
	for i := range n {
		n[i], borrow = bits.Sub64(0, n[i], borrow)
	}
	return n
}

func (n *natural) isZero() bool { return n[0]|n[1]|n[2]|n[3] == 0 }

// exceeds reports n > m: then m - n borrows. It has no branch that a processor could guess wrong.
func (n *natural) exceeds(m *natural) bool {
	_, borrow := bits.Sub64(m[0], n[0], 0)
	_, borrow = bits.Sub64(m[1], n[1], borrow)
	_, borrow = bits.Sub64(m[2], n[2], borrow)
	_, borrow = bits.Sub64(m[3], n[3], borrow)
	return borrow != 0
}

// multiplyAdd sets n to n*by + plus and returns what does not fit into its 256 bits: 0 where the result does.
func (n *natural) multiplyAdd(by, plus uint64) (beyond uint64) {
	for i := range n {
		hi, lo := bits.Mul64(n[i], by)
		var carry uint64
		n[i], carry = bits.Add64(lo, plus, 0)
		plus = hi + carry
	}
	return plus
}

// scale multiplies n by 10^places and returns 0 where the result fits into 256 bits.
func (n *natural) scale(places int) (beyond uint64) {
	if places == decimals && n[1]|n[2]|n[3] == 0 { // a whole number, as most are: the same in fewer steps
		hi, lo := bits.Mul64(n[0], powersOfTen[19])
		mid, low := bits.Mul64(lo, powersOfTen[decimals-19])
		high, middle := bits.Mul64(hi, powersOfTen[decimals-19])
		middle, carry := bits.Add64(middle, mid, 0)
		*n = natural{low, middle, high + carry}
		return 0
	}
	for ; places > 0; places -= 19 {
		beyond |= n.multiplyAdd(powersOfTen[min(places, 19)], 0)
	}
	return beyond
}

// multiply192 is the product of two integers below 2^192.
func multiply192(a, b *natural) (product [6]uint64) {
	for i := range 3 {
		if a[i] == 0 {
			continue
		}
		var above uint64
		for j := range 3 {
			hi, lo := bits.Mul64(a[i], b[j])
			var carry uint64
			lo, carry = bits.Add64(lo, above, 0)
			hi += carry
			product[i+j], carry = bits.Add64(product[i+j], lo, 0)
			above = hi + carry
		}
		product[i+3] = above
	}
	return product
}

// divide sets n to the quotient of n and a nonzero number, and returns the remainder.
func (n *natural) divide(by uint64) (remainder uint64) { return divideWords(n[:], by) }

// divideWords divides an integer, lowest word first, by a nonzero number, and returns the remainder.
func divideWords(words []uint64, by uint64) (remainder uint64) {
	for i := len(words) - 1; i >= 0; i-- {
		switch {
		case remainder != 0:
			words[i], remainder = bits.Div64(remainder, words[i], by)
		case words[i] != 0:
			words[i], remainder = words[i]/by, words[i]%by
		}
	}
	return remainder
}

// divideExactly divides n by 10^places when there is no remainder, and reports whether it did. Otherwise it leaves n
// unchanged.
func (n *natural) divideExactly(places int) bool {
	if n[0]<<(64-places) != 0 {
		return false // 10^places is a multiple of 2^places, n is not
	}
	quotient := *n
	if quotient.divide(powersOfTen[places]) != 0 {
		return false
	}
	*n = quotient
	return true
}

// stripZeros divides n by the highest power of ten, up to 10^27, that leaves no remainder. It returns the exponent: 27
// for 0.
func (n *natural) stripZeros() (exponent int) {
	steps := [...]int{16, 8, 4, 2, 1} // up to 17, where 10^18 leaves a remainder
	from := 0
	if n.divideExactly(18) {
		if n.divideExactly(decimals - 18) {
			return decimals
		}
		exponent, from = 18, 1 // up to 8 more
	}
	for _, places := range steps[from:] {
		if n.divideExactly(places) {
			exponent += places
		}
	}
	return exponent
}

// maxDigits is the number of decimal digits of 2^256-1.
const maxDigits = 78

// appendDigits appends n in decimal without leading zeros; nothing for 0.
func (n natural) appendDigits(dst []byte) []byte {
	start := len(dst)
	for !n.isZero() {
		group := n.divide(1e19) // the lowest 19 digits
		for i := 0; i < 19 && (group != 0 || !n.isZero()); i++ {
			dst = append(dst, '0'+byte(group%10))
			group /= 10
		}
	}
	slices.Reverse(dst[start:])
	return dst
}

// appendPlain appends the number digits * 10^-places as the shortest JSON number in plain notation. digits has no
// leading zeros; places may be negative.
func appendPlain(dst []byte, negative bool, digits []byte, places int) []byte {
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		places--
	}
	if len(digits) == 0 {
		return append(dst, '0')
	}
	if negative {
		dst = append(dst, '-')
	}
	switch point := len(digits) - places; {
	case places <= 0:
		return appendZeros(append(dst, digits...), -places)
	case point > 0:
		dst = append(append(dst, digits[:point]...), '.')
		return append(dst, digits[point:]...)
	default:
		dst = appendZeros(append(dst, "0."...), -point)
		return append(dst, digits...)
	}
}

func appendZeros(dst []byte, count int) []byte {
	for range count {
		dst = append(dst, '0')
	}
	return dst
}
