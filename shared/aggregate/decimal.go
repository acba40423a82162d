package aggregate

import "math/bits"

// Decimal is an exact signed number: an integer count of 10^-18 in 128-bit two's complement, of absolute value below
// 10^20.
//
// OK is false when there is no number: the argument was missing, had the wrong type, was 10^20 or more in absolute
// value, or had more than 18 decimals. The row is then skipped and counted. This package represents every such Decimal
// as Decimal{}, and every number in exactly one way, so == compares values. A Decimal that other code builds must keep
// to the range.
//
// Source: docs/design.md, section 4.
type Decimal struct {
	Hi int64
	Lo uint64
	OK bool
}

const (
	decimals = 18 // digits after the point that a Decimal holds

	// 10^38-1, the greatest size of a Decimal in units of 10^-18, in two halves.
	maxDecimalHi = 0x4b3b4ca85a86c47a
	maxDecimalLo = 0x098a223fffffffff
)

// powersOfTen holds 10^0 to 10^19, all powers that fit into 64 bits. Nothing writes to it.
var powersOfTen = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// decimalOf returns the Decimal with a sign and a size in units of 10^-18. It is not OK when the size is out of range.
func decimalOf(negative bool, hi, lo uint64) Decimal {
	if hi > maxDecimalHi || hi == maxDecimalHi && lo > maxDecimalLo {
		return Decimal{}
	}
	if negative {
		hi, lo = negate128(hi, lo)
	}
	return Decimal{Hi: int64(hi), Lo: lo, OK: true}
}

func negate128(hi, lo uint64) (uint64, uint64) {
	lo, borrow := bits.Sub64(0, lo, 0)
	hi, _ = bits.Sub64(0, hi, borrow)
	return hi, lo
}

// size splits d into its sign and its size in units of 10^-18.
func (d Decimal) size() (negative bool, hi, lo uint64) {
	hi, lo = uint64(d.Hi), d.Lo
	if d.Hi < 0 {
		hi, lo = negate128(hi, lo)
	}
	return d.Hi < 0, hi, lo
}

// Add returns d + e. The result is not OK when an operand is not OK, or when the absolute value of the sum is 10^20 or
// more.
func (d Decimal) Add(e Decimal) Decimal {
	if !d.OK || !e.OK {
		return Decimal{}
	}
	lo, carry := bits.Add64(d.Lo, e.Lo, 0)
	hi, _ := bits.Add64(uint64(d.Hi), uint64(e.Hi), carry)
	// The sum of two sizes below 10^38 may exceed 2^127, and the sign then comes out wrong. But the resulting size is
	// then above 2^128 - 2*10^38, which is more than 10^38. So decimalOf refuses it as out of range.
	return decimalOf(Decimal{Hi: int64(hi), Lo: lo}.size())
}

// Sub returns d - e. The result is not OK when an operand is not OK, or when the absolute value of the difference is
// 10^20 or more.
func (d Decimal) Sub(e Decimal) Decimal { return d.Add(e.Neg()) }

// Neg returns -d. The result is not OK when d is not OK.
func (d Decimal) Neg() Decimal {
	if !d.OK {
		return Decimal{}
	}
	negative, hi, lo := d.size()
	return decimalOf(!negative, hi, lo)
}

// Mul returns the exact product d * e. The result is not OK when an operand is not OK, or when the product is 10^20 or
// more in absolute value or has more than 18 decimals.
func (d Decimal) Mul(e Decimal) Decimal {
	if !d.OK || !e.OK {
		return Decimal{}
	}
	dNegative, dHi, dLo := d.size()
	eNegative, eHi, eLo := e.size()
	product := multiply128(dHi, dLo, eHi, eLo) // in units of 10^-36
	if product.divide(1e18) != 0 || product[2]|product[3] != 0 {
		return Decimal{}
	}
	return decimalOf(dNegative != eNegative, product[1], product[0])
}

// Compare returns -1, 0 or +1 when d is less than, equal to or greater than e. A Decimal that is not OK sorts before
// every number.
func (d Decimal) Compare(e Decimal) int {
	switch {
	case d.OK != e.OK:
		if e.OK {
			return -1
		}
		return 1
	case !d.OK:
		return 0
	case d.less(e):
		return -1
	case e.less(d):
		return 1
	}
	return 0
}

// less compares two numbers that are OK.
func (d Decimal) less(e Decimal) bool {
	return d.Hi < e.Hi || d.Hi == e.Hi && d.Lo < e.Lo
}

// AppendText appends d as the shortest JSON number in plain notation: no exponent, no trailing zeros, no "-0". A
// Decimal that is not OK is written as null.
func (d Decimal) AppendText(dst []byte) []byte {
	if !d.OK {
		return append(dst, "null"...)
	}
	negative, hi, lo := d.size()
	size := natural{lo, hi}
	var digits [maxDigits]byte
	return appendPlain(dst, negative, size.appendDigits(digits[:0]), decimals)
}
