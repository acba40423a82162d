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
	return rounded(r)
}

func TestParseDecimal(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("0", n) }
	nines := func(n int) string { return strings.Repeat("9", n) }
	const large, none = "too large", "not a number"
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "-0.000": "0", "0e0": "0", "-0E-99": "0", "0e999999999999999999999": "0",
		"1": "1", "-1": "-1", "203023": "203023", "1.5": "1.5", "1.50": "1.5", "-0.25": "-0.25", "10": "10",
		"100.0100": "100.01",
		"1e3":      "1000", "1E3": "1000", "1e+3": "1000", "1.5e1": "15", "15e-1": "1.5", "1e00003": "1000",
		"-12.5E-0001":           "-1.25",
		"1.0000000000000000000": "1", "1." + zeros(500): "1", "1" + zeros(500) + "e-500": "1",
		"0." + zeros(499) + "1e500":     "1",
		"0." + zeros(4000) + "25e+4001": "2.5", "1" + zeros(19): "1" + zeros(19), "1e19": "1" + zeros(19),

		// What programs print keeps all its digits.
		"0.0016150000000000001":          "0.0016150000000000001",
		"2.0999999999999998e-06":         "0.0000020999999999999998",
		"0.0003647510000064358":          "0.0003647510000064358",
		"1.2345678901234567e-9":          "0.0000000012345678901234567",
		"-9.8765432109876543e-11":        "-0.000000000098765432109876543",
		"0.30000000000000004":            "0.30000000000000004",
		"0.1000000000000000055511151231": "0.100000000000000005551115123", // one decimal too many
		"1.7976931348623157e-308":        "0",                             // as small as a float can be
		"1524831183200260097.0":          "1524831183200260097",
		"18446744073709551615.000000001": "18446744073709551615.000000001",

		// The last decimal, and half of it.
		"1e-27": "0." + zeros(26) + "1", "-1e-27": "-0." + zeros(26) + "1", "10e-28": "0." + zeros(26) + "1",
		"0." + zeros(26) + "1": "0." + zeros(26) + "1",
		"1e-28":                "0", "-1e-28": "0", "4e-28": "0", "5e-28": "0", "-5e-28": "0", "0.5e-27": "0",
		"5.0000e-28": "0", "50000e-32": "0",
		"5.0001e-28": "0." + zeros(26) + "1", "-5.0001e-28": "-0." + zeros(26) + "1", "6e-28": "0." + zeros(26) + "1",
		"15e-28": "0." + zeros(26) + "2", "-15e-28": "-0." + zeros(26) + "2", "25e-28": "0." + zeros(26) + "2",
		"35e-28": "0." + zeros(26) + "4", "25.0001e-28": "0." + zeros(26) + "3", "24.9999e-28": "0." + zeros(26) + "2",
		"0." + zeros(27) + "5" + zeros(300) + "1": "0." + zeros(26) + "1",
		"0." + zeros(27) + "5" + zeros(300):       "0",
		"0." + nines(27):                          "0." + nines(27),
		"0." + nines(28):                          "1", "-0." + nines(28): "-1",
		"1." + zeros(26) + "05": "1", "1." + zeros(26) + "15": "1." + zeros(26) + "2",
		"123456789." + nines(27) + "5": "123456790",
		"9.5e-28":                      "0." + zeros(26) + "1", "9.5e-29": "0",
		"1e-999999999": "0", "-1e-99999999999999999999999999": "0", "1e-18446744073709551616": "0",

		// The greatest.
		"1e20": "1" + zeros(20), "1e29": "1" + zeros(29), "0.1e30": "1" + zeros(29), nines(30): nines(30),
		nines(30) + "." + nines(27): nines(30) + "." + nines(27), "-" + nines(30) + "." + nines(27): "-" + nines(30) + "." +
			nines(27),
		nines(30) + "." + nines(27) + "4": nines(30) + "." + nines(27), nines(30) + "." + nines(27) + "5": large,
		"1e30": large, "-1e30": large, "1" + zeros(30): large, "10e29": large, "0.1e31": large,
		"9999999999999999999": "9999999999999999999", "18446744073709551616": "18446744073709551616",
		"-9223372036854775808": "-9223372036854775808", "340282366920938463463374607431768211456": large,
		"115792089237316195423570985008687907853269984665640564039457584007913129639935": large,
		"1234567890.123456789": "1234567890.123456789", "0.12345678901234567": "0.12345678901234567",
		"12345678901234567.8": "12345678901234567.8", "-1234567890123456789": "-1234567890123456789",
		"1e999999999": large, "1e99999999999999999999999999": large, "9e9223372036854775807": large,
		// Beyond what 64 bits hold of an exponent, and 192 bits of a size, lie numbers that look small once the bits
		// above are lost.
		"1e18446744073709551616": large, "6277101735386680763835789423207.666416102355444464034512896": large,

		"": none, "-": none, "+1": none, "01": none, "-01": none, "00": none, "1.": none, ".5": none, "-.5": none,
		"1.e3": none, "1e": none, "1e+": none, "1e-": none, "1e1.5": none, "e3": none,
		"1 ": none, " 1": none, "1\n": none, "1_000": none, "0x10": none, "1/2": none, "--1": none, "1-1": none,
		"1e3e3": none, "1..5": none, "1.5.5": none, "1,5": none,
		"null": none, "true": none, `"1"`: none, "[1]": none, "{}": none, "NaN": none, "Infinity": none, "-inf": none,
		"1\x00": none, "١": none,
		"00000000000000000000000000001": none, "1234567890123456789012345x": none, "12345678901234567890123.": none,
	} {
		got := aggregate.ParseDecimal([]byte(text))
		said := string(got.AppendText(nil))
		if !got.OK {
			said = got.Why.String()
		}
		if said != want {
			t.Errorf("ParseDecimal(%.60q) = %+v, which is %s; want %s", text, got, said, want)
		}
		if !got.OK && got != aggregate.Without(got.Why) || got.OK && got.Why != 0 {
			t.Errorf("ParseDecimal(%.60q) = %+v, which is not in its one form", text, got)
		}
	}
}

