package expression

import (
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
)

// term is decimal arithmetic over the fields of an event.
type term struct {
	operator    string // "+", "-" or "*"; "neg" with a left side only; "sum" of an array; empty: a constant or a path
	left, right *term  // of a sum: the path of the array, and what is summed of each element
	variable    string // of a sum: the name of an element
	constant    aggregate.Decimal
	path        event.Path // nil: a constant; not nil, but maybe empty, below an element
	pathText    string
	element     int // of a sum: its number, 1 for the outermost; of a path: the sum whose element it begins at, or 0
}

const (
	negation   = "neg"
	summation  = "sum"
	summations = 8 // how many can be around each other: maxNesting, of which each takes two
)

// text writes a term so that it reads back as the same tree. A decimal may go out of range on the way, so the order of
// evaluation matters.
func (t *term) text() string {
	switch {
	case t.operator == negation && (t.left.operator == "" || t.left.operator == summation):
		return "-" + t.left.text()
	case t.operator == negation:
		return "-(" + t.left.text() + ")"
	case t.operator == summation:
		return t.left.text() + ".map(" + t.variable + ", " + t.right.text() + ")"
	case t.operator != "":
		return t.left.within(precedence(t.operator)) + " " + t.operator + " " + t.right.within(precedence(t.operator)+1)
	case t.path != nil:
		return t.pathText
	}
	text := string(t.constant.AppendText(nil))
	if _, err := strconv.ParseInt(text, 10, 64); err != nil && !strings.Contains(text, ".") {
		return text + ".0" // CEL accepts no integer above 64 bits
	}
	return text
}

// within returns the text of a term for a place that needs at least some precedence.
func (t *term) within(needed int) string {
	if precedence(t.operator) < needed {
		return "(" + t.text() + ")"
	}
	return t.text()
}

func precedence(operator string) int {
	switch operator {
	case "+", "-":
		return 1
	case "*":
		return 2
	}
	return 3
}

// evaluation is the state of an argument while it is evaluated for one row after the other.
type evaluation struct {
	batch    *event.Batch
	row      int
	meter    meter                       // of the row; only sums charge it
	elements [summations + 1]event.Value // of the sums around a term, by their numbers
}

func (t *term) compile(read *Columns, numbers aggregate.Limit) func(e *evaluation) aggregate.Decimal {
	switch t.operator {
	case "":
		if t.path == nil {
			constant := t.constant
			return func(*evaluation) aggregate.Decimal { return constant }
		}
		value := t.value(read)
		return func(e *evaluation) aggregate.Decimal { return decimalOf(e.batch, value(e), numbers) }
	case negation:
		operand := t.left.compile(read, numbers)
		return func(e *evaluation) aggregate.Decimal { return operand(e).Neg() }
	case summation:
		return t.sum(read, numbers)
	}
	left, right := t.left.compile(read, numbers), t.right.compile(read, numbers)
	switch t.operator {
	case "+":
		return func(e *evaluation) aggregate.Decimal { return numbers.Add(left(e), right(e)) }
	case "-":
		return func(e *evaluation) aggregate.Decimal { return numbers.Sub(left(e), right(e)) }
	}
	return func(e *evaluation) aggregate.Decimal { return numbers.Mul(left(e), right(e)) }
}

// isNeverAbove0 reports whether a term is the same for every event, and 0 or below.
func (t *term) isNeverAbove0() bool {
	if !t.isConstant() {
		return false
	}
	value := t.compile(nil, aggregate.Limit{})(nil)
	return value.OK && (value.Hi < 0 || value == aggregate.Decimal{OK: true})
}

// isConstant reports whether a term reads nothing of an event.
func (t *term) isConstant() bool {
	return t == nil || t.path == nil && t.left.isConstant() && t.right.isConstant()
}
