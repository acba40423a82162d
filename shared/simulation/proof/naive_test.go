package proof_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/shared/event"
)

// This file computes every aggregate from the list of its events, with math/big. It shares no code with package
// aggregate.

const (
	places = 27 // decimals that numbers keep
	digits = 16 // of a quotient
)

// number reads the units of 10^-27 of a JSON number; ok is false for what is none or has more than 30 digits before the
// point.
func number(token string) (units *big.Int, ok bool) {
	if token == "" || strings.Trim(token, "0123456789+-.eE") != "" {
		return nil, false
	}
	n, ok := new(big.Rat).SetString(token)
	if !ok {
		return nil, false
	}
	units = nearest(n.Mul(n, new(big.Rat).SetInt(power(places))))
	return units, units.CmpAbs(power(places+30)) < 0
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// nearest rounds to an integer, half to even.
func nearest(n *big.Rat) *big.Int {
	whole, rest := new(big.Int).QuoRem(n.Num(), n.Denom(), new(big.Int))
	order := rest.Lsh(rest.Abs(rest), 1).Cmp(n.Denom())
	if order > 0 || order == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(int64(n.Sign())))
	}
	return whole
}

// plain writes a number with so many decimals as it needs, of those that it is rounded to.
func plain(n *big.Rat, decimals int) string {
	units := nearest(new(big.Rat).Mul(n, new(big.Rat).SetInt(power(decimals))))
	text := fmt.Sprintf("%0*s", decimals+1, new(big.Int).Abs(units).String())
	text = text[:len(text)-decimals] + "." + text[len(text)-decimals:]
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	if units.Sign() < 0 {
		return "-" + text
	}
	return text
}

// rounded writes a number with 16 significant digits, or with all digits before the point where there are more.
func rounded(n *big.Rat) string {
	size := new(big.Rat).Abs(n)
	if size.Sign() == 0 {
		return "0"
	}
	if whole := len(new(big.Int).Quo(size.Num(), size.Denom()).String()); size.Cmp(big.NewRat(1, 1)) >= 0 {
		return plain(n, max(0, digits-whole))
	}
	zeros := 0 // behind the point
	for ten := big.NewRat(10, 1); size.Mul(size, ten).Cmp(big.NewRat(1, 1)) < 0; {
		zeros++
	}
	return plain(n, digits+zeros)
}

func ofUnits(units *big.Int) *big.Rat { return new(big.Rat).SetFrac(units, power(places)) }

// scalar is a string, a number, true or false.
type scalar struct {
	kind int    // 0, 1, 2: the order of the kinds
	text string // equal for equal values
	json string
}

func scalarOf(token string) (s scalar, ok bool) {
	switch {
	case token == "" || token == "null" || token[0] == '[' || token[0] == '{':
		return s, false
	case token == "true" || token == "false":
		return scalar{2, token, token}, true
	case token[0] == '"':
		text, err := strconv.Unquote(token)
		return scalar{0, text, token}, err == nil
	}
	n, err := strconv.ParseFloat(token, 64)
	text := strconv.FormatFloat(n, 'f', -1, 64)
	return scalar{1, text, text}, err == nil
}

// fact is a generated event as the aggregates see it; nil and false are what it has no usable value of.
type fact struct {
	millis       int64
	identity     event.Identity
	amount       *big.Int // of 10^-27
	weight       *big.Int // of 10^-27
	basket       *big.Int // of 10^-27: the sum over the lines
	user, item   scalar
	isUser       bool
	isItem       bool // not a too long one either
	holds, fails bool // the condition: is true, cannot be evaluated
}

// mostText is the longest text that first, last and top keep.
const mostText = 256

func factOf(m *made) fact {
	f := fact{millis: m.millis}
	f.identity, _ = event.HashKey([]byte("anabranch engine")).Identity([]byte(source), []byte(m.id), nil)
	if units, ok := number(m.amount); ok {
		f.amount = units
	}
	if units, ok := number(m.weight); ok {
		f.weight, f.holds = units, units.Cmp(new(big.Int).Mul(big.NewInt(10), power(places))) > 0
	}
	f.fails, f.basket = f.weight == nil, basketOf(m.lines)
	f.user, f.isUser = scalarOf(m.user)
	f.item, f.isItem = scalarOf(m.item)
	f.isItem = f.isItem && len(f.item.text) <= mostText
	return f
}

// basketOf returns the sum of price times pieces, each product rounded. It is nil without an array, if a line has no
// number, and if a number on the way is too large.
func basketOf(lines []saleLine) *big.Int {
	if lines == nil {
		return nil
	}
	sum, limit := new(big.Int), power(places+30)
	for _, l := range lines {
		price, ok := number(l.price)
		pieces, also := number(l.pieces)
		if !ok || !also {
			return nil
		}
		product := nearest(new(big.Rat).Mul(ofUnits(price), new(big.Rat).SetInt(pieces)))
		if sum.Add(sum, product); product.CmpAbs(limit) >= 0 || sum.CmpAbs(limit) >= 0 {
			return nil
		}
	}
	return sum
}

