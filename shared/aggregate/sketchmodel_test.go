package aggregate_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// sketchNames are the functions whose states hold more than a few numbers.
var sketchNames = []string{"distinct", "first", "last", "quantiles", "top"}

// isAnswer compares an answer with that of the model. The model's answer for quantiles is the true number.
func isAnswer(f aggregate.Function, got, want string) bool {
	if f.Name() != "quantiles" || want == "null" {
		return got == want
	}
	return isWithin(got, want, big.NewRat(1, 100))
}

// isWithin reports that two decimal texts differ by no more than this share of the second. Numbers below 10^-9 count
// as 0.
func isWithin(got, want string, share *big.Rat) bool {
	g, gotOK := new(big.Rat).SetString(got)
	w, wantOK := new(big.Rat).SetString(want)
	if !gotOK || !wantOK {
		return false
	}
	bound := new(big.Rat).Abs(w)
	if bound.Cmp(big.NewRat(1, 1_000_000_000)) < 0 {
		return got == "0"
	}
	difference := new(big.Rat).Sub(g, w)
	return difference.Abs(difference).Cmp(bound.Mul(bound, share)) <= 0
}

func textOf(r row) string { return plain(new(big.Rat).SetFrac(r, unit)) }

// presentedSketch is the answer for rows as rowsOf makes them.
func (m model) presentedSketch(function string) string {
	if function == "distinct" {
		return fmt.Sprint(len(m.different()))
	}
	if function == "top" {
		return m.presentedTop(100)
	}
	if m.count == 0 {
		return "null"
	}
	byMoment := slices.SortedFunc(slices.Values(m.numbers), func(a, b row) int {
		x, y := sumOf(a), sumOf(b)
		return cmp.Or(cmp.Compare(x%3, y%3), cmp.Compare(x, y))
	})
	switch function {
	case "first":
		return textOf(byMoment[0])
	case "last":
		return textOf(byMoment[len(byMoment)-1])
	}
	return textOf(m.sorted()[0]) // quantiles: the reading without a name is p0
}

func sumOf(r row) uint64 {
	sum := aggregate.HashOf(aggregate.Number, []byte(textOf(r)))
	return sum
}

func (m model) sorted() []row {
	return slices.SortedFunc(slices.Values(m.numbers), func(a, b row) int { return a.Cmp(b) })
}

func (m model) different() []row {
	return slices.CompactFunc(m.sorted(), func(a, b row) bool { return a.Cmp(b) == 0 })
}

// presentedTop is the answer of top(x, n, x).
func (m model) presentedTop(n int) string {
	type sum struct {
		value  string
		weight *big.Int
	}
	sums := map[string]*sum{}
	for _, r := range m.numbers {
		if r.Sign() <= 0 {
			continue
		}
		if sums[textOf(r)] == nil {
			sums[textOf(r)] = &sum{textOf(r), new(big.Int)}
		}
		sums[textOf(r)].weight.Add(sums[textOf(r)].weight, r)
	}
	var all []*sum
	for _, s := range sums {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *sum) int { return cmp.Or(b.weight.Cmp(a.weight), strings.Compare(a.value, b.value)) })
	var shown []string
	for _, s := range all[:min(n, len(all))] {
		shown = append(shown, fmt.Sprintf(`{"value":%s,"weight":%s}`, s.value, textOf(s.weight)))
	}
	return "[" + strings.Join(shown, ",") + "]"
}

// skippedBy is how many rows a function skips. count has no argument, and top skips rows with a weight below 0.
func (m model) skippedBy(function string) int64 {
	skipped := m.skipped
	if function == "count" {
		return 0
	}
	for _, r := range m.numbers {
		if function == "top" && r.Sign() < 0 {
			skipped++
		}
	}
	return skipped
}
