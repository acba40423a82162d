package expression

import (
	"encoding/json"
	"strconv"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/event"
)

// key compiles the value of a key field.
func (c *compiler) key(e celast.Expr) Key {
	if path, ok := pathOf(e); ok {
		if c.rules.WrittenKeys {
			return keyOfField(c.columns.field(path), appendWrittenKey)
		}
		return keyOfField(c.columns.field(path), appendNumberKey)
	}
	if e.Kind() == celast.LiteralKind {
		return c.constantKey(e)
	}
	if e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.Conditional {
		if condition := c.predicate(e.AsCall().Args()[0]); condition != nil {
			return choice(condition, c.key(e.AsCall().Args()[1]), c.key(e.AsCall().Args()[2]))
		}
	}
	if c.ast.GetType(e.ID()).IsExactType(cel.BoolType) {
		if p := c.predicate(e); p != nil {
			return keyOfPredicate(p)
		}
	}
	return c.interpretedKey(e)
}

// keyOfField appends a string as it is, true or false as its JSON text, and a number as number does.
func keyOfField(f field, number func(dst, text []byte) ([]byte, Truth)) Key {
	return func(b *event.Batch, row int, dst []byte) ([]byte, Truth) {
		v := f.of(b, row)
		switch v.Kind {
		case event.String, event.True, event.False:
		case event.Number:
			return number(dst, b.Raw(v))
		case event.Missing, event.Null:
			return dst, Absent
		default:
			return dst, Mistyped
		}
		if !v.Escaped {
			return append(dst, b.Raw(v)...), IsTrue
		}
		// The free end of dst is the scratch memory. Text that fits is written right where it belongs.
		text, _ := b.Text(v, dst[len(dst):])
		return append(dst, text...), IsTrue
	}
}

func (c *compiler) constantKey(e celast.Expr) Key {
	text, usable := c.appendKeyText(nil, literal(e))
	return func(_ *event.Batch, _ int, dst []byte) ([]byte, Truth) { return append(dst, text...), usable }
}

func choice(condition Predicate, yes, no Key) Key {
	return func(b *event.Batch, row int, dst []byte) ([]byte, Truth) {
		switch t := condition(b, row); t {
		case IsTrue:
			return yes(b, row, dst)
		case IsFalse:
			return no(b, row, dst)
		default:
			return dst, t
		}
	}
}

func keyOfPredicate(p Predicate) Key {
	return func(b *event.Batch, row int, dst []byte) ([]byte, Truth) {
		switch t := p(b, row); t {
		case IsTrue, IsFalse:
			return strconv.AppendBool(dst, t == IsTrue), IsTrue
		default:
			return dst, t
		}
	}
}

func (c *compiler) interpretedKey(e celast.Expr) Key {
	i := c.interpret(e)
	return func(b *event.Batch, row int, dst []byte) ([]byte, Truth) {
		value, why := i.eval(b, row)
		if value == nil {
			return dst, why
		}
		return c.appendKeyText(dst, value)
	}
}

// appendKeyText appends a CEL value. It returns Absent for null, and Mistyped for any other value that cannot be a key.
func (c *compiler) appendKeyText(dst []byte, value any) ([]byte, Truth) {
	switch value := value.(type) {
	case types.String:
		return append(dst, value...), IsTrue
	case types.Bool:
		return strconv.AppendBool(dst, bool(value)), IsTrue
	case types.Int:
		return strconv.AppendInt(dst, int64(value), 10), IsTrue
	case types.Uint:
		return strconv.AppendUint(dst, uint64(value), 10), IsTrue
	case types.Double:
		if c.rules.WrittenKeys {
			return appendJSONDouble(dst, float64(value))
		}
		return appendDoubleKey(dst, float64(value))
	case types.Null:
		return dst, Absent
	}
	return dst, Mistyped
}

// appendWrittenKey appends a number as it is written.
func appendWrittenKey(dst, text []byte) ([]byte, Truth) { return append(dst, text...), IsTrue }

// appendJSONDouble appends a double as Go writes it in JSON. It returns Failed when it is infinite or not a number.
func appendJSONDouble(dst []byte, f float64) ([]byte, Truth) {
	text, err := json.Marshal(f)
	return append(dst, text...), truthOf(err == nil)
}