// chosen returns the facts that an aggregate uses, and how many it skips.
func chosen(name string, facts []*fact) (used []*fact, skipped int64) {
	name, conditional := strings.CutSuffix(name, "_if")
	for _, f := range facts {
		lacks := false
		switch name {
		case "n", "frequency":
		case "earliest", "latest", "uniques":
			lacks = !f.isUser
		case "basket", "average_basket":
			lacks = f.basket == nil
		case "often":
			lacks = !f.isItem
		case "heavy":
			lacks = !f.isItem || f.weight == nil || f.weight.Sign() < 0
		default:
			lacks = f.amount == nil
		}
		switch {
		case conditional && f.fails:
			skipped++
		case conditional && !f.holds:
		case lacks:
			skipped++
		default:
			used = append(used, f)
		}
	}
	return used, skipped
}

// exactly computes an exact aggregate of facts that all have what it needs; ok is false for other aggregates.
func exactly(name string, facts []*fact, seconds int64) (value string, ok bool) {
	name = strings.TrimSuffix(name, "_if")
	switch name {
	case "n":
		return fmt.Sprint(len(facts)), true
	case "frequency":
		return rounded(big.NewRat(int64(len(facts)), seconds)), true
	case "total", "mean", "least", "greatest", "variance", "stddev", "rate", "earliest", "latest",
		"basket", "average_basket":
	default:
		return "", false
	}
	if len(facts) == 0 {
		return "null", true
	}
	switch name {
	case "earliest":
		return slices.MinFunc(facts, earlier).user.json, true
	case "latest":
		return slices.MaxFunc(facts, earlier).user.json, true
	case "least":
		return plain(ofUnits(slices.MinFunc(facts, smaller).amount), places), true
	case "greatest":
		return plain(ofUnits(slices.MaxFunc(facts, smaller).amount), places), true
	}
	sum, squares := new(big.Int), new(big.Int)
	for _, f := range facts {
		n := f.amount
		if strings.HasSuffix(name, "basket") {
			n = f.basket
		}
		sum.Add(sum, n)
		squares.Add(squares, new(big.Int).Mul(n, n))
	}
	total, count := ofUnits(sum), big.NewRat(int64(len(facts)), 1)
	switch name {
	case "total", "basket":
		return plain(total, places), true
	case "mean", "average_basket":
		return rounded(total.Quo(total, count)), true
	case "rate":
		return rounded(total.Quo(total, big.NewRat(seconds, 1))), true
	}
	// The mean of the squares without the square of the mean.
	mean := new(big.Rat).Quo(total, count)
	variance := new(big.Rat).SetFrac(squares, power(2*places))
	variance.Quo(variance, count).Sub(variance, mean.Mul(mean, mean))
	if name == "variance" {
		return rounded(variance), true
	}
	return rounded(root(variance)), true
}

// root returns a square root in units of 10^-100, and half of one more where it goes on.
func root(n *big.Rat) *big.Rat {
	square := new(big.Rat).Mul(n, new(big.Rat).SetInt(power(200)))
	whole, rest := new(big.Int).QuoRem(square.Num(), square.Denom(), new(big.Int))
	units := new(big.Int).Sqrt(whole)
	more := rest.Sign() != 0 || new(big.Int).Mul(units, units).Cmp(whole) != 0
	units.Lsh(units, 1)
	if more {
		units.SetBit(units, 0, 1)
	}
	return new(big.Rat).SetFrac(units, new(big.Int).Lsh(power(100), 1))
}

func earlier(a, b *fact) int {
	return cmp.Or(cmp.Compare(a.millis, b.millis), cmp.Compare(a.identity.Hi, b.identity.Hi),
		cmp.Compare(a.identity.Lo, b.identity.Lo))
}

func smaller(a, b *fact) int { return a.amount.Cmp(b.amount) }

func users(facts []*fact) int {
	all := map[scalar]bool{}
	for _, f := range facts {
		all[scalar{kind: f.user.kind, text: f.user.text}] = true
	}
	return len(all)
}

func quantiles(facts []*fact) map[string]*big.Rat {
	sorted := slices.SortedFunc(slices.Values(facts), smaller)
	all := map[string]*big.Rat{}
	for _, p := range []int{50, 90, 95, 99} {
		if len(sorted) > 0 {
			all[fmt.Sprint("p", p)] = ofUnits(sorted[(len(sorted)-1)*p/100].amount)
		}
	}
	return all
}

// sums returns the sums of the items above 0, the greatest first, then by kind and text.
func sums(facts []*fact, weighted bool) []sumOf {
	units, one := map[scalar]*big.Int{}, power(places)
	for _, f := range facts {
		add := one
		if weighted {
			add = f.weight
		}
		if units[f.item] == nil {
			units[f.item] = new(big.Int)
		}
		units[f.item].Add(units[f.item], add)
	}
	items := make([]scalar, 0, len(units))
	for item, sum := range units {
		if sum.Sign() > 0 {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b scalar) int {
		return cmp.Or(units[b].Cmp(units[a]), cmp.Compare(a.kind, b.kind), cmp.Compare(a.text, b.text))
	})
	all := make([]sumOf, len(items))
	for i, item := range items {
		all[i] = sumOf{item.json, ofUnits(units[item])}
	}
	return all
}
