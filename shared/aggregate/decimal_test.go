package aggregate_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"pgregory.net/rapid"
)

// numberText is the row of a plain decimal text.
func numberText(text string) row {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("not a number: " + text)
	}
	return rowOf(r)
}

// rowOf is a number in units of 10^-18, nil where it is no Decimal.
func rowOf(r *big.Rat) row {
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(unit))
	if !scaled.IsInt() || scaled.Num().CmpAbs(bound) >= 0 {
		return nil
	}
	return scaled.Num()
}

func TestParseDecimal(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("0", n) }
	for text, want := range map[string]string{ // "" where there is no number
		"0": "0", "-0": "0", "0.0": "0", "-0.000": "0", "0e0": "0", "-0E-99": "0", "0e999999999999999999999": "0",
		"1": "1", "-1": "-1", "203023": "203023", "1.5": "1.5", "1.50": "1.5", "-0.25": "-0.25", "10": "10",
		"100.0100": "100.01",
		"1e3":      "1000", "1E3": "1000", "1e+3": "1000", "1.5e1": "15", "15e-1": "1.5", "1e00003": "1000",
		"-12.5E-0001":           "-1.25",
		"1.0000000000000000000": "1", "1." + zeros(500): "1", "1" + zeros(500) + "e-500": "1",
		"0." + zeros(499) + "1e500":     "1",
		"0." + zeros(4000) + "25e+4001": "2.5", "1" + zeros(19): "1" + zeros(19), "1e19": "1" + zeros(19),
		"0.000000000000000001": "0.000000000000000001", "1e-18": "0.000000000000000001", "-1e-18": "-0.000000000000000001",
		"1e-19": "", "0.0000000000000000001": "", "10e-19": "0.000000000000000001", "1.0000000000000000001": "",
		"1e20": "", "-1e20": "", "1" + zeros(20): "", "10e19": "", "0.1e21": "", "0.1e20": "1" + zeros(19),
		"99999999999999999999.9":                   "99999999999999999999.9",
		"99999999999999999999.999999999999999999":  "99999999999999999999.999999999999999999",
		"-99999999999999999999.999999999999999999": "-99999999999999999999.999999999999999999",
		"99999999999999999999.9999999999999999999": "",
		"9999999999999999999":                      "9999999999999999999", "18446744073709551616": "18446744073709551616",
		"-9223372036854775808": "-9223372036854775808",
		"1234567890.123456789": "1234567890.123456789", "0.12345678901234567": "0.12345678901234567",
		"12345678901234567.8": "12345678901234567.8",
		"1e999999999":         "", "1e-999999999": "", "1e99999999999999999999999999": "",
		"-1e-99999999999999999999999999": "", "9e9223372036854775807": "",
		// Beyond what 64 bits hold of an exponent, and 128 bits of a size, lie numbers that look small once the bits
		// above are lost.
		"1e18446744073709551616": "", "1e-18446744073709551616": "", "340282366920938463463.374607431768211456": "",
		"340282366920938463464": "",

		"": "", "-": "", "+1": "", "01": "", "-01": "", "00": "", "1.": "", ".5": "", "-.5": "", "1.e3": "", "1e": "",
		"1e+": "", "1e-": "", "1e1.5": "", "e3": "",
		"1 ": "", " 1": "", "1\n": "", "1_000": "", "0x10": "", "1/2": "", "--1": "", "1-1": "", "1e3e3": "", "1..5": "",
		"1.5.5": "", "1,5": "",
		"null": "", "true": "", `"1"`: "", "[1]": "", "{}": "", "NaN": "", "Infinity": "", "-inf": "", "1\x00": "", "١": "",
		"00000000000000000000000000001": "", "1234567890123456789012345x": "", "12345678901234567890123.": "",
	} {
		got := aggregate.ParseDecimal([]byte(text))
		if got.OK != (want != "") || got.OK && string(got.AppendText(nil)) != want {
			t.Errorf("ParseDecimal(%.60q) = %+v, text %s; want %q", text, got, got.AppendText(nil), want)
		}
		if !got.OK && got != (aggregate.Decimal{}) {
			t.Errorf("ParseDecimal(%.60q) = %+v, want Decimal{}", text, got)
		}
	}
}

func TestDecimalOfText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := numbers().Draw(t, "number")
		d := decimalOf(r)
		text := d.AppendText([]byte("x"))[1:]
		if want := plain(new(big.Rat).SetFrac(r, unit)); string(text) != want {
			t.Fatalf("AppendText is %s, want %s", text, want)
		}
		if got := aggregate.ParseDecimal(text); got != d {
			t.Fatalf("ParseDecimal(%s) = %+v, want %+v", text, got, d)
		}
	})
	if got := string(aggregate.Decimal{}.AppendText(nil)); got != "null" {
		t.Errorf("no number is %s, want null", got)
	}
}

