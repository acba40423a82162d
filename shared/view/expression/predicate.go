package expression

import (
	"bytes"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/event"
)

// compiler compiles one checked expression to closures.
type compiler struct {
	checked
	columns     *Columns
	faults      []Fault
	interpreted int     // number of parts that the interpreter evaluates
	budget      *budget // of the whole expression
}

// where compiles a boolean expression, to closures where possible.
func (c *compiler) where(e celast.Expr) Predicate {
	if p := c.predicate(e); p != nil {
		return p
	}
	return c.interpretedPredicate(e)
}

// predicate compiles a boolean expression to closures. It returns nil when no part of it can be one. Each operand of
// &&, || and ! is decided separately, since their results do not depend on the order of evaluation.
func (c *compiler) predicate(e celast.Expr) Predicate {
	switch e.Kind() {
	case celast.LiteralKind:
		if value, ok := literal(e).(types.Bool); ok {
			return constantly(truthOf(bool(value)))
		}
	case celast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return c.presence(e.AsSelect())
		}
		return c.flag(e)
	case celast.IdentKind:
		return c.flag(e)
	case celast.CallKind:
		return c.call(e)
	}
	return nil
}

func (c *compiler) call(e celast.Expr) Predicate {
	call := e.AsCall()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr:
		return c.junction(e)
	case operators.LogicalNot:
		if operand := c.predicate(call.Args()[0]); operand != nil {
			return not(operand)
		}
	case operators.Index:
		return c.flag(e)
	case operators.In:
		return c.membership(call.Args()[0], call.Args()[1])
	case overloads.StartsWith, overloads.EndsWith, overloads.Contains:
		if call.IsMemberFunction() {
			return c.textTest(name, call.Target(), call.Args()[0])
		}
	default:
		if r, ok := relationOf(name); ok {
			return c.comparison(r, call.Args()[0], call.Args()[1])
		}
	}
	return nil
}

func truthOf(b bool) Truth {
	if b {
		return IsTrue
	}
	return IsFalse
}

func constantly(t Truth) Predicate {
	return func(*event.Batch, int) Truth { return t }
}

func not(operand Predicate) Predicate {
	return func(b *event.Batch, row int) Truth {
		switch t := operand(b, row); t {
		case IsTrue:
			return IsFalse
		case IsFalse:
			return IsTrue
		default:
			return t
		}
	}
}

// junction compiles a chain of && or of ||. Operands for the interpreter come last: often they need no evaluation then.
func (c *compiler) junction(e celast.Expr) Predicate {
	operator := e.AsCall().FunctionName()
	var terms []Predicate
	var rest []celast.Expr
	for _, operand := range operands(e, operator) {
		if p := c.predicate(operand); p != nil {
			terms = append(terms, p)
		} else {
			rest = append(rest, operand)
		}
	}
	if len(terms) == 0 {
		return nil
	}
	for _, operand := range rest {
		terms = append(terms, c.interpretedPredicate(operand))
	}
	decisive := truthOf(operator == operators.LogicalOr)
	if len(terms) == 2 {
		return either(decisive, terms[0], terms[1])
	}
	return anyOf(decisive, terms)
}

// operands are the operands of a chain of one operator.
func operands(e celast.Expr, operator string) []celast.Expr {
	if e.Kind() != celast.CallKind || e.AsCall().FunctionName() != operator {
		return []celast.Expr{e}
	}
	args := e.AsCall().Args()
	return append(operands(args[0], operator), operands(args[1], operator)...)
}

// either is && when decisive is isFalse, and || when it is isTrue. A decisive operand decides, whatever the other one
// is. Otherwise a failed operand fails the whole. An operand that is too costly ends the evaluation.
func either(decisive Truth, p, q Predicate) Predicate {
	neutral := IsTrue - decisive
	return func(b *event.Batch, row int) Truth {
		t := p(b, row)
		switch t {
		case neutral:
			return q(b, row)
		case decisive, TooCostly:
			return t
		}
		if other := q(b, row); other == decisive || other == TooCostly {
			return other
		}
		return t
	}
}

// anyOf is either for any number of operands.
func anyOf(decisive Truth, terms []Predicate) Predicate {
	return func(b *event.Batch, row int) Truth {
		neutral := IsTrue - decisive
		result := neutral
		for _, term := range terms {
			switch t := term(b, row); t {
			case decisive, TooCostly:
				return t
			case neutral:
			default:
				if result == neutral {
					result = t // the first that failed says why
				}
			}
		}
		return result
	}
}

// flag compiles a path that stands where a boolean is expected.
func (c *compiler) flag(e celast.Expr) Predicate {
	path, ok := pathOf(e)
	if !ok {
		return nil
	}
	f := c.columns.field(path)
	return func(b *event.Batch, row int) Truth {
		switch f.of(b, row).Kind {
		case event.True:
			return IsTrue
		case event.False:
			return IsFalse
		case event.Missing:
			return Absent
		}
		return Mistyped
	}
}

// presence compiles has(). An object has the field or not. has() fails on a list and on a missing value. All other
// values have no fields.
func (c *compiler) presence(s celast.SelectExpr) Predicate {
	path, ok := pathOf(s.Operand())
	if !ok {
		return nil
	}
	if len(path) == 1 && path[0] == extensions {
		tested := c.columns.field(append(path, s.FieldName()))
		return func(b *event.Batch, row int) Truth { return truthOf(tested.of(b, row).Kind != event.Missing) }
	}
	above := c.columns.field(path)
	tested := c.columns.field(append(path[:len(path):len(path)], s.FieldName()))
	return func(b *event.Batch, row int) Truth {
		if tested.of(b, row).Kind != event.Missing {
			return IsTrue
		}
		switch above.of(b, row).Kind {
		case event.Missing:
			return Absent
		case event.Array:
			return Mistyped
		}
		return IsFalse
	}
}

// textTest compiles startsWith, endsWith and contains with a constant.
func (c *compiler) textTest(function string, target, arg celast.Expr) Predicate {
	path, isPath := pathOf(target)
	value, isText := literal(arg).(types.String)
	if !isPath || !isText {
		return nil
	}
	test := bytes.Contains
	switch function {
	case overloads.StartsWith:
		test = bytes.HasPrefix
	case overloads.EndsWith:
		test = bytes.HasSuffix
	}
	f, want := c.columns.field(path), []byte(value)
	return func(b *event.Batch, row int) Truth {
		v := f.of(b, row)
		switch v.Kind {
		case event.String:
		case event.Missing:
			return Absent
		default:
			return Mistyped
		}
		text, _ := b.Text(v, nil)
		return truthOf(test(text, want))
	}
}
