package aggregate_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"pgregory.net/rapid"
)

func topOf(t testing.TB, arguments, n int) aggregate.Function {
	return lookup(t, "top").With(arguments, n)
}

func TestTopPresented(t *testing.T) {
	str := func(text, weight string) scalarRow {
		return scalarRow{kind: aggregate.String, text: text, weight: weight}
	}
	for _, c := range []struct {
		arguments, n int
		rows         []scalarRow
		want         string
		skipped      int64
	}{
		{1, 2, nil, `[]`, 0},
		{1, 2, []scalarRow{str("a", ""), str("b", ""), str("b", ""), str("c", "")},
			`[{"value":"b","count":2},{"value":"a","count":1}]`, 0},
		{1, 5, []scalarRow{str("1", ""), {kind: aggregate.Number, text: "1"}, {kind: aggregate.Bool, text: "true"}},
			`[{"value":"1","count":1},{"value":1,"count":1},{"value":true,"count":1}]`, 0},
		{1, 1, []scalarRow{str(strings.Repeat("x", 257), "")}, `[]`, 1},
		{2, 1, []scalarRow{str("a", "0.1"), str("b", "0.25"), str("a", "0.2")}, `[{"value":"a","weight":0.3}]`, 0},
		{2, 2, []scalarRow{str("a", "0"), str("b", "-1"), str("c", "null"), str("d", "1e29"), str("d", "1e-27")},
			`[{"value":"d","weight":100000000000000000000000000000.000000000000000000000000001}]`, 2},
	} {
		s := foldScalars(topOf(t, c.arguments, c.n), c.rows...)
		if got := string(s.AppendPresented(nil, 0, hour)); got != c.want || s.Skipped(0) != c.skipped {
			t.Errorf("%v: %s, %d skipped; want %s, %d", c.rows, got, s.Skipped(0), c.want, c.skipped)
		}
		if bound := string(s.AppendError(nil, 0)); bound != "" {
			t.Errorf("%v: error %s, want none", c.rows, bound)
		}
	}
}

func TestTopIsExactUpToItsBound(t *testing.T) {
	for n, bound := range map[int]int{1: 100, 10: 100, 11: 110, 100: 1000} {
		f := topOf(t, 1, n)
		rows := make([]scalarRow, bound+1)
		for i := range rows {
			rows[i] = scalarRow{kind: aggregate.String, text: fmt.Sprint(i)}
		}
		if got := string(foldScalars(f, rows[:bound]...).AppendError(nil, 0)); got != "" {
			t.Errorf("top %d of %d values: error %s, want none", n, bound, got)
		}
		if got := string(foldScalars(f, rows...).AppendError(nil, 0)); got != `{"absolute":1}` {
			t.Errorf("top %d of %d values: error %q", n, bound+1, got)
		}
	}
}

// mixedTop adds rows to the parts of a random division and merges the parts in a random order, some of them by their
// encoding.
func mixedTop(f aggregate.Function, random *rand.Rand, rows []scalarRow) aggregate.States {
	parts := make([]aggregate.States, 1+random.IntN(6))
	divided := make([][]scalarRow, len(parts))
	for _, i := range random.Perm(len(rows)) {
		part := random.IntN(len(parts))
		divided[part] = append(divided[part], rows[i])
	}
	for i := range parts {
		parts[i] = fold(f, nil)
		for len(divided[i]) > 0 {
			batch := 1 + random.IntN(len(divided[i]))
			parts[i].Add(scalarRows(f, divided[i][:batch]))
			divided[i] = divided[i][batch:]
		}
	}
	for len(parts) > 1 {
		from := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		to := parts[random.IntN(len(parts))]
		if random.IntN(2) == 0 {
			to.Merge(0, from, 0)
		} else if _, err := to.MergeEncoded(0, from.AppendEncoded(nil, 0)); err != nil {
			panic(err)
		}
	}
	return parts[0]
}

func skewedRows(random *rand.Rand, count int) []scalarRow {
	rows := make([]scalarRow, count)
	values := rand.NewZipf(random, 1.1, 2, 2000)
	for i := range rows {
		rows[i] = scalarRow{kind: aggregate.String, text: fmt.Sprintf("/page/%d", values.Uint64()),
			weight: fmt.Sprintf("%d.%d", random.IntN(10), random.IntN(10))}
	}
	return rows
}

// widenSome gives some weights so many digits that no 64 bits hold them.
func widenSome(random *rand.Rand, rows []scalarRow) {
	for i := range rows {
		if random.IntN(20) == 0 {
			rows[i].weight += strings.Repeat("0", 25) + "1"
		}
	}
}

