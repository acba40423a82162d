package aggregate_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPresented(t *testing.T) {
	for _, c := range []struct{ function, rows, want string }{
		{"count", "", "0"},
		{"count", "1 null x", "3"},
		{"sum", "", "0"},
		{"sum", "null x", "0"},
		{"sum", "1 -1", "0"},
		{"sum", "-0", "0"},
		{"sum", "0.1 0.2", "0.3"},
		{"sum", "0.1 null 0.2", "0.3"},
		{"sum", "75864 -100", "75764"},
		{"sum", "-0.000000000000000001", "-0.000000000000000001"},
		{"sum", "99999999999999999999.999999999999999999 99999999999999999999.999999999999999999",
			"199999999999999999999.999999999999999998"},
		{"sum", "-99999999999999999999 -99999999999999999999", "-199999999999999999998"},
		{"sum", "9007199254740993 0.5", "9007199254740993.5"},
		{"min", "", "null"},
		{"min", "null", "null"},
		{"min", "3 -7.50 2", "-7.5"},
		{"min", "1e3 1e2", "100"},
		{"max", "", "null"},
		{"max", "3 -7.50 2", "3"},
		{"max", "-3 -7.50 null", "-3"},
		{"max", "99999999999999999999 1", "99999999999999999999"},
		{"mean", "", "null"},
		{"mean", "null x", "null"},
		{"mean", "0 0", "0"},
		{"mean", "1 -1", "0"},
		{"mean", "75864 0", "37932"},
		{"mean", "1 0 0", "0.3333333333333333"},
		{"mean", "1 1 0", "0.6666666666666667"},
		{"mean", "-1 -1 0", "-0.6666666666666667"},
		{"mean", "1234567.8904571234 1234567.8904571234", "1234567.890457123"},
		{"mean", "20000000000000 1 1", "6666666666667.333"},
		{"mean", "0.000000000000000001 0 0", "0.0000000000000000003333333333333333"},
		{"mean", "0.000000000000000001" + strings.Repeat(" 0", 29), "0.00000000000000000003333333333333333"},
		{"mean", "12345678901234567890", "12345678901234570000"},
		{"mean", "99999999999999999999.999999999999999999", "100000000000000000000"},
		{"mean", "100", "100"},
		{"mean", "0.05 0.05", "0.05"},
		// Ties, half to even: the digit after the sixteenth is 5 and nothing follows.
		{"mean", "1.0000000000000005", "1"},
		{"mean", "1.0000000000000015", "1.000000000000002"},
		{"mean", "1.0000000000000025", "1.000000000000002"},
		{"mean", "-1.0000000000000025", "-1.000000000000002"},
		{"mean", "-1.0000000000000035", "-1.000000000000004"},
		{"mean", "9.9999999999999985", "9.999999999999998"},
		{"mean", "9.9999999999999995", "10"},
		{"mean", "0.99999999999999995", "1"},
		{"mean", "10000000000000005", "10000000000000000"},
		{"mean", "10000000000000015", "10000000000000020"},
		{"mean", "1000000000000000 1000000000000001", "1000000000000000"}, // ...000.5
		{"mean", "1000000000000001 1000000000000002", "1000000000000002"}, // ...001.5
		{"mean", "0.000000000000000005 0.000000000000000010", "0.0000000000000000075"},
		// Next to a tie: something follows, however far away.
		{"mean", "1.000000000000000501", "1.000000000000001"},
		{"mean", "1.000000000000000499", "1"},
		{"mean", "1.0000000000000025 1.0000000000000025 1.000000000000002501", "1.000000000000003"},
		{"mean", "1.0000000000000025 1.0000000000000025 1.000000000000002499", "1.000000000000002"},
		{"mean", "10000000000000005 10000000000000005.000000000000000001", "10000000000000010"},
		{"mean", "10000000000000005 10000000000000004.999999999999999999", "10000000000000000"},
	} {
		s := fold(lookup(t, c.function), parsedRows(strings.Fields(c.rows)...))
		if got := string(s.AppendPresented([]byte("="), 0)); got != "="+c.want {
			t.Errorf("%s of %q: %s, want =%s", c.function, c.rows, got, c.want)
		}
	}
}

// TestMeanRoundsHalfToEven draws means whose digits end at or next to a tie, which random rows hardly ever do.
func TestMeanRoundsHalfToEven(t *testing.T) {
	mean := lookup(t, "mean")
	rapid.Check(t, func(t *rapid.T) {
		kept := new(big.Int).SetInt64(rapid.Int64Range(1_000_000_000_000_000, 9_999_999_999_999_999).Draw(t, "kept"))
		tail := rapid.SampledFrom([]int64{0, 1, 49, 50, 51, 99}).Draw(t, "tail")
		number := kept.Add(kept.Mul(kept, big.NewInt(100)), big.NewInt(tail))
		number.Mul(number, pow10(rapid.Int64Range(0, 19).Draw(t, "zeros")))
		if rapid.Bool().Draw(t, "negative") {
			number.Neg(number)
		}
		// As many rows as not to change the mean: pairs of number-x and number+x.
		rows := []row{number}
		for range rapid.IntRange(0, 3).Draw(t, "pairs") {
			x := big.NewInt(rapid.Int64Range(0, 1<<40).Draw(t, "x"))
			rows = append(rows, new(big.Int).Add(number, x), new(big.Int).Sub(number, x))
		}
		want := plain(significant(new(big.Rat).SetFrac(number, unit)))
		if got := string(fold(mean, rows).AppendPresented(nil, 0)); got != want {
			t.Fatalf("mean of %v is %s, want %s", rows, got, want)
		}
	})
}
