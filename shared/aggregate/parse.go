package aggregate

import "math/bits"

// ParseDecimal reads the text of a JSON number by its value, in any notation: 1e3, 1.50, -0 and 1.0000000000000000000
// are numbers. More than 27 decimals are rounded, half to even. The result is TooLarge when the rounded number is 10^30
// or more in absolute value, and NotNumber for any other text (other JSON, spaces, signs or leading zeros that JSON
// forbids).
//
// Its time is proportional to the length of the text, whatever the exponent. It never uses a float.
//
// Source: RFC 8259, section 6.
func ParseDecimal(text []byte) Decimal {
	number := text
	if len(number) > 0 && number[0] == '-' {
		number = number[1:]
	}
	// At most 19 digits fit into 64 bits, and at most 17 of them are decimals if there is a point among them.
	if len(number) == 0 || len(number) > 19 {
		return parseLong(text)
	}
	var digits uint64
	point := len(number)
	for i, c := range number {
		if digit := c - '0'; digit <= 9 {
			digits = digits*10 + uint64(digit)
		} else if c == '.' && point == len(number) {
			point = i
		} else {
			return parseLong(text)
		}
	}
	if point == 0 || point == len(number)-1 || number[0] == '0' && point > 1 {
		return Without(NotNumber) // .5, 5., 05
	}
	places := max(len(number)-1-point, 0)
	// In two steps, since 10^27 has more than 64 bits: the result is below 10^46.
	middle, low := bits.Mul64(digits, powersOfTen[decimals-17-places/2])
	factor := powersOfTen[17-places+places/2]
	carry, lo := bits.Mul64(low, factor)
	hi, mid := bits.Mul64(middle, factor)
	mid, over := bits.Add64(mid, carry, 0)
	d := Decimal{Hi: int64(hi + over), Mid: mid, Lo: lo, OK: true}
	if len(number) < len(text) {
		return d.negated()
	}
	return d
}

// ParseExactly is ParseDecimal for a number that somebody wrote as a constant: exact reports whether the Decimal is the
// number of the text, not rounded.
func ParseExactly(text []byte) (d Decimal, exact bool) {
	n, ok := scanNumeral(text)
	if !ok {
		return Without(NotNumber), false
	}
	d = n.decimal()
	first, end := n.significant()
	return d, d.OK && (first == end || int64(len(n.whole)-end)+n.exponent >= -decimals)
}

// parseLong is ParseDecimal without its shortcut: any length, any exponent.
func parseLong(text []byte) Decimal {
	n, ok := scanNumeral(text)
	if !ok {
		return Without(NotNumber)
	}
	return n.decimal()
}

// numeral is the text of a JSON number in its parts.
type numeral struct {
	negative bool
	whole    []byte // digits before the point, at least one
	fraction []byte // digits after it, if any
	exponent int64
}

// exponentBound is where an exponent stops growing. It is far above the length of any text, so no number of digits can
// bring the value back into range.
const exponentBound = 1 << 50

func scanNumeral(text []byte) (n numeral, ok bool) {
	if len(text) > 0 && text[0] == '-' {
		n.negative = true
		text = text[1:]
	}
	n.whole, text = scanDigits(text)
	if len(n.whole) == 0 || n.whole[0] == '0' && len(n.whole) > 1 {
		return n, false
	}
	if len(text) > 0 && text[0] == '.' {
		n.fraction, text = scanDigits(text[1:])
		if len(n.fraction) == 0 {
			return n, false
		}
	}
	if len(text) > 0 && text[0]|0x20 == 'e' {
		n.exponent, text, ok = scanExponent(text[1:])
		if !ok {
			return n, false
		}
	}
	return n, len(text) == 0
}

func scanDigits(text []byte) (digits, rest []byte) {
	n := 0
	for n < len(text) && text[n]-'0' <= 9 {
		n++
	}
	return text[:n], text[n:]
}

func scanExponent(text []byte) (exponent int64, rest []byte, ok bool) {
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	digits, rest := scanDigits(text)
	for _, digit := range digits {
		if exponent < exponentBound {
			exponent = exponent*10 + int64(digit-'0')
		}
	}
	if negative {
		exponent = -exponent
	}
	return exponent, rest, len(digits) > 0
}

// digit returns the digit at a place, counted from the first digit of whole to the last digit of fraction.
func (n *numeral) digit(place int) uint64 {
	if place < len(n.whole) {
		return uint64(n.whole[place] - '0')
	}
	return uint64(n.fraction[place-len(n.whole)] - '0')
}

// significant returns the places of the first digit that is not zero and after the last one; both are the same for 0.
func (n *numeral) significant() (first, end int) {
	end = len(n.whole) + len(n.fraction)
	for first < end && n.digit(first) == 0 {
		first++
	}
	for end > first && n.digit(end-1) == 0 {
		end--
	}
	return first, end
}

// decimal returns the value. Only the digits from the first to the last nonzero one matter: their powers of ten decide
// whether the value fits, and a value that fits has at most 57 of them that are not rounded away.
func (n *numeral) decimal() Decimal {
	first, end := n.significant()
	if first == end {
		return Decimal{OK: true}
	}
	highest := int64(len(n.whole)-1-first) + n.exponent
	if highest > maxPower {
		return Without(TooLarge)
	}
	lowest := int64(len(n.whole)-end) + n.exponent
	cut := max(0, -decimals-lowest) // the number of digits below the last decimal
	if cut > int64(end-first) {
		return Decimal{OK: true} // below a tenth of a unit
	}
	kept := end - int(cut)
	size := n.natural(first, kept)
	if cut == 0 {
		size.scale(int(lowest + decimals))
	} else {
		size.round(cmpHalf(n.digit(kept), 5, cut > 1)) // the last digit is not zero
	}
	return decimalOf(n.negative, &size)
}

// maxPower is the power of ten of the highest digit that a Decimal has.
const maxPower = 29

// natural returns the number that the digits from one place to another write. There are at most 57.
func (n *numeral) natural(from, to int) (size natural) {
	for from < to {
		group, digits := uint64(0), min(to-from, 19) // as many as fit into 64 bits
		for place := from; place < from+digits; place++ {
			group = group*10 + n.digit(place)
		}
		size.multiplyAdd(powersOfTen[digits], group)
		from += digits
	}
	return size
}
