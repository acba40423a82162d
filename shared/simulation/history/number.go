package history

import (
	"math/big"
	"strings"
)

var unit = new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)

// decimal writes a number of units of 10^-18.
func decimal(n *big.Int) string {
	text := new(big.Int).Abs(n).String()
	if len(text) <= 18 {
		text = strings.Repeat("0", 19-len(text)) + text
	}
	whole, fraction := text[:len(text)-18], strings.TrimRight(text[len(text)-18:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	if n.Sign() < 0 {
		return "-" + whole
	}
	return whole
}

// mean has 16 significant digits, half to even.
func (s state) mean() string {
	if s.numbers == 0 {
		return "null"
	}
	if s.sum.Sign() == 0 {
		return "0"
	}
	// The quotient of integers, scaled up until it has at least 16 digits, and cut back to them.
	top, bottom := new(big.Int).Abs(s.sum), new(big.Int).Mul(unit, big.NewInt(s.numbers))
	exponent := 0
	low := new(big.Int).Exp(big.NewInt(10), big.NewInt(15), nil)
	high := new(big.Int).Exp(big.NewInt(10), big.NewInt(16), nil)
	ten := big.NewInt(10)
	for new(big.Int).Quo(top, bottom).Cmp(low) < 0 {
		top.Mul(top, ten)
		exponent--
	}
	for new(big.Int).Quo(top, bottom).Cmp(high) >= 0 {
		bottom.Mul(bottom, ten)
		exponent++
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
