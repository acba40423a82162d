package mutants

const (
	decimalFile = "shared/aggregate/decimal.go"
	sumFile     = "shared/aggregate/sum.go"
)

// ofNumbers returns mistakes in how numbers are read.
func ofNumbers() []Mutant {
	return []Mutant{
		{
			Name: "rounded-half-up", Design: "4",
			Mistake: "half of the last decimal is rounded away from zero, not to even",
			Edits:   []Edit{{decimalFile, `	if rest > 0 || rest == 0 && n[0]%2 == 1 {`, `	if rest >= 0 {`}},
		},
		{
			Name: "not-rounded", Design: "4",
			Mistake: "decimals that are not kept are cut off",
			Edits:   []Edit{{decimalFile, `	if rest > 0 || rest == 0 && n[0]%2 == 1 {`, `	if rest > 1 {`}},
		},
		{
			Name: "rounded-after-the-sum", Design: "4",
			Mistake: "numbers are added with a decimal more than are kept, and the sum is rounded",
			Edits: []Edit{
				{decimalFile, `const decimals = 27`, `const decimals = 28`},
				{decimalFile, `	negative, size := d.size()
	var digits [maxDigits]byte
	return appendPlain(dst, negative, size.appendDigits(digits[:0]), decimals)`, `	negative, size := d.size()
	size.round(cmpHalf(size.divide(10), 5, false))
	var digits [maxDigits]byte
	return appendPlain(dst, negative, size.appendDigits(digits[:0]), decimals-1)`},
				{sumFile, `	var digits [maxDigits]byte
	return appendPlain(dst, negative, size.appendDigits(digits[:0]), decimals)`, `	size.round(cmpHalf(size.divide(10), 5, false))
	var digits [maxDigits]byte
	return appendPlain(dst, negative, size.appendDigits(digits[:0]), decimals-1)`},
			},
		},
	}
}
