package aggregate_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// limits are limits as older versions of the engine have them.
var limits = []aggregate.Limit{{Whole: 20, Decimals: 18}, {Whole: 1, Decimals: 8}, {Whole: 29, Decimals: 26}}

// within reports whether a number counts within a limit.
func within(l aggregate.Limit, r *big.Rat) bool {
	ten := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	units := new(big.Rat).Mul(r, new(big.Rat).SetInt(ten(l.Decimals)))
	return units.IsInt() && new(big.Rat).Abs(r).Cmp(new(big.Rat).SetInt(ten(l.Whole))) < 0
}

// TestLimit checks that within a limit a number and the results of arithmetic count exactly when they need no rounding
// and have no more digits than the limit allows.
func TestLimit(t *testing.T) {
	texts := rapid.SampledFrom([]string{"0", "1", "-1", "9.99999999", "10", "-10", "0.00000001", "1e-9", "1e-14", "-1e-18",
		"1e-19", "1e-27", "5e-28", "1e19", "99999999999999999999", "1e20", "1e28", "-9e28", "1e29", "2.5", "123456.789",
		"0.000000000000000000000000001", "-0.10", "99999999999999999999.999999999999999999"})
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.SampledFrom(limits).Draw(t, "limit")
		read := func(label string) (aggregate.Decimal, *big.Rat) {
			text := texts.Draw(t, label)
			d, r := l.Parse([]byte(text)), rat(text)
			if d.OK != within(l, r) || d.OK && rat(string(d.AppendText(nil))).Cmp(r) != 0 {
				t.Fatalf("%v reads %s as %v", l, text, d)
			}
			return d, r
		}
		d, x := read("d")
		e, y := read("e")
		for name, c := range map[string]struct {
			got  aggregate.Decimal
			want *big.Rat
		}{
			"+": {l.Add(d, e), new(big.Rat).Add(x, y)},
			"-": {l.Sub(d, e), new(big.Rat).Sub(x, y)},
			"*": {l.Mul(d, e), new(big.Rat).Mul(x, y)},
		} {
			if ok := d.OK && e.OK && within(l, c.want); c.got.OK != ok ||
				ok && rat(string(c.got.AppendText(nil))).Cmp(c.want) != 0 {
				t.Fatalf("%v: %s %s %s is %v", l, x, name, y, c.got)
			}
		}
	})
	for _, text := range []string{`"1"`, "", "01", "1."} {
		if got := limits[0].Parse([]byte(text)); got != aggregate.Without(aggregate.NotNumber) {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

// rat is the exact number of a text.
func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}
