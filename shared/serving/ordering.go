package serving

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view"
)

// Order orders groups by the answer of an aggregate over the whole range. Groups without a number come last, and equal
// ones in the order of keys. The zero Order is that of keys.
type Order struct {
	By   string // name of an aggregate, or of one of its readings: "views", "latency.p95"
	Down bool   // the greatest number first
}

// ordering is an Order, as a program understands it.
type ordering struct {
	byValue   bool
	aggregate int
	reading   aggregate.Reading
	down      bool
}

// place is where a group stands in an order.
type place struct {
	value string // of the aggregate, as JSON; "" in the order of keys
	key   view.Key
}

// orderingOf finds the aggregate of an order. Errors: *ParameterError.
func (r Reader) orderingOf(o Order) (ordering, error) {
	if o.By == "" {
		return ordering{}, nil
	}
	at, readings, fault := findValue(r.Program, o.By)
	switch {
	case fault != "":
	case !r.Program.Functions[at].IsNumber():
		fault = fmt.Sprintf("names %s, which is no number", r.Program.Definition.Aggregates[at].Expr)
	case len(readings) > 1:
		fault = fmt.Sprintf("needs a reading of %s; write %s.%s", r.Program.Definition.Aggregates[at].Expr, o.By,
			readings[0].Name)
	}
	if fault != "" {
		return ordering{}, &ParameterError{"order", fmt.Sprintf("order=%.80q %s", o, fault)}
	}
	found := ordering{byValue: true, aggregate: at, down: o.Down}
	if len(readings) > 0 {
		found.reading = readings[0]
	}
	return found, nil
}

// String returns the order as a query writes it.
func (o Order) String() string {
	if o.Down {
		return "-" + o.By
	}
	return o.By
}

// compare orders two groups.
func (o ordering) compare(a, b place) int {
	if o.byValue {
		if c := o.compareValues(a.value, b.value); c != 0 {
			return c
		}
	}
	return strings.Compare(string(a.key), string(b.key))
}

func (o ordering) compareValues(a, b string) int {
	switch x, y := isNumber(a), isNumber(b); {
	case !x && !y:
		return 0
	case !x:
		return 1
	case !y:
		return -1
	case o.down:
		a, b = b, a
	}
	return compareNumbers(a, b)
}

func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9')
}

// compareNumbers compares numbers in plain decimal notation, with all their digits.
func compareNumbers(a, b string) int {
	x, negative := strings.CutPrefix(a, "-")
	y, negativeB := strings.CutPrefix(b, "-")
	switch {
	case negative && negativeB:
		return compareMagnitudes(y, x)
	case negative:
		return -1
	case negativeB:
		return 1
	}
	return compareMagnitudes(x, y)
}

func compareMagnitudes(a, b string) int {
	whole, fraction, _ := strings.Cut(a, ".")
	wholeB, fractionB, _ := strings.Cut(b, ".")
	if len(whole) != len(wholeB) {
		return len(whole) - len(wholeB)
	}
	if c := strings.Compare(whole, wholeB); c != 0 {
		return c
	}
	return strings.Compare(strings.TrimRight(fraction, "0"), strings.TrimRight(fractionB, "0"))
}
