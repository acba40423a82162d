package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/anabranch/anabranch/shared/event"
)

// Quantiles returns the answer of quantiles for numbers in units of 10^-27.
func Quantiles(numbers []*big.Int) string {
	sorted := slices.SortedFunc(slices.Values(numbers), (*big.Int).Cmp)
	out := "{"
	for _, p := range []int{50, 90, 95, 99} {
		value := "null"
		if len(sorted) > 0 {
			value = nearQuantile(sorted[(len(sorted)-1)*p/100])
		}
		out += fmt.Sprintf("%q:%s,", fmt.Sprintf("p%d", p), value)
	}
	return strings.TrimSuffix(out, ",") + "}"
}

// quantileBounds are the bounds of the bins, as docs/design.md defines them: each is the one before and 19/1024 of it,
// rounded down, from 10^-9 on.
var quantileBounds = sync.OnceValue(func() (all []*big.Int) {
	end := new(big.Int).Exp(big.NewInt(10), big.NewInt(57), nil)
	for bound := big.NewInt(1e18); len(all) == 0 || all[len(all)-1].Cmp(end) < 0; {
		all = append(all, bound)
		step := new(big.Int).Mul(bound, big.NewInt(19))
		bound = step.Add(bound, step.Rsh(step, 10))
	}
	return all
})

// nearQuantile returns what stands for a number: the decimal with the fewest digits, nearest to the middle of those
// that are within 1 % of all numbers of its bin.
func nearQuantile(n *big.Int) string {
	bounds := quantileBounds()
	above := sort.Search(len(bounds), func(i int) bool { return bounds[i].CmpAbs(n) > 0 })
	if above == 0 {
		return "0"
	}
	percent := func(bound *big.Int, percents int64) *big.Int {
		share := new(big.Int).Mul(bound, big.NewInt(percents))
		return share.Quo(share, big.NewInt(100))
	}
	low, high := percent(bounds[above], 99), percent(bounds[above-1], 101)
	low.Add(low, big.NewInt(1))
	middle := new(big.Int).Add(low, high)
	middle.Rsh(middle, 1)
	for zeros := len(middle.String()) - 1; ; zeros-- {
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(zeros)), nil)
		near := halfToEven(new(big.Rat).SetFrac(middle, scale))
		if near.Mul(near, scale); near.Cmp(low) >= 0 && near.Cmp(high) <= 0 {
			if n.Sign() < 0 {
				near.Neg(near)
			}
			return decimal(new(big.Rat).SetFrac(near, new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil)))
		}
	}
}

// Often returns the answer of top(x, n) for texts that JSON does not escape.
func Often(n int, texts []string) string {
	counts := map[string]int{}
	for _, text := range texts {
		counts[text]++
	}
	all := slices.Sorted(func(yield func(string) bool) {
		for text := range counts {
			if !yield(text) {
				return
			}
		}
	})
	slices.SortStableFunc(all, func(a, b string) int { return counts[b] - counts[a] })
	var shown []string
	for _, text := range all[:min(n, len(all))] {
		shown = append(shown, fmt.Sprintf(`{"value":%q,"count":%d}`, text, counts[text]))
	}
	return "[" + strings.Join(shown, ",") + "]"
}

// Moment is when an event happened, and the identity that orders the events of one millisecond.
type Moment struct {
	Millis     int64
	Source, ID string
}

// Compare orders moments as first and last do.
func (m Moment) Compare(o Moment) int {
	if m.Millis != o.Millis {
		return cmp.Compare(m.Millis, o.Millis)
	}
	key := event.HashKey([]byte("anabranch engine"))
	a, _ := key.Identity([]byte(m.Source), []byte(m.ID), nil)
	b, _ := key.Identity([]byte(o.Source), []byte(o.ID), nil)
	return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo))
}

func unitsOf(amounts []*big.Rat) []*big.Int {
	units := make([]*big.Int, len(amounts))
	for i, a := range amounts {
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil)
		units[i] = halfToEven(new(big.Rat).Mul(a, new(big.Rat).SetInt(scale)))
	}
	return units
}

func typesOf(events []Event) []string {
	types := make([]string, len(events))
	for i, e := range events {
		types[i] = e.Type
	}
	return types
}

func distinctIDs(events []Event) string {
	ids := map[string]bool{}
	for _, e := range events {
		ids[e.ID] = true
	}
	return fmt.Sprint(len(ids))
}

// endOf is the id of the first event, with sign -1, or of the last one, with sign 1.
func endOf(events []Event, sign int) string {
	moment := func(e Event) Moment { return Moment{e.Time.UnixMilli(), e.Source, e.ID} }
	found := events[0]
	for _, e := range events {
		if moment(e).Compare(moment(found)) == sign {
			found = e
		}
	}
	return fmt.Sprintf("%q", found.ID)
}

// equalValues compares the values of a row.
func equalValues(got, want map[string]string) bool {
	if !SameIDs(got["ids"], want["ids"]) {
		return false
	}
	got, want = maps.Clone(got), maps.Clone(want)
	delete(got, "ids")
	delete(want, "ids")
	return maps.Equal(got, want)
}

// SameIDs compares a number of ids with the expected one. Past 384 ids, distinct is an estimate; 99 of 100 are within
// 4.2 %, and hardly one is off by 7 %.
func SameIDs(got, want string) bool {
	n, err := strconv.Atoi(want)
	if err != nil || n <= 384 {
		return got == want
	}
	estimate, err := strconv.Atoi(got)
	return err == nil && 100*max(estimate-n, n-estimate) <= 7*n
}
