package aggregate_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"pgregory.net/rapid"
)

// The reference: every function once more over plain lists of rows, slowly, in math/big. It shares no code with the
// package.

// row is one row: a number in units of 10^-27, or nil for an argument that is none.
type row = *big.Int

var (
	unit       = pow10(27)                              // 1 in units of 10^-27
	bound      = pow10(57)                              // 10^30, the first size that is no Decimal
	maxDecimal = new(big.Int).Sub(bound, big.NewInt(1)) // the greatest Decimal
	wordBase   = new(big.Int).Lsh(big.NewInt(1), 64)    // 2^64
)

func pow10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// decimalOf is the Decimal of a row, put together from its definition as 192-bit two's complement. A row that is nil is
// not a number, one past the bound is too large.
func decimalOf(r row) aggregate.Decimal {
	if r == nil {
		return aggregate.Without(aggregate.NotNumber)
	}
	if r.CmpAbs(bound) >= 0 {
		return aggregate.Without(aggregate.TooLarge)
	}
	above, lo := new(big.Int).DivMod(r, wordBase, new(big.Int)) // Euclidean: the remainder is never negative
	hi, mid := new(big.Int).DivMod(above, wordBase, new(big.Int))
	return aggregate.Decimal{Hi: hi.Int64(), Mid: mid.Uint64(), Lo: lo.Uint64(), OK: true}
}

// rounded is a number as a row: to whole units, half to even.
func rounded(r *big.Rat) row {
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(unit))
	return halfToEven(scaled.Num(), scaled.Denom())
}

// halfToEven is n/d as a whole number.
func halfToEven(n, d *big.Int) *big.Int {
	whole, rest := new(big.Int).QuoRem(new(big.Int).Abs(n), d, new(big.Int))
	switch rest.Lsh(rest, 1).Cmp(d) {
	case 1:
		whole.Add(whole, big.NewInt(1))
	case 0:
		whole.Add(whole, big.NewInt(int64(whole.Bit(0))))
	}
	if n.Sign() < 0 {
		whole.Neg(whole)
	}
	return whole
}

// model is the state of one cell as the design's table has it.
type model struct {
	count, skipped int64
	sum, min, max  *big.Int
	numbers        []row
	squares        *big.Int // in units of 10^-54
}

func modelOf(rows []row) model {
	m := model{sum: new(big.Int), squares: new(big.Int)}
	for _, r := range rows {
		if r == nil {
			m.skipped++
			continue
		}
		m.count++
		m.sum.Add(m.sum, r)
		m.numbers = append(m.numbers, r)
		m.squares.Add(m.squares, new(big.Int).Mul(r, r))
		if m.min == nil || r.Cmp(m.min) < 0 {
			m.min = r
		}
		if m.max == nil || r.Cmp(m.max) > 0 {
			m.max = r
		}
	}
	return m
}

// presented is the answer of a function.
func (m model) presented(function string) string {
	switch {
	case function == "count":
		return fmt.Sprint(m.count + m.skipped)
	case slices.Contains(sketchNames, function):
		return m.presentedSketch(function)
	case m.count == 0:
		return "null"
	case function == "sum":
		return plain(new(big.Rat).SetFrac(m.sum, unit))
	case function == "mean":
		count := new(big.Int).Mul(big.NewInt(m.count), unit)
		return plain(significant(new(big.Rat).SetFrac(m.sum, count)))
	case function == "rate":
		perHour := new(big.Int).Mul(big.NewInt(hour.Seconds), unit)
		return plain(significant(new(big.Rat).SetFrac(m.sum, perHour)))
	case function == "variance":
		return plain(significant(m.variance()))
	case function == "stddev":
		return plain(significant(root(m.variance())))
	case function == "min":
		return plain(new(big.Rat).SetFrac(m.min, unit))
	case function == "max":
		return plain(new(big.Rat).SetFrac(m.max, unit))
	}
	return "the model does not know " + function
}

// variance is the mean of the squares less the square of the mean.
func (m model) variance() *big.Rat {
	count := new(big.Int).Mul(big.NewInt(m.count), unit)
	mean := new(big.Rat).SetFrac(m.sum, count)
	ofSquares := new(big.Rat).SetFrac(m.squares, new(big.Int).Mul(count, unit))
	return ofSquares.Sub(ofSquares, mean.Mul(mean, mean))
}

// root is the square root: exact where it has no more than finitely many digits, or else with 300 of them.
func root(r *big.Rat) *big.Rat {
	n, d := new(big.Int).Sqrt(r.Num()), new(big.Int).Sqrt(r.Denom())
	exact := new(big.Rat).SetFrac(n, d)
	if new(big.Rat).Mul(exact, exact).Cmp(r) == 0 {
		return exact
	}
	approximate, _ := new(big.Float).Sqrt(new(big.Float).SetPrec(1000).SetRat(r)).Rat(nil)
	return approximate
}

// identity is a text that differs where two states of a function differ.
func (m model) identity(function string) string {
	switch function {
	case "count":
		return m.presented("count")
	case "sum", "mean", "rate":
		return fmt.Sprint(m.sum, m.count, m.skipped)
	case "quantiles":
		return fmt.Sprint(m.sorted(), m.skipped)
	case "distinct":
		return fmt.Sprint(m.different(), m.skipped)
	case "variance", "stddev":
		return fmt.Sprint(m.sum, m.squares, m.count, m.skipped)
	}
	return fmt.Sprint(m.presented(function), m.skippedBy(function))
}

