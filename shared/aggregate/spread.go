package aggregate

import "math/big"

// spread is the state of variance and stddev: the exact sums of x and x*x.
type spread struct {
	total
	squares squares
}

// spreads is the shared part of variance and stddev. They differ only in the tag they write and the number they
// present.
type spreads struct {
	exactStates
	tag   tag
	cells []spread
}

// maxSpreadBytes is that of a total, an exponent and the greatest sum of squares.
const maxSpreadBytes = maxTotalBytes + 1 + maxSquaresBytes

func (s *spreads) Len() int               { return len(s.cells) }
func (s *spreads) Grow(n int)             { s.cells = grow(s.cells, n) }
func (s *spreads) Reset()                 { s.cells = s.cells[:0] }
func (s *spreads) Skipped(cell int) int64 { return s.cells[cell].skipped }

func (s *spreads) Skip(cells []int32) {
	for _, cell := range cells {
		s.cells[cell].skipped = addCounts(s.cells[cell].skipped, 1)
	}
}

func (s *spreads) Add(rows Rows) {
	args := rows.Columns[0].Numbers[:len(rows.Cells)]
	for i, cell := range rows.Cells {
		t := &s.cells[cell]
		if !args[i].OK {
			t.skipped = addCounts(t.skipped, 1)
			continue
		}
		t.amount.addDecimal(&args[i])
		t.squares.addSquare(&args[i])
		t.count = addCounts(t.count, 1)
	}
}

func (s *spread) merge(from *spread) {
	s.total.merge(&from.total)
	s.squares.addWords(from.squares[:])
}

func (s *spreads) MergeEncoded(cell int, enc []byte) ([]byte, error) {
	var one spread
	rest, err := one.decode(s.tag, enc)
	if err != nil {
		return nil, err
	}
	s.cells[cell].merge(&one)
	return rest, nil
}

func (s *spread) decode(of tag, enc []byte) (rest []byte, err error) {
	if rest, err = s.total.decode(of, enc); err != nil || s.count == 0 {
		return rest, err
	}
	if s.squares, rest, err = readSquares(rest, of); err != nil {
		return nil, err
	}
	limit := squareOf(&maxDecimal)
	limit.multiply(uint64(s.count))
	if s.squares.exceeds(&limit) {
		return nil, corrupt(of, "squares: larger than its number of rows allows")
	}
	// The variance is at least 0, whatever the rows are.
	_, size := s.amount.size()
	least, most := squareOf(&size), s.squares
	if most.multiply(uint64(s.count)); least.exceeds(&most) {
		return nil, corrupt(of, "squares: smaller than its amount allows")
	}
	return rest, nil
}

func (s *spreads) AppendEncoded(dst []byte, cell int) []byte {
	t := &s.cells[cell]
	dst = t.appendEncoded(dst, s.tag)
	if t.count == 0 {
		return dst
	}
	sum := t.squares
	return sum.appendVarint(append(dst, byte(sum.stripZeros())))
}

// deviation returns count^2 times the variance in units of 10^-54: count * (sum of x*x) - (sum of x)^2.
func (s *spread) deviation() *big.Int {
	_, size := s.amount.size()
	amount := bigInt(size[:])
	count := new(big.Int).SetInt64(s.count)
	return count.Sub(count.Mul(count, bigInt(s.squares[:])), amount.Mul(amount, amount))
}

// bigInt returns an integer of words, lowest first.
func bigInt(words []uint64) *big.Int {
	bytes := make([]byte, 8*len(words))
	for i, word := range words {
		for j := range 8 {
			bytes[len(bytes)-1-8*i-j] = byte(word >> (8 * j))
		}
	}
	return new(big.Int).SetBytes(bytes)
}

// appendRounded appends digits * 10^-places, with 16 significant digits, or with all before the point where there are
// more, rounded half to even. more says that the number continues after the last digit.
func appendRounded(dst []byte, number *big.Int, places int, more bool) []byte {
	if number.Sign() == 0 {
		return append(dst, '0')
	}
	digits := number.Append(make([]byte, 0, 160), 10)
	digits, dropped := roundHalfEven(digits, max(significantDigits, len(digits)-places), more)
	return appendPlain(dst, false, digits, places-dropped)
}

// scaled returns numerator * 10^places / denominator, with places so large that the quotient has more digits than are
// presented, and whether it was cut.
func scaled(numerator, denominator *big.Int, places int) (quotient *big.Int, cut bool) {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	quotient, rest := power.QuoRem(power.Mul(power, numerator), denominator, new(big.Int))
	return quotient, rest.Sign() != 0
}

// morePlaces returns how many decimals a quotient needs to have at least 18 digits.
func morePlaces(numerator, denominator *big.Int) int {
	const bitsOfDigit = 3 // at least so many bits has a digit
	return max(0, significantDigits+3-(numerator.BitLen()-denominator.BitLen())/(bitsOfDigit+1))
}
