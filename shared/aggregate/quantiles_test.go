package aggregate_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"pgregory.net/rapid"
)

// quantile is the presented quantile of the only cell.
func quantile(t testing.TB, s aggregate.States, name string) string {
	t.Helper()
	reading, ok := lookup(t, "quantiles").ParseReading(name)
	if !ok {
		t.Fatalf("no reading %q", name)
	}
	return string(s.AppendPresented(nil, 0, aggregate.Present{Reading: reading}))
}

// TestQuantilesAreWithinOnePercent compares with the number at the documented place of the sorted numbers.
func TestQuantilesAreWithinOnePercent(t *testing.T) {
	f := lookup(t, "quantiles")
	rapid.Check(t, func(t *rapid.T) {
		m := modelOf(rapid.SliceOfN(numbers(), 1, 60).Draw(t, "numbers"))
		share := rapid.Int64Range(0, 1_000_000).Draw(t, "ten-thousandths of a percent")
		if rapid.Bool().Draw(t, "an end") {
			share = share % 2 * 1_000_000
		}
		reading, ok := f.ParseReading(fmt.Sprintf("p%d.%04d", share/10_000, share%10_000))
		if !ok || int64(reading.Value) != share {
			t.Fatalf("%d: reading %v, %v", share, reading, ok)
		}
		want := textOf(m.sorted()[share*(m.count-1)/1_000_000])
		got := string(fold(f, m.numbers).AppendPresented(nil, 0, aggregate.Present{Reading: reading}))
		if !isWithin(got, want, big.NewRat(1, 100)) {
			t.Fatalf("%s is %s, want about %s", reading.Name, got, want)
		}
	})
}

// TestQuantilesOfManyNumbersAreWithinOnePercent draws 1,000 sets from distributions of latencies and amounts.
func TestQuantilesOfManyNumbersAreWithinOnePercent(t *testing.T) {
	f := lookup(t, "quantiles")
	random := rand.New(rand.NewPCG(1, 2))
	for trial := range trials(1000) {
		m := model{}
		for range 200 {
			number := big.NewInt(int64(1e6 * (random.NormFloat64() + float64(trial%3))))
			if trial%2 == 0 {
				number = big.NewInt(int64(1e6 * random.ExpFloat64() * random.ExpFloat64()))
			}
			m.numbers = append(m.numbers, number.Mul(number, pow10(21)))
		}
		s := fold(f, m.numbers)
		sorted := m.sorted()
		for _, r := range f.Readings() {
			want := textOf(sorted[r.Value*(len(sorted)-1)/1_000_000])
			if got := quantile(t, s, r.Name); !isWithin(got, want, big.NewRat(1, 100)) {
				t.Fatalf("trial %d: %s is %s, want about %s", trial, r.Name, got, want)
			}
		}
	}
}

func TestQuantilesPresented(t *testing.T) {
	for _, c := range []struct {
		rows    []string
		reading string
		want    string
		bound   string
	}{
		{nil, "p50", "null", ""},
		{[]string{"null", "x"}, "p99", "null", ""},
		{[]string{"0"}, "p50", "0", `{"relative":0.01}`},
		{[]string{"0.0000000009", "-0.0000000009"}, "p100", "0", `{"relative":0.01}`},
		{[]string{"0.000000001"}, "p0", "0.00000000101", `{"relative":0.01}`},
		{[]string{"-0.000000001"}, "p0", "-0.00000000101", `{"relative":0.01}`},
		{[]string{"1", "2", "3", "4"}, "p0", "1.005", `{"relative":0.01}`},
		{[]string{"1", "2", "3", "4"}, "p50", "1.985", `{"relative":0.01}`},
		{[]string{"1", "2", "3", "4"}, "p99.9", "2.974", `{"relative":0.01}`},
		{[]string{"1", "2", "3", "4"}, "p100", "3.99", `{"relative":0.01}`},
		{[]string{"-12.5", "203023", "null"}, "p0", "-12.48", `{"relative":0.01}`},
		{[]string{"-12.5", "203023", "null"}, "p100", "201300", `{"relative":0.01}`},
		{[]string{"999999999999999999999999999999"}, "p50", "999000000000000000000000000000", `{"relative":0.01}`},
	} {
		s := fold(lookup(t, "quantiles"), parsedRows(c.rows...))
		if got := quantile(t, s, c.reading); got != c.want {
			t.Errorf("%s of %v: %s, want %s", c.reading, c.rows, got, c.want)
		}
		if bound := string(s.AppendError(nil, 0)); bound != c.bound {
			t.Errorf("%v: error %q, want %q", c.rows, bound, c.bound)
		}
	}
}

func TestReadingsOfQuantiles(t *testing.T) {
	f := lookup(t, "quantiles")
	for name, value := range map[string]int{
		"p0": 0, "p5": 50_000, "p50": 500_000, "p99.9": 999_000, "p99.9999": 999_999, "p0.1": 1000, "p50.0": 500_000,
		"p100": 1_000_000, "p100.0": 1_000_000,
	} {
		if r, ok := f.ParseReading(name); !ok || r.Value != value || r.Name != name {
			t.Errorf("%s: %v, %v; want %d", name, r, ok, value)
		}
	}
	for _, name := range []string{"", "p", "50", "p101", "p100.1", "p-1", "p+5", "p05", "p5.", "p.5", "p99.99999", "p1e1",
		"P50", "p50 ", "p9999999999999999999999"} {
		if r, ok := f.ParseReading(name); ok {
			t.Errorf("%q is the reading %v", name, r)
		}
	}
	for _, r := range f.Readings() {
		if again, ok := f.ParseReading(r.Name); !ok || again != r {
			t.Errorf("%s: %v, %v; want %v", r.Name, again, ok, r)
		}
	}
	if r, ok := lookup(t, "sum").ParseReading("p50"); ok {
		t.Errorf("sum has the reading %v", r)
	}
}
