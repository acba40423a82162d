package aggregate

import "math/bits"

const significantDigits = 16 // of what is divided, unless there are more before the point

// appendQuotient appends size * 10^-places / by, with 16 significant digits, or with all digits before the point where
// there are more, rounded half to even. by is not 0.
func appendQuotient(dst []byte, negative bool, size natural, places int, by uint64) []byte {
	remainder := size.divide(by)
	var buffer [maxDigits]byte
	digits := size.appendDigits(buffer[:0])
	keep := max(significantDigits, len(digits)-places)
	// Long division continues until there is one digit more than requested.
	for len(digits) <= keep && remainder != 0 {
		hi, lo := bits.Mul64(remainder, 10)
		var next uint64
		next, remainder = bits.Div64(hi, lo, by)
		places++
		if len(digits) > 0 || next > 0 {
			digits = append(digits, '0'+byte(next))
		}
	}
	digits, dropped := roundHalfEven(digits, keep, remainder != 0)
	return appendPlain(dst, negative, digits, places-dropped)
}

// roundHalfEven cuts digits, in place, to the first keep and returns how many digits it dropped. more says that the
// number continues after the last digit.
func roundHalfEven(digits []byte, keep int, more bool) (rounded []byte, dropped int) {
	if len(digits) <= keep {
		return digits, 0
	}
	rounded, rest := digits[:keep], digits[keep:]
	dropped = len(rest)
	for _, digit := range rest[1:] {
		more = more || digit != '0'
	}
	odd := rounded[keep-1]%2 == 1 // '0' is even
	if rest[0] < '5' || rest[0] == '5' && !more && !odd {
		return rounded, dropped
	}
	for i := keep - 1; i >= 0; i-- {
		if rounded[i] < '9' {
			rounded[i]++
			return rounded, dropped
		}
		rounded[i] = '0'
	}
	rounded[0] = '1' // 99...9 became 00...0: the number is the next power of ten
	return rounded, dropped + 1
}
