package aggregate

import "math/bits"

// Decimal is a signed number: an integer count of 10^-27 in 192-bit two's complement, of absolute value below 10^30. So
// it has at most 30 digits before the point and 27 after it. A number with more decimals is rounded, half to even, when
// it is read or multiplied: before it is added to anything. Sums of Decimals are exact.
//
// OK is false when there is no number; Why then says why, and is its zero value otherwise. The row is skipped and
// counted. This package represents every number in exactly one way, so == compares values. A Decimal that other code
// builds must keep to the range.
//
// Source: docs/design.md, section 4; docs/adr/0007-decimals.md.
type Decimal struct {
	Hi      int64
	Mid, Lo uint64
	OK      bool
	Why     Reason
}

// Reason says why an argument gave no number, or why an event could not be used otherwise. Stores keep its number. So a
// number never gets another meaning without a new Version, and neither does the choice between two reasons.
type Reason uint8

// The reasons. Arithmetic on two values that are no numbers has the reason that comes first here. No
// Decimal has those from WrongType on but TooCostly, of a whole argument, and Negative, of a weight.
const (
	Missing    Reason = iota // the event does not have the field, or it is null
	NotNumber                // the field is a string, true or false, an object or an array
	TooLarge                 // the number, or one on the way to it, is 10^30 or more; or the key is too long
	WrongType                // a value has a type that the expression cannot take
	TooCostly                // the evaluation needs more steps than one event may take
	Failed                   // the evaluation failed for another reason
	OutOfRange               // a time is too early or too late
	TextOfJSON               // the field is missing, since data is a string with JSON in it

	Negative // the number is below 0, where it must not be

	Reasons = 9 // how many there are
)

// reasonsOfPlace bounds the reasons that one place can have: where has five at most, a key field six, and an aggregate,
// whose arguments and condition share a place, all but OutOfRange.
const reasonsOfPlace = 8

// String is the reason in words: "missing", "not a number", "too large".
func (r Reason) String() string {
	return [Reasons]string{
		"missing", "not a number", "too large", "wrong type", "too costly", "failed", "out of range", "JSON in a string",
		"negative",
	}[r]
}

// Without returns the Decimal of a row that has no number.
func Without(why Reason) Decimal { return Decimal{Why: why} }

// Weight returns d if it is not below 0. Otherwise the result is not OK: Negative.
func (d Decimal) Weight() Decimal {
	if d.OK && d.Hi < 0 {
		return Without(Negative)
	}
	return d
}

// decimals is the scale of every number: how many digits a Decimal has after its point. The numbers that programs print
// for amounts from 10^-11 on, which have up to 17 digits, keep all of them.
const decimals = 27

// maxDecimal is 10^57-1, the greatest size of a Decimal in units of 10^-27. Nothing writes to it.
var maxDecimal = natural{0x49ffffffffffffff, 0xebfdcb54864ada83, 0x28c87cb5c89a2571}

// powersOfTen holds 10^0 to 10^19, all powers that fit into 64 bits. Nothing writes to it.
var powersOfTen = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// decimalOf returns the Decimal with a sign and a size in units of 10^-27.
func decimalOf(negative bool, size *natural) Decimal {
	if size.exceeds(&maxDecimal) {
		return Without(TooLarge)
	}
	d := Decimal{Hi: int64(size[2]), Mid: size[1], Lo: size[0], OK: true}
	if negative {
		return d.negated()
	}
	return d
}

// negated returns -d of a number. It stays within the range, since the range is symmetric.
func (d Decimal) negated() Decimal {
	lo, borrow := bits.Sub64(0, d.Lo, 0)
	mid, borrow := bits.Sub64(0, d.Mid, borrow)
	hi, _ := bits.Sub64(0, uint64(d.Hi), borrow)
	return Decimal{Hi: int64(hi), Mid: mid, Lo: lo, OK: true}
}

// size splits d into its sign and its size in units of 10^-27.
func (d Decimal) size() (negative bool, size natural) {
	if negative = d.Hi < 0; negative {
		d = d.negated()
	}
	return negative, natural{d.Lo, d.Mid, uint64(d.Hi)}
}

