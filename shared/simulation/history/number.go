package history

import (
	"math/big"
	"strings"
)

// places are the decimals that every number keeps.
const places = 27

var unit = power(places)

func power(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// units reads a JSON number as units of 10^-27, half to even; nil for what is no number, or is 10^30 or more.
func units(text string) *big.Int {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	r.Mul(r, new(big.Rat).SetInt(unit))
	n, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).CmpAbs(r.Denom()); c > 0 || c == 0 && n.Bit(0) == 1 {
		n.Add(n, big.NewInt(int64(r.Sign())))
	}
	if n.CmpAbs(power(places+30)) >= 0 {
		return nil
	}
	return n
}

// decimal writes a number of units of 10^-27.
func decimal(n *big.Int) string {
	text := new(big.Int).Abs(n).String()
	if len(text) <= places {
		text = strings.Repeat("0", places+1-len(text)) + text
	}
	whole, fraction := text[:len(text)-places], strings.TrimRight(text[len(text)-places:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	if n.Sign() < 0 {
		return "-" + whole
	}
	return whole
}

// mean has 16 significant digits, or all before the point where there are more, half to even.
func (s state) mean() string {
	if s.numbers == 0 {
		return "null"
	}
	if s.sum.Sign() == 0 {
		return "0"
	}
	// The quotient of integers, scaled up until it has at least 16 digits.
	top, bottom := new(big.Int).Abs(s.sum), new(big.Int).Mul(unit, big.NewInt(s.numbers))
	exponent := 0
	low := new(big.Int).Exp(big.NewInt(10), big.NewInt(15), nil)
	ten := big.NewInt(10)
	for new(big.Int).Quo(top, bottom).Cmp(low) < 0 {
		top.Mul(top, ten)
		exponent--
	}
	digits, rest := new(big.Int).QuoRem(top, bottom, new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(bottom); c > 0 || c == 0 && digits.Bit(0) == 1 {
		digits.Add(digits, big.NewInt(1))
	}
	return plain(digits, exponent, s.sum.Sign() < 0)
}

// plain writes digits * 10^exponent without an exponent.
func plain(digits *big.Int, exponent int, negative bool) string {
	text := digits.String()
	if exponent >= 0 {
		text += strings.Repeat("0", exponent)
	} else {
		if missing := 1 - exponent - len(text); missing > 0 {
			text = strings.Repeat("0", missing) + text
		}
		cut := len(text) + exponent
		text = strings.TrimSuffix(text[:cut]+"."+strings.TrimRight(text[cut:], "0"), ".")
	}
	if negative {
		return "-" + text
	}
	return text
}
