package expression

import (
	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
)

// scalar appends the text of a value as a Key does, and returns the value's kind.
type scalar = func(b *event.Batch, row int, dst []byte) ([]byte, aggregate.ScalarKind, Truth)

// scalarTypes are the types of a key field and of a scalar argument.
func scalarTypes() []*cel.Type {
	return []*cel.Type{cel.StringType, cel.BoolType, cel.IntType, cel.UintType, cel.DoubleType}
}

// scalarArgument compiles an argument of the kinds Scalars and Hashes.
func (c *compiler) scalarArgument(e celast.Expr, kind aggregate.Kind) Argument {
	value := c.scalar(e)
	if kind == aggregate.Hashes {
		return hashArgument(value)
	}
	return func(b *event.Batch, rows []int32, into *aggregate.Column, scratch []byte) []byte {
		into.Scalars, scratch = resize(into.Scalars, len(rows)), scratch[:0]
		for i, row := range rows {
			start := len(scratch)
			// When scratch has to move, the texts so far stay where they are.
			text, kind, got := value(b, int(row), scratch)
			scratch = text
			if got != IsTrue {
				into.Scalars[i], scratch = aggregate.Scalar{Why: got.Reason()}, text[:start]
				continue
			}
			if len(text)-start > aggregate.MaxText {
				into.Scalars[i], scratch = aggregate.Scalar{Why: aggregate.TooLarge}, text[:start]
				continue
			}
			into.Scalars[i] = aggregate.Scalar{Kind: kind, Text: text[start:len(text):len(text)], OK: true}
		}
		return scratch
	}
}

func hashArgument(value scalar) Argument {
	return func(b *event.Batch, rows []int32, into *aggregate.Column, scratch []byte) []byte {
		into.Hashes = resize(into.Hashes, len(rows))
		for i, row := range rows {
			var kind aggregate.ScalarKind
			var got Truth
			if scratch, kind, got = value(b, int(row), scratch[:0]); got != IsTrue {
				into.Hashes[i] = aggregate.Hash{Why: got.Reason()}
				continue
			}
			into.Hashes[i] = aggregate.Hash{Sum: aggregate.HashOf(kind, scratch), OK: true}
		}
		return scratch
	}
}

// Reason returns the reason of a result that is neither true nor false.
func (t Truth) Reason() aggregate.Reason {
	switch t {
	case TooCostly:
		return aggregate.TooCostly
	case Absent:
		return aggregate.Missing
	case Mistyped:
		return aggregate.WrongType
	}
	return aggregate.Failed
}

// scalar compiles a value that is a key's text with its kind.
func (c *compiler) scalar(e celast.Expr) scalar {
	if path, ok := pathOf(e); ok {
		return scalarOfField(c.columns.field(path), c.key(e))
	}
	if kind, ok := kindOfType(c.ast.GetType(e.ID())); ok {
		value := c.key(e)
		return func(b *event.Batch, row int, dst []byte) ([]byte, aggregate.ScalarKind, Truth) {
			dst, got := value(b, row, dst)
			return dst, kind, got
		}
	}
	if e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.Conditional {
		if condition := c.predicate(e.AsCall().Args()[0]); condition != nil {
			return choiceOfScalars(condition, c.scalar(e.AsCall().Args()[1]), c.scalar(e.AsCall().Args()[2]))
		}
	}
	return c.interpretedScalar(e)
}

func scalarOfField(f field, key Key) scalar {
	return func(b *event.Batch, row int, dst []byte) ([]byte, aggregate.ScalarKind, Truth) {
		dst, got := key(b, row, dst)
		switch f.of(b, row).Kind {
		case event.Number:
			return dst, aggregate.Number, got
		case event.True, event.False:
			return dst, aggregate.Bool, got
		}
		return dst, aggregate.String, got
	}
}

func choiceOfScalars(condition Predicate, yes, no scalar) scalar {
	return func(b *event.Batch, row int, dst []byte) ([]byte, aggregate.ScalarKind, Truth) {
		switch t := condition(b, row); t {
		case IsTrue:
			return yes(b, row, dst)
		case IsFalse:
			return no(b, row, dst)
		default:
			return dst, aggregate.String, t
		}
	}
}

// kindOfType returns the kind of a type that is known before any event.
func kindOfType(t *cel.Type) (kind aggregate.ScalarKind, ok bool) {
	switch t.Kind() {
	case types.StringKind:
		return aggregate.String, true
	case types.BoolKind:
		return aggregate.Bool, true
	case types.IntKind, types.UintKind, types.DoubleKind:
		return aggregate.Number, true
	}
	return 0, false
}

func (c *compiler) interpretedScalar(e celast.Expr) scalar {
	i := c.interpret(e)
	return func(b *event.Batch, row int, dst []byte) ([]byte, aggregate.ScalarKind, Truth) {
		value, why := i.eval(b, row)
		if value == nil {
			return dst, aggregate.String, why
		}
		dst, got := c.appendKeyText(dst, value)
		switch value.(type) {
		case types.Bool:
			return dst, aggregate.Bool, got
		case types.Int, types.Uint, types.Double:
			return dst, aggregate.Number, got
		}
		return dst, aggregate.String, got
	}
}