// lack returns what stands for the result of arithmetic when an operand is no number.
func lack(d, e Decimal) Decimal {
	switch {
	case d.OK:
		return Without(e.Why)
	case e.OK:
		return Without(d.Why)
	}
	return Without(min(d.Why, e.Why))
}

// Add returns d + e. The result is not OK when an operand is not OK, or when the absolute value of the sum is 10^30 or
// more.
func (d Decimal) Add(e Decimal) Decimal {
	if !d.OK || !e.OK {
		return lack(d, e)
	}
	// Two sizes below 2^190 add up to less than 2^191, so the sign is right.
	sum := Decimal{}
	var carry uint64
	sum.Lo, carry = bits.Add64(d.Lo, e.Lo, 0)
	sum.Mid, carry = bits.Add64(d.Mid, e.Mid, carry)
	hi, _ := bits.Add64(uint64(d.Hi), uint64(e.Hi), carry)
	sum.Hi = int64(hi)
	negative, size := sum.size()
	return decimalOf(negative, &size)
}

// Sub returns d - e. The result is not OK when an operand is not OK, or when the absolute value of the difference is
// 10^30 or more.
func (d Decimal) Sub(e Decimal) Decimal { return d.Add(e.Neg()) }

// Neg returns -d. The result is not OK when d is not OK.
func (d Decimal) Neg() Decimal {
	if !d.OK {
		return d
	}
	return d.negated()
}

// Mul returns the product d * e, rounded half to even to 27 decimals. The result is not OK when an operand is not OK,
// or when the absolute value of the product is 10^30 or more.
func (d Decimal) Mul(e Decimal) Decimal {
	product, _ := d.multiply(e)
	return product
}

// multiply is Mul. exact reports that the product was not rounded.
func (d Decimal) multiply(e Decimal) (product Decimal, exact bool) {
	if !d.OK || !e.OK {
		return lack(d, e), false
	}
	dNegative, dSize := d.size()
	eNegative, eSize := e.size()
	size, exact, ok := productOf(&dSize, &eSize)
	if !ok {
		return Without(TooLarge), false
	}
	return decimalOf(dNegative != eNegative, &size), exact
}

// productOf multiplies two sizes of Decimals, rounded to a whole number of units; exact reports that nothing was
// rounded. ok is false when the product does not fit into a natural; it is then far beyond any Decimal.
func productOf(a, b *natural) (size natural, exact, ok bool) {
	product := multiply192(a, b) // in units of 10^-54
	// 10^27 is 10^18 * 10^9. What both divisions leave is high * 10^18 + low, and half a unit is 5 * 10^8 * 10^18.
	low := divideWords(product[:], 1e18)
	high := divideWords(product[:], 1e9)
	size = natural{product[0], product[1], product[2], product[3]}
	size.round(cmpHalf(high, 5e8, low != 0))
	return size, high|low == 0, product[4]|product[5] == 0
}

// cmpHalf compares what is cut off a number with half of its last unit. digit is the part of it that is compared with
// half, and more says that something follows.
func cmpHalf(digit, half uint64, more bool) int {
	switch {
	case digit > half || digit == half && more:
		return 1
	case digit == half:
		return 0
	}
	return -1
}

// round rounds half to even. rest is what was cut off, compared with half a unit. This is the only place that rounds a
// number of an event.
func (n *natural) round(rest int) {
	if rest > 0 || rest == 0 && n[0]%2 == 1 {
		n.multiplyAdd(1, 1)
	}
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
	if d.Hi != e.Hi {
		return d.Hi < e.Hi
	}
	return d.Mid < e.Mid || d.Mid == e.Mid && d.Lo < e.Lo
}

// AppendText appends d as the shortest JSON number in plain notation: no exponent, no trailing zeros, no "-0". A
// Decimal that is not OK is written as null.
func (d Decimal) AppendText(dst []byte) []byte {
	if !d.OK {
		return append(dst, "null"...)
	}
	negative, size := d.size()
	var digits [maxDigits]byte
	return appendPlain(dst, negative, size.appendDigits(digits[:0]), decimals)
}