func TestParseExactly(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-0.0": true, "0e-999": true, "1e-27": true, "10e-28": true, "1e-28": false, "0.5e-27": false,
		"1.50000000000000000000000000000": true, "0.0000000000000000000000000001": false, "1e29": true, "1e30": false,
		"x": false, "": false, "1e-999999999999": false, "12345678901234567890.5": true,
	} {
		if d, exact := aggregate.ParseExactly([]byte(text)); exact != want || d != aggregate.ParseDecimal([]byte(text)) {
			t.Errorf("ParseExactly(%q) = %+v, %v; want %v", text, d, exact, want)
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
			product = halfToEven(new(big.Int).Mul(a, b), unit)
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

// TestReasons checks that arithmetic on what is no number has one reason, whatever the order of the operands.
func TestReasons(t *testing.T) {
	all := []aggregate.Decimal{
		aggregate.Without(aggregate.Missing), aggregate.Without(aggregate.NotNumber), aggregate.Without(aggregate.TooLarge),
		aggregate.ParseDecimal([]byte("2")),
	}
	if len(all) != int(aggregate.TooLarge)+2 {
		t.Fatalf("the test knows %d reasons, there are %d", len(all)-1, aggregate.Reasons)
	}
	for i, d := range all {
		for j, e := range all {
			want := all[min(i, j)]
			if d.OK && e.OK {
				continue
			}
			for name, got := range map[string]aggregate.Decimal{"+": d.Add(e), "-": d.Sub(e), "*": d.Mul(e)} {
				if got != want {
					t.Errorf("%v %s %v is %+v, want %+v", d, name, e, got, want)
				}
			}
		}
		if got := d.Neg(); !d.OK && got != d {
			t.Errorf("-%+v is %+v", d, got)
		}
	}
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
	const (
		unit = "0.000000000000000000000000001"
		top  = "999999999999999999999999999999.999999999999999999999999999"
	)
	for _, c := range []struct{ a, op, b, want string }{
		{top, "+", unit, "null"},
		{top, "+", top, "null"},
		{"-" + top, "+", "-" + top, "null"},
		{"-" + top, "-", top, "null"},
		{top, "-", top, "0"},
		{"999999999999999999999999999999.999999999999999999999999998", "+", unit, top},
		{top, "*", "-1", "-" + top},
		{top, "*", "1." + unit[2:], "null"},
		{top, "*", top, "null"},
		{"1000000000000000", "*", "1000000000000000", "null"},
		{"1000000000000000", "*", "-999999999999999", "-999999999999999000000000000000"},
		{unit, "*", "0", "0"},
		{"-0.5", "*", "0", "0"},
		{"0.1", "+", "0.2", "0.3"},
		{"0.123456789012345678", "*", "2500.75", "308.7345651226234542585"},
		// Half of the last decimal, and next to it.
		{unit, "*", "0.5", "0"},
		{"-" + unit, "*", "0.5", "0"},
		{unit, "*", "0.500000000000000000000000001", unit},
		{unit, "*", "0.499999999999999999999999999", "0"},
		{unit, "*", "1.5", "0.000000000000000000000000002"},
		{unit, "*", "-1.5", "-0.000000000000000000000000002"},
		{unit, "*", "2.5", "0.000000000000000000000000002"},
		{unit, "*", "3.5", "0.000000000000000000000000004"},
		{"0.00000000000001", "*", "0.00000000000001", "0"},
		{"0.0000000000001", "*", "0.00000000000005", "0.000000000000000000000000005"},
	} {
		a, b := aggregate.ParseDecimal([]byte(c.a)), aggregate.ParseDecimal([]byte(c.b))
		got := map[string]func(aggregate.Decimal) aggregate.Decimal{"+": a.Add, "-": a.Sub, "*": a.Mul}[c.op](b)
		if text := string(got.AppendText(nil)); text != c.want {
			t.Errorf("%s %s %s = %s, want %s", c.a, c.op, c.b, text, c.want)
		}
		if !got.OK && got.Why != aggregate.TooLarge {
			t.Errorf("%s %s %s is %s, want too large", c.a, c.op, c.b, got.Why)
		}
	}
}

// TestProductsOfPowersOfTen multiplies all powers of ten: a product below the last decimal is 0, and 5 * 10^-28 lies
// half-way between 0 and it.
func TestProductsOfPowersOfTen(t *testing.T) {
	power := func(digit, n int) aggregate.Decimal {
		return aggregate.ParseDecimal(fmt.Appendf(nil, "-%de%d", digit, n))
	}
	for i := -27; i < 30; i++ {
		for j := -27; j < 30; j++ {
			got, want := power(1, i).Mul(power(5, j)), power(5, i+j).Neg()
			if got != want {
				t.Errorf("-1e%d * -5e%d = %s, want %s", i, j, got.AppendText(nil), want.AppendText(nil))
			}
			if got.OK != (i+j < 30) || got.OK && (got.Compare(aggregate.Decimal{OK: true}) == 0) != (i+j < -27) {
				t.Errorf("-1e%d * -5e%d is %s", i, j, got.AppendText(nil))
			}
		}
	}
}

// parsedSlowly is what ParseDecimal should give, by way of big.Rat. Exponents beyond the reach of any text this short
// are decided apart, since big.Rat would write them out.
func parsedSlowly(text string) aggregate.Decimal {
	if !json.Valid([]byte(text)) || !strings.ContainsRune("-0123456789", rune(text[0])) ||
		strings.TrimRight(text, " \t\r\n") != text {
		return aggregate.Without(aggregate.NotNumber)
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if strings.Trim(mantissa, "-0.") == "" {
		return aggregate.Decimal{OK: true}
	}
	if power, ok := new(big.Int).SetString(exponent, 10); ok && power.CmpAbs(big.NewInt(int64(2*len(text)+100))) > 0 {
		if power.Sign() < 0 {
			return aggregate.Decimal{OK: true}
		}
		return aggregate.Without(aggregate.TooLarge)
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return aggregate.Without(aggregate.NotNumber)
	}
	return decimalOf(rounded(r))
}

func FuzzParseDecimal(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "1", "203023", "-12.50", "1e3", "1E-3", "1.0000000000000000000", "1e-19", "1e20",
		"99999999999999999999.9", "5e-28", "15e-28", "25.00001e-28",
		"1e30",
		"0.0000020999999999999998",
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
