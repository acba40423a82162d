package history

import (
	"fmt"
	"math/big"
	"strconv"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
)

// marksOf reads the marks of one part, and compares their number with the count beside them.
func marksOf(o present.Object) (all [marksPerGroup]int, err error) {
	if len(o) != 2 {
		return all, fmt.Errorf("%d values, want 2", len(o))
	}
	sum, count := valueOf(o, "marks"), valueOf(o, "events")
	if all, err = digits(sum); err != nil {
		return all, err
	}
	n := 0
	for _, d := range all {
		n += d
	}
	if strconv.Itoa(n) != count {
		return all, fmt.Errorf("%s events, but the marks are %s", count, sum)
	}
	return all, nil
}

func valueOf(o present.Object, name string) string {
	for _, m := range o {
		if m.Name == name {
			return string(m.Value)
		}
	}
	return ""
}

// countOf returns the number of events of a row or of a total, or -1 when it does not say one.
func countOf(view int, values present.Object) int64 {
	n, err := strconv.ParseInt(valueOf(values, counts[view]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func show(o *present.Object) string {
	if o == nil {
		return "nothing"
	}
	text, err := o.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// is reports whether the values are what the state presents.
func (s state) is(view int, values present.Object) bool {
	for _, m := range values {
		same := s.value(m.Name) == string(m.Value)
		if m.Name == "ids" {
			same = simulation.SameIDs(string(m.Value), s.value(m.Name))
		}
		if !same {
			return false
		}
	}
	return len(values) == len(valueNames(view))
}

func (s state) value(name string) string {
	number := func(n *big.Int) string {
		if n == nil {
			return "null"
		}
		return decimal(n)
	}
	switch name {
	case "purchases", "events":
		return strconv.FormatInt(s.count, 10)
	case "amount", "marks", "labels":
		return number(s.sum)
	case "smallest":
		return number(s.min)
	case "largest":
		return number(s.max)
	case "gains":
		return number(s.gains)
	case "mean":
		return s.mean()
	case "ids":
		return s.identities()
	case "first":
		return s.end(-1)
	case "last":
		return s.end(1)
	case "spread":
		return s.spread()
	case "often":
		return s.often()
	}
	return ""
}

// valueNames are the names of the values of a view's rows, in order.
func valueNames(view int) []string {
	switch view {
	case byUser:
		return []string{"purchases", "amount", "mean", "smallest", "largest", "gains", "ids", "first", "last"}
	case everything:
		return []string{"events", "amount", "spread", "often"}
	case marks:
		return []string{"events", "marks"}
	}
	return []string{"events", "labels"}
}
