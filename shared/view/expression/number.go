package expression

import (
	"bytes"
	"cmp"
	"math"
	"strconv"
)

// number is a JSON number as CEL has it: an int, a uint or a double. Only one of i, u and f is meant.
type number struct {
	kind numberKind
	i    int64
	u    uint64
	f    float64
}

type numberKind uint8

const (
	doubleNumber numberKind = iota
	intNumber
	uintNumber
)

// maxDoubleInt is the integer below which every integer is a double of its own, which no other integer is equal to.
const maxDoubleInt = 1 << 53

// parseNumber reads the text of a JSON number. It is the only reading of a number in filters and keys:
//
//   - An integer of 64 bits is exact, in any notation: an int, or a uint where it is too large for one. Below 2^53 it
//     is a double when it is written with a point or an exponent, as in 404.0. It is exact in either form.
//   - Every other number is the double next to it. A double out of range becomes an infinity, which compares as the
//     number would.
func parseNumber(text []byte) number {
	if i, ok := smallInt(text); ok {
		return number{kind: intNumber, i: i}
	}
	if digits, ok := wholeDigits(text); ok {
		plain := !bytes.ContainsAny(text, ".eE")
		if i, err := strconv.ParseInt(digits, 10, 64); err == nil && (plain || i >= maxDoubleInt || i <= -maxDoubleInt) {
			return number{kind: intNumber, i: i}
		}
		if u, err := strconv.ParseUint(digits, 10, 64); err == nil && u > math.MaxInt64 {
			return number{kind: uintNumber, u: u}
		}
	}
	// The text is a JSON number. So only its range can be wrong, and f is then infinite.
	f, _ := strconv.ParseFloat(string(text), 64)
	return number{f: f}
}

// smallInt reads an integer of up to 18 digits and nothing else.
func smallInt(text []byte) (n int64, ok bool) {
	digits := bytes.TrimPrefix(text, []byte{'-'})
	if len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, true
}

// maxWholeDigits limits the digits of an integer. It is above what an event may have: 40 characters with an exponent up
// to 308.
const maxWholeDigits = 400

// wholeDigits returns the digits of a JSON number that is an integer, whatever its notation: "-120" for -1.2e2, "0" for
// -0.0.
func wholeDigits(text []byte) (digits string, ok bool) {
	size := bytes.TrimPrefix(text, []byte{'-'})
	sign, exponent := text[:len(text)-len(size)], 0
	if at := bytes.IndexAny(size, "eE"); at >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(size[at+1:])); err != nil {
			return "", false
		}
		size = size[:at]
	}
	whole, fraction, _ := bytes.Cut(size, []byte{'.'})
	exponent -= len(fraction)
	var buffer [64]byte
	all := bytes.TrimLeft(append(append(buffer[:0], whole...), fraction...), "0")
	significant := bytes.TrimRight(all, "0")
	exponent += len(all) - len(significant)
	switch {
	case len(significant) == 0:
		return "0", true
	case exponent < 0 || exponent > maxWholeDigits:
		return "", false
	}
	return string(sign) + string(significant) + string(bytes.Repeat([]byte{'0'}, exponent)), true
}

// value is the number as the CEL interpreter takes it.
func (n number) value() any {
	switch n.kind {
	case intNumber:
		return n.i
	case uintNumber:
		return n.u
	}
	return n.f
}

// appendNumberKey appends a JSON number as the value of a key: equal numbers, by ==, have one text. That is the digits
// of an integer, and else the shortest text of the double. Integers beyond 64 bits, which == compares as doubles, keep
// all their digits, so that different ones do not share a row.
func appendNumberKey(dst, text []byte) ([]byte, Truth) {
	if n := parseNumber(text); n.kind == intNumber {
		return strconv.AppendInt(dst, n.i, 10), IsTrue
	} else if digits, ok := wholeDigits(text); ok {
		return append(dst, digits...), IsTrue
	} else {
		return appendDoubleKey(dst, n.f)
	}
}

// appendDoubleKey appends a double as the value of a key. It returns Failed when it is infinite or not a number.
func appendDoubleKey(dst []byte, f float64) ([]byte, Truth) {
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return dst, Failed
	case f == 0:
		return append(dst, '0'), IsTrue // also -0
	case math.Abs(f) < 1e-6:
		return strconv.AppendFloat(dst, f, 'e', -1, 64), IsTrue
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64), IsTrue
}

// compareNumbers compares as CEL does: integers exactly, and with a double as doubles. An integer beyond the range of
// doubles compares by that range.
//
// Source: cel-go, common/types/compare.go; CEL language definition, "Ordering of numeric values".
func compareNumbers(a, b number) int {
	switch {
	case a.kind == doubleNumber && b.kind == doubleNumber:
		return cmp.Compare(a.f, b.f)
	case a.kind == doubleNumber:
		return compareDouble(a.f, b)
	case b.kind == doubleNumber:
		return -compareDouble(b.f, a)
	case a.kind == b.kind:
		return cmp.Or(cmp.Compare(a.i, b.i), cmp.Compare(a.u, b.u)) // the other field is 0
	case a.kind == uintNumber:
		return -compareIntUint(b.i, a.u)
	}
	return compareIntUint(a.i, b.u)
}

func compareIntUint(i int64, u uint64) int {
	if i < 0 {
		return -1
	}
	return cmp.Compare(uint64(i), u)
}

// compareDouble compares a double with an integer.
func compareDouble(d float64, n number) int {
	low, high, as := float64(-1<<63), float64(1<<63), float64(n.i)
	if n.kind == uintNumber {
		low, high, as = 0, 1<<64, float64(n.u)
	}
	switch {
	case d < low:
		return -1
	case d > high:
		return 1
	}
	return cmp.Compare(d, as)
}