// plain is an exact decimal text of a number that has one of at most 80 places.
func plain(r *big.Rat) string {
	text := strings.TrimRight(strings.TrimRight(r.FloatString(80), "0"), ".")
	if text == "" || text == "-0" {
		return "0"
	}
	if !strings.Contains(r.FloatString(80), ".") || strings.Contains(text, ".") {
		return text
	}
	return r.FloatString(0) // whole numbers: the zeros before the point stay
}

// significant rounds to 16 significant digits, or to all before the point where there are more, half to even.
func significant(r *big.Rat) *big.Rat {
	if r.Sign() == 0 {
		return r
	}
	ten, scale := big.NewRat(10, 1), big.NewRat(1, 1)
	least := new(big.Rat).SetInt(pow10(15))
	scaled := new(big.Rat).Abs(r)
	for scaled.Cmp(least) < 0 {
		scaled.Mul(scaled, ten)
		scale.Quo(scale, ten)
	}
	whole := halfToEven(scaled.Num(), scaled.Denom())
	rounded := new(big.Rat).Mul(new(big.Rat).SetInt(whole), scale)
	if r.Sign() < 0 {
		rounded.Neg(rounded)
	}
	return rounded
}

// numbers draws rows with a number: small ones, prices, any of 192 bits, whole powers of ten, and the ends of the
// range.
func numbers() *rapid.Generator[row] {
	return rapid.Custom(func(t *rapid.T) row {
		digits := rapid.OneOf(
			rapid.Int64Range(-5, 5),
			rapid.Int64Range(-1_000_000, 1_000_000),
			rapid.Int64(),
		).Draw(t, "digits")
		n := new(big.Int).Mul(big.NewInt(digits), pow10(rapid.Int64Range(0, 27).Draw(t, "zeros")))
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0: // whole
			n.Mul(big.NewInt(digits), unit)
		case 1: // cents
			n.Mul(big.NewInt(digits), pow10(25))
		case 2: // many digits
			n.Mul(n, big.NewInt(rapid.Int64().Draw(t, "more")))
		case 4: // as many as there may be
			n.Mul(n, big.NewInt(rapid.Int64().Draw(t, "more")))
			n.Mul(n, big.NewInt(rapid.Int64().Draw(t, "most")))
		case 3: // the ends
			n.Mod(n, big.NewInt(3))
			n.Sub(maxDecimal, n)
			if digits < 0 {
				n.Neg(n)
			}
		}
		return n.Rem(n, bound)
	})
}

// rows draws rows, about one in six without a number.
func rows() *rapid.Generator[[]row] {
	one := rapid.Custom(func(t *rapid.T) row {
		if rapid.IntRange(0, 5).Draw(t, "kind") == 0 {
			return nil
		}
		return numbers().Draw(t, "number")
	})
	return rapid.SliceOfN(one, 0, 40)
}

// fold adds rows to the one cell of new states.
func fold(f aggregate.Function, rows []row) aggregate.States {
	s := f.New()
	s.Grow(1)
	add(f, s, 0, rows)
	return s
}

// add adds rows to a cell in one call.
func add(f aggregate.Function, s aggregate.States, cell int32, rows []row) {
	cells := make([]int32, len(rows))
	for i := range cells {
		cells[i] = cell
	}
	s.Add(rowsOf(f, cells, rows))
}

// rowsOf are the rows as a fold hands them to a function: the same number in each column, in the column's kind. A row's
// time and identity follow from its number, so equal rows are copies of one event.
func rowsOf(f aggregate.Function, cells []int32, rows []row) aggregate.Rows {
	all := aggregate.Rows{Cells: cells}
	for _, kind := range f.Arguments() {
		all.Columns = append(all.Columns, columnOf(kind, rows))
	}
	if !f.Ordered() {
		return all
	}
	for _, r := range rows {
		sum := aggregate.HashOf(aggregate.Number, decimalOf(r).AppendText(nil))
		all.Times = append(all.Times, int64(sum%3))
		all.Identities = append(all.Identities, [2]uint64{sum, 1})
	}
	return all
}

func columnOf(kind aggregate.Kind, rows []row) (c aggregate.Column) {
	for _, r := range rows {
		d := decimalOf(r)
		text := d.AppendText(nil)
		switch kind {
		case aggregate.Numbers, aggregate.Weights:
			c.Numbers = append(c.Numbers, d)
		case aggregate.Scalars:
			c.Scalars = append(c.Scalars, aggregate.Scalar{Kind: aggregate.Number, Text: text, OK: d.OK, Why: d.Why})
		case aggregate.Hashes:
			hash := aggregate.Hash{Sum: aggregate.HashOf(aggregate.Number, text), OK: d.OK, Why: d.Why}
			c.Hashes = append(c.Hashes, hash)
		}
	}
	return c
}

// hour is how the tests present a cell: as one of a window of an hour.
var hour = aggregate.Present{Seconds: 3600}

// encoded is the encoding of the only cell.
func encoded(s aggregate.States) string { return string(s.AppendEncoded(nil, 0)) }

// eachFunction runs a test for every function of the engine.
func eachFunction(t *testing.T, test func(t *testing.T, f aggregate.Function)) {
	for _, name := range aggregate.Names() {
		f, ok := aggregate.Lookup(name)
		if !ok {
			t.Fatalf("Lookup(%q) does not find a function that Names lists", name)
		}
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
}

// eachFunctionChecks is eachFunction for a property.
func eachFunctionChecks(t *testing.T, property func(t *rapid.T, f aggregate.Function)) {
	eachFunction(t, func(t *testing.T, f aggregate.Function) {
		rapid.Check(t, func(t *rapid.T) { property(t, f) })
	})
}
