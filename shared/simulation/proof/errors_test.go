package proof_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// measured collects the errors of one estimate.
type measured struct {
	errors []float64 // each as a share of the true number
	beyond int       // how many are above the stated bound
}

func (m *measured) add(size float64, within bool) {
	m.errors = append(m.errors, size)
	if !within {
		m.beyond++
	}
}

// check reports more than tolerated estimates in a hundred beyond their bound, and fewer than least estimates: too few
// to say anything.
func (m *measured) check(t *testing.T, name string, tolerated, least int) {
	t.Helper()
	n := len(m.errors)
	if n < least {
		t.Errorf("%s: only %d estimates, want %d", name, n, least)
		return
	}
	slices.Sort(m.errors)
	sum := 0.0
	for _, e := range m.errors {
		sum += e
	}
	t.Logf("%s: %d estimates, %d beyond the bound; error mean %.5f, 99th percentile %.5f, greatest %.5f", name, n,
		m.beyond, sum/float64(n), m.errors[(n-1)*99/100], m.errors[n-1])
	if m.beyond*100 > tolerated*n {
		t.Errorf("%s: %d of %d estimates are beyond their bound", name, m.beyond, n)
	}
}

// estimated compares estimates with the truth.
type estimated struct{ distinct, quantiles, top measured }

const exactDistinct = 384

// check allows an estimate of distinct in a hundred beyond its bound, and none of the others.
func (e *estimated) check(t *testing.T, distinct, quantiles, top int) {
	t.Helper()
	e.distinct.check(t, "distinct", 1, distinct)
	e.quantiles.check(t, "quantiles", 0, quantiles)
	e.top.check(t, "top", 0, top)
}

func (e *estimated) checkDistinct(t *testing.T, where, value, bound string, truth int) {
	t.Helper()
	if truth <= exactDistinct {
		if value != fmt.Sprint(truth) || bound != "" {
			t.Errorf("%s: %s with error %q, want exactly %d", where, value, bound, truth)
		}
		return
	}
	if bound != `{"relative":0.042}` {
		t.Errorf("%s: %s of %d has error %q", where, value, truth, bound)
	}
	got, err := json.Number(value).Float64()
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	off := got/float64(truth) - 1
	off = max(off, -off)
	e.distinct.add(off, off <= 0.042)
}

// checkQuantiles compares the readings of quantiles with the true numbers: within 1 %, or 0 where the number is nearer
// to it than 10^-9. truth is empty for a row without numbers.
func (e *estimated) checkQuantiles(t *testing.T, where, value string, truth map[string]*big.Rat) {
	t.Helper()
	var readings map[string]*json.Number
	if err := json.Unmarshal([]byte(value), &readings); err != nil || len(readings) != 4 {
		t.Errorf("%s: %s, error %v", where, value, err)
		return
	}
	for name, number := range readings {
		want, ok := truth[name]
		if !ok || number == nil {
			if ok || number != nil {
				t.Errorf("%s: %s is %v, want %v", where, name, number, want)
			}
			continue
		}
		got, ok := new(big.Rat).SetString(number.String())
		if !ok {
			t.Errorf("%s: %s is %s", where, name, number)
			continue
		}
		if new(big.Rat).Abs(want).Cmp(big.NewRat(1, 1_000_000_000)) < 0 {
			e.quantiles.add(0, got.Sign() == 0)
			continue
		}
		off := new(big.Rat).Sub(got, want)
		off.Quo(off, want).Abs(off)
		size, _ := off.Float64()
		e.quantiles.add(size, off.Cmp(big.NewRat(1, 100)) <= 0)
	}
}

// sumOf is a value with its true sum. Its value is JSON.
type sumOf struct {
	value string
	sum   *big.Rat
}

// checkTop compares a top with all sums, or at least the first hundred, in order: the greatest first, then by value. An
// exact top is the first ten. Otherwise, each sum that it shows is the true one or less, by at most the bound, and no
// value that it leaves out has more than the least sum that it shows plus the bound.
func (e *estimated) checkTop(t *testing.T, where, value, bound string, truth []sumOf) {
	t.Helper()
	var got []struct {
		Value         json.RawMessage
		Count, Weight json.Number
	}
	if err := json.Unmarshal([]byte(value), &got); err != nil {
		t.Errorf("%s: %s: %v", where, value, err)
		return
	}
	var most struct{ Absolute json.Number }
	missed := new(big.Rat)
	if bound != "" {
		if err := json.Unmarshal([]byte(bound), &most); err != nil {
			t.Errorf("%s: error %q: %v", where, bound, err)
			return
		}
		missed.SetString(most.Absolute.String())
	}
	if bound == "" && len(got) != min(shown, len(truth)) {
		t.Errorf("%s: %d values, want %d", where, len(got), min(shown, len(truth)))
		return
	}
	trueSum, seen := map[string]*big.Rat{}, map[string]bool{}
	for _, s := range truth {
		trueSum[s.value] = s.sum
	}
	least := new(big.Rat)
	for i, g := range got {
		text := string(g.Value)
		sum, _ := new(big.Rat).SetString(string(g.Count + g.Weight))
		least, seen[text] = sum, true
		if bound == "" {
			if text != truth[i].value || sum.Cmp(truth[i].sum) != 0 {
				t.Errorf("%s: value %d is %s with %s, want %s with %s", where, i, text, sum.RatString(), truth[i].value,
					truth[i].sum.RatString())
			}
			continue
		}
		e.addTop(t, where+" "+text, sum, trueSum[text], missed)
	}
	if bound == "" {
		return
	}
	if len(got) < shown {
		least = new(big.Rat) // only values at 0 are left out
	}
	for _, s := range truth {
		if beyond := new(big.Rat).Add(least, missed); !seen[s.value] && s.sum.Cmp(beyond) > 0 {
			t.Errorf("%s: leaves out %s with %s: shows %s, and the bound is %s", where, s.value, s.sum.RatString(),
				strings.TrimSpace(value), missed.RatString())
		}
	}
}

func (e *estimated) addTop(t *testing.T, where string, got, truth, missed *big.Rat) {
	t.Helper()
	if truth == nil {
		t.Errorf("%s: shown with %s, but not among the true ones", where, got.RatString())
		return
	}
	less := new(big.Rat).Sub(truth, got)
	share, _ := new(big.Rat).Quo(less, truth).Float64()
	e.top.add(share, less.Sign() >= 0 && less.Cmp(missed) <= 0)
}