// TestTopIsWithinItsErrorUnderEverySplit plays 1,000 divisions of rows with more values than counters.
func TestTopIsWithinItsErrorUnderEverySplit(t *testing.T) {
	for trial := range trials(1000) {
		random := rand.New(rand.NewPCG(uint64(trial), 7))
		f := topOf(t, 1+trial%2, 1+trial%12)
		rows := skewedRows(random, 100+random.IntN(1500))
		if trial%4 == 3 {
			widenSome(random, rows)
		}
		sums, all := map[string]*big.Rat{}, new(big.Rat)
		for _, r := range rows {
			weight := big.NewRat(1, 1)
			if trial%2 == 1 {
				weight.SetString(r.weight)
			}
			if sums[r.text] == nil {
				sums[r.text] = new(big.Rat)
			}
			sums[r.text].Add(sums[r.text], weight)
			all.Add(all, weight)
		}
		a, b := mixedTop(f, random, rows), mixedTop(f, random, rows)
		if !a.Agrees(0, b, 0) || !b.Agrees(0, a, 0) {
			t.Fatalf("trial %d: two splits of the same rows do not agree", trial)
		}
		expectTop(t, f, a, sums, all)
		b.Add(scalarRows(f, []scalarRow{{kind: aggregate.String, text: "/page/0", weight: "0.1"}}))
		if a.Agrees(0, b, 0) {
			t.Fatalf("trial %d: a row more is not noticed", trial)
		}
	}
}

// expectTop compares an answer with the true sums.
func expectTop(t *testing.T, f aggregate.Function, s aggregate.States, sums map[string]*big.Rat, all *big.Rat) {
	t.Helper()
	bound := new(big.Rat)
	if text := s.AppendError(nil, 0); len(text) > 0 {
		var stated struct{ Absolute json.Number }
		if err := json.Unmarshal(text, &stated); err != nil {
			t.Fatal(err)
		}
		bound.SetString(stated.Absolute.String())
	}
	if most := new(big.Rat).Quo(all, big.NewRat(101, 1)); bound.Cmp(most) > 0 {
		t.Fatalf("stated error %s is above %s", bound.FloatString(3), most.FloatString(3))
	}
	var shown []struct {
		Value         string
		Count, Weight json.Number
	}
	if err := json.Unmarshal(s.AppendPresented(nil, 0, hour), &shown); err != nil {
		t.Fatal(err)
	}
	for _, v := range shown {
		got, _ := new(big.Rat).SetString(v.Count.String() + v.Weight.String())
		if high := new(big.Rat).Add(got, bound); got.Cmp(sums[v.Value]) > 0 || high.Cmp(sums[v.Value]) < 0 {
			t.Fatalf("%s is %s with an error of %s; true is %s", v.Value, got.FloatString(1),
				bound.FloatString(1), sums[v.Value].FloatString(1))
		}
		delete(sums, v.Value)
	}
	// As many values are shown as there are, up to n. What is not shown has at most what the last one has, and the error.
	for value, sum := range sums {
		if sum.Sign() == 0 {
			delete(sums, value)
		}
	}
	if most := min(f.ParameterValue(), len(shown)+len(sums)); len(shown) != most {
		t.Fatalf("%d values are shown, want %d", len(shown), most)
	}
	least := new(big.Rat)
	if len(shown) > 0 {
		least.SetString(shown[len(shown)-1].Count.String() + shown[len(shown)-1].Weight.String())
	}
	least.Add(least, bound)
	for value, sum := range sums {
		if sum.Cmp(least) > 0 {
			t.Fatalf("%s is not shown, but has %s; bound %s", value, sum.FloatString(1), least.FloatString(1))
		}
	}
}

// TestTopShowsAsManyValuesAsItIsAskedFor adds values of which none stands out: more than there are counters.
func TestTopShowsAsManyValuesAsItIsAskedFor(t *testing.T) {
	f := topOf(t, 1, 10)
	random := rand.New(rand.NewPCG(3, 4))
	rows := make([]scalarRow, 2000)
	for i := range rows {
		rows[i] = scalarRow{kind: aggregate.String, text: fmt.Sprint(i % 1000)}
	}
	s := mixedTop(f, random, rows)
	var shown []struct{ Count int }
	if err := json.Unmarshal(s.AppendPresented(nil, 0, hour), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown) != 10 || shown[9].Count < 1 {
		t.Errorf("%v; want 10 values with a row or two each", shown)
	}
}

// TestTopKeepsTheLawsWhileItIsExact divides rows with at most as many values as counters.
func TestTopKeepsTheLawsWhileItIsExact(t *testing.T) {
	f := topOf(t, 2, 3)
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		rows := skewedRows(random, rapid.IntRange(0, 600).Draw(t, "rows"))
		if rapid.Bool().Draw(t, "wide") {
			widenSome(random, rows)
		}
		for i := range rows {
			rows[i].text = fmt.Sprint(i % 90)
		}
		want := foldScalars(f, rows...)
		expectSame(t, "split", mixedTop(f, random, rows), want)
		if !want.Agrees(0, mixedTop(f, random, rows), 0) {
			t.Fatal("two splits of the same rows do not agree")
		}
		if bound := want.AppendError(nil, 0); len(bound) > 0 {
			t.Fatalf("error %s, want none", bound)
		}
	})
}
