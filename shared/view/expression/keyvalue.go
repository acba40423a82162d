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
		return keyOfField(c.columns.field(path))
	}
	if e.Kind() == celast.LiteralKind {
		return constantKey(e)
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

// keyOfField appends a string as it is, and a number, true or false as its JSON text.
func keyOfField(f field) Key {
	return func(b *event.Batch, row int, dst []byte) ([]byte, bool) {
		v := f.of(b, row)
		switch v.Kind {
		case event.String, event.Number, event.True, event.False:
		default:
			return dst, false
		}
		if !v.Escaped {
			return append(dst, b.Raw(v)...), true
		}
		// The free end of dst is the scratch memory. Text that fits is written right where it belongs.
		text, _ := b.Text(v, dst[len(dst):])
		return append(dst, text...), true
	}
}

func constantKey(e celast.Expr) Key {
	text, ok := appendKeyText(nil, literal(e))
	return func(_ *event.Batch, _ int, dst []byte) ([]byte, bool) { return append(dst, text...), ok }
}

func choice(condition Predicate, yes, no Key) Key {
	return func(b *event.Batch, row int, dst []byte) ([]byte, bool) {
		switch condition(b, row) {
		case IsTrue:
			return yes(b, row, dst)
		case IsFalse:
			return no(b, row, dst)
		}
		return dst, false
	}
}

func keyOfPredicate(p Predicate) Key {
	return func(b *event.Batch, row int, dst []byte) ([]byte, bool) {
		t := p(b, row)
		if t == Failed {
			return dst, false
		}
		return strconv.AppendBool(dst, t == IsTrue), true
	}
}

func (c *compiler) interpretedKey(e celast.Expr) Key {
	i := c.interpret(e)
	return func(b *event.Batch, row int, dst []byte) ([]byte, bool) {
		return appendKeyText(dst, i.eval(b, row))
	}
}

// appendKeyText appends a CEL value. It returns false for a value that cannot be a key.
func appendKeyText(dst []byte, value any) ([]byte, bool) {
	switch value := value.(type) {
	case types.String:
		return append(dst, value...), true
	case types.Bool:
		return strconv.AppendBool(dst, bool(value)), true
	case types.Int:
		return strconv.AppendInt(dst, int64(value), 10), true
	case types.Uint:
		return strconv.AppendUint(dst, uint64(value), 10), true
	case types.Double:
		text, err := json.Marshal(float64(value)) // the error: it is infinite or no number
		return append(dst, text...), err == nil
	}
	return dst, false
}