func TestDecimalArithmetic(t *testing.T) {
	operand := rapid.Custom(func(t *rapid.T) row {
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			return nil
		}
		return numbers().Draw(t, "number")
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := operand.Draw(t, "a"), operand.Draw(t, "b")
		d, e := decimalOf(a), decimalOf(b)
		var sum, difference, product, negative row
		if a != nil {
			negative = new(big.Int).Neg(a)
		}
		if a != nil && b != nil {
			sum, difference = new(big.Int).Add(a, b), new(big.Int).Sub(a, b)
			product = rowOf(new(big.Rat).SetFrac(new(big.Int).Mul(a, b), new(big.Int).Mul(unit, unit)))
		}
		for _, check := range []struct {
			name string
			got  aggregate.Decimal
			want row
		}{{"Add", d.Add(e), sum}, {"Sub", d.Sub(e), difference}, {"Mul", d.Mul(e), product}, {"Neg", d.Neg(), negative}} {
			if check.got != decimalOf(check.want) {
				t.Fatalf("%s of %s and %s is %s, want %s", check.name, d.AppendText(nil), e.AppendText(nil),
					check.got.AppendText(nil), decimalOf(check.want).AppendText(nil))
			}
		}
		if want := compare(a, b); d.Compare(e) != want || e.Compare(d) != -want {
			t.Fatalf("Compare %s with %s: %d and %d, want %d", d.AppendText(nil), e.AppendText(nil), d.Compare(e), e.Compare(d),
				want)
		}
	})
}

func compare(a, b row) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Cmp(b)
}

func TestDecimalArithmeticAtTheEnds(t *testing.T) {
	const top = "99999999999999999999.999999999999999999"
	for _, c := range []struct{ a, op, b, want string }{
		{top, "+", "0.000000000000000001", "null"},
		{top, "+", top, "null"},
		{"-" + top, "+", "-" + top, "null"},
		{"-" + top, "-", top, "null"},
		{top, "-", top, "0"},
		{"99999999999999999999.999999999999999998", "+", "0.000000000000000001", top},
		{top, "*", "-1", "-" + top},
		{top, "*", "1.000000000000000001", "null"},
		{"10000000000", "*", "10000000000", "null"},
		{"10000000000", "*", "9999999999", "99999999990000000000"},
		{"0.000000001", "*", "0.000000001", "0.000000000000000001"},
		{"0.000000001", "*", "0.0000000001", "null"},
		{"0.000000000000000001", "*", "0", "0"},
		{"-0.5", "*", "0", "0"},
		{"0.1", "+", "0.2", "0.3"},
	} {
		a, b := aggregate.ParseDecimal([]byte(c.a)), aggregate.ParseDecimal([]byte(c.b))
		got := map[string]func(aggregate.Decimal) aggregate.Decimal{"+": a.Add, "-": a.Sub, "*": a.Mul}[c.op](b)
		if text := string(got.AppendText(nil)); text != c.want {
			t.Errorf("%s %s %s = %s, want %s", c.a, c.op, c.b, text, c.want)
		}
	}
}

func TestProductsOfPowersOfTen(t *testing.T) {
	power := func(n int) aggregate.Decimal { return aggregate.ParseDecimal(fmt.Appendf(nil, "-1e%d", n)) }
	for i := -18; i < 20; i++ {
		for j := -18; j < 20; j++ {
			got, want := power(i).Mul(power(j)), power(i+j).Neg()
			if got != want {
				t.Errorf("-1e%d * -1e%d = %s, want %s", i, j, got.AppendText(nil), want.AppendText(nil))
			}
			if got.OK != (i+j >= -18 && i+j < 20) {
				t.Errorf("-1e%d * -1e%d is a number: %v", i, j, got.OK)
			}
		}
	}
}

// parsedSlowly is what ParseDecimal should give, by way of big.Rat. Exponents beyond the reach of any text this short
// are decided apart, since big.Rat would write them out.
func parsedSlowly(text string) aggregate.Decimal {
	if !json.Valid([]byte(text)) || !strings.ContainsRune("-0123456789", rune(text[0])) ||
		strings.TrimRight(text, " \t\r\n") != text {
		return aggregate.Decimal{}
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if strings.Trim(mantissa, "-0.") == "" {
		return aggregate.Decimal{OK: true}
	}
	if power, ok := new(big.Int).SetString(exponent, 10); ok && power.CmpAbs(big.NewInt(int64(2*len(text)+100))) > 0 {
		return aggregate.Decimal{}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return aggregate.Decimal{}
	}
	return decimalOf(rowOf(r))
}

func FuzzParseDecimal(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "1", "203023", "-12.50", "1e3", "1E-3", "1.0000000000000000000", "1e-19", "1e20", "99999999999999999999.9",
		"1e999999999", "0e999999999",
		"0.00000000000000000000000001e30", "100000000000000000000000000e-26", "01", "1.", ".5", "1e", "-", "", " 1", "1 ",
		"null", "\"1\"",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := aggregate.ParseDecimal(text)
		if len(text) < 1000 {
			if want := parsedSlowly(string(text)); len(text) > 0 && got != want {
				t.Fatalf("ParseDecimal(%q) = %+v, want %+v", text, got, want)
			}
		}
		if !got.OK {
			return
		}
		canonical := got.AppendText(nil)
		if again := aggregate.ParseDecimal(canonical); again != got {
			t.Fatalf("%q is %s, which is %+v, not %+v", text, canonical, again, got)
		}
		if !json.Valid(canonical) {
			t.Fatalf("%q is %s, which is not JSON", text, canonical)
		}
	})
}
