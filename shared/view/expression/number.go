package expression

import (
	"cmp"
	"strconv"
)

// number is a JSON number as CEL reads it: an integer when its text is an integer that fits into 64 bits, otherwise a
// double.
type number struct {
	isInt bool
	i     int64
	f     float64
}

// parseNumber reads the text of a JSON number. A double out of range becomes an infinity, which compares as the number
// would.
func parseNumber(text []byte) number {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) > 18 {
		return parseLongNumber(text)
	}
	var n int64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return parseLongNumber(text)
		}
		n = n*10 + int64(c)
	}
	if len(digits) < len(text) {
		n = -n
	}
	return number{isInt: true, i: n}
}

func parseLongNumber(text []byte) number {
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return number{isInt: true, i: i}
	}
	// The text is a JSON number. So only its range can be wrong, and f is then infinite.
	f, _ := strconv.ParseFloat(string(text), 64)
	return number{f: f}
}

// value is the number as the CEL interpreter takes it.
func (n number) value() any {
	if n.isInt {
		return n.i
	}
	return n.f
}

// compareNumbers compares as CEL does: two integers exactly, other numbers as doubles. An integer beyond the range of
// doubles compares by that range.
//
// Source: cel-go, common/types/compare.go; CEL language definition, "Ordering of numeric values".
func compareNumbers(a, b number) int {
	switch {
	case a.isInt && b.isInt:
		return cmp.Compare(a.i, b.i)
	case a.isInt:
		return -compareDoubleInt(b.f, a.i)
	case b.isInt:
		return compareDoubleInt(a.f, b.i)
	}
	return cmp.Compare(a.f, b.f)
}

func compareDoubleInt(d float64, i int64) int {
	switch {
	case d < -1<<63:
		return -1
	case d > 1<<63:
		return 1
	}
	return cmp.Compare(d, float64(i))
}
