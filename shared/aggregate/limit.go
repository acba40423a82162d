package aggregate

// Limit narrows the numbers that count to those with at most so many digits before the point and after it. A number
// that would have to be rounded is then none: the row is skipped, as TooLarge. The zero Limit narrows nothing.
//
// It is how an older version of the engine reads numbers. Whole is from 1 to 29, and Decimals from 8 to 26.
type Limit struct{ Whole, Decimals int }

// Parse is ParseDecimal within the limit.
func (l Limit) Parse(text []byte) Decimal {
	if l == (Limit{}) {
		return ParseDecimal(text)
	}
	d, exact := ParseExactly(text)
	return l.keep(d, exact)
}

// Add is Decimal.Add within the limit.
func (l Limit) Add(d, e Decimal) Decimal { return l.keep(d.Add(e), true) }

// Sub is Decimal.Sub within the limit.
func (l Limit) Sub(d, e Decimal) Decimal { return l.keep(d.Sub(e), true) }

// Mul is Decimal.Mul within the limit.
func (l Limit) Mul(d, e Decimal) Decimal { return l.keep(d.multiply(e)) }

// keep returns d if it is within the limit. exact reports that d was not rounded.
func (l Limit) keep(d Decimal, exact bool) Decimal {
	if !d.OK || l == (Limit{}) {
		return d
	}
	_, size := d.size()
	bound := natural{1}
	bound.scale(decimals + l.Whole)
	if whole := size; !exact || !bound.exceeds(&size) || !whole.divideExactly(decimals-l.Decimals) {
		return Without(TooLarge)
	}
	return d
}
