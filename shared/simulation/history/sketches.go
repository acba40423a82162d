package history

import (
	"math/big"
	"strconv"

	"github.com/anabranch/anabranch/shared/simulation"
)

// folded is the events of a state: one copy, with the amount that sums count of it, or the events of two states.
type folded struct {
	of          *copyOf
	amount      *big.Int
	left, right *folded
}

func joined(a, b *folded) *folded {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &folded{left: a, right: b}
}

// each calls do for every event.
func (f *folded) each(do func(of *copyOf, amount *big.Int)) {
	for ; f != nil; f = f.left {
		f.right.each(do)
		if f.of != nil {
			do(f.of, f.amount)
		}
	}
}

// identities returns how many different events there are.
func (s state) identities() string {
	all := map[*identity]bool{}
	s.events.each(func(c *copyOf, _ *big.Int) { all[c.identity] = true })
	return strconv.Itoa(len(all))
}

// spread is the quantiles of the amounts.
func (s state) spread() string {
	var amounts []*big.Int
	s.events.each(func(_ *copyOf, amount *big.Int) {
		if amount != nil {
			amounts = append(amounts, amount)
		}
	})
	return simulation.Quantiles(amounts)
}

// often is the most frequent types.
func (s state) often() string {
	var types []string
	s.events.each(func(c *copyOf, _ *big.Int) { types = append(types, c.sample().kind) })
	return simulation.Often(2, types)
}

// end is the id of the first event, with sign -1, or of the last one, with sign 1.
func (s state) end(sign int) string {
	var found *copyOf
	moment := func(c *copyOf) simulation.Moment {
		return simulation.Moment{Millis: c.time(), Source: "shop", ID: c.id()}
	}
	s.events.each(func(c *copyOf, _ *big.Int) {
		if found == nil || moment(c).Compare(moment(found)) == sign {
			found = c
		}
	})
	if found == nil {
		return "null"
	}
	return strconv.Quote(found.id())
}

func (i *identity) id() string { return "e" + strconv.Itoa(i.n) }
