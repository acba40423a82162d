package expression

import (
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
)

// term is decimal arithmetic over the fields of an event.
type term struct {
	operator    string // "+", "-" or "*"; "neg" with a left side only; empty: a constant or a path
	left, right *term
	constant    aggregate.Decimal
	path        event.Path // nil: a constant
	pathText    string
}

const negation = "neg"

// text writes a term so that it reads back as the same tree. A decimal may go out of range on the way, so the order of
// evaluation matters.
func (t *term) text() string {
	switch {
	case t.operator == negation && t.left.operator == "":
		return "-" + t.left.text()
	case t.operator == negation:
		return "-(" + t.left.text() + ")"
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
	if t.operator != "" && t.operator != negation && precedence(t.operator) < needed {
		return "(" + t.text() + ")"
	}
	return t.text()
}

func precedence(operator string) int {
	if operator == "*" {
		return 2
	}
	return 1
}

func (t *term) compile(read *Columns, numbers aggregate.Limit) func(b *event.Batch, row int) aggregate.Decimal {
	switch t.operator {
	case "":
		if t.path == nil {
			constant := t.constant
			return func(*event.Batch, int) aggregate.Decimal { return constant }
		}
		f := read.field(t.path)
		return func(b *event.Batch, row int) aggregate.Decimal { return decimalOf(b, f.of(b, row), numbers) }
	case negation:
		operand := t.left.compile(read, numbers)
		return func(b *event.Batch, row int) aggregate.Decimal { return operand(b, row).Neg() }
	}
	left, right := t.left.compile(read, numbers), t.right.compile(read, numbers)
	switch t.operator {
	case "+":
		return func(b *event.Batch, row int) aggregate.Decimal { return numbers.Add(left(b, row), right(b, row)) }
	case "-":
		return func(b *event.Batch, row int) aggregate.Decimal { return numbers.Sub(left(b, row), right(b, row)) }
	}
	return func(b *event.Batch, row int) aggregate.Decimal { return numbers.Mul(left(b, row), right(b, row)) }
}
