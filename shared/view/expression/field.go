package expression

import (
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/event"
)

// field is a path of an expression, resolved to the place where a batch holds its values.
type field struct {
	column    int
	attribute bool // other than data: null means absent, CloudEvents JSON format 1.0.2, section 2.3
}

// Every batch has the source and id of its events without asking for them.
const (
	sourceColumn = -1
	idColumn     = -2
)

func (c *Columns) field(path event.Path) field {
	if path[0] == extensions && len(path) > 1 {
		return c.field(path[1:]) // in the event, extensions stand beside the other attributes
	}
	if len(path) > 1 || path[0] == dataAttribute {
		return field{column: c.of(path)}
	}
	switch path[0] {
	case "source":
		return field{column: sourceColumn}
	case "id":
		return field{column: idColumn}
	}
	return field{column: c.of(path), attribute: true}
}

// of returns the field's value in one row.
func (f field) of(b *event.Batch, row int) event.Value {
	if f.column < 0 {
		return f.identifying(b, row)
	}
	v := b.Columns[f.column][row]
	if f.attribute && v.Kind == event.Null {
		return event.Value{}
	}
	return v
}

func (f field) identifying(b *event.Batch, row int) event.Value {
	if f.column == sourceColumn {
		return b.Sources[row]
	}
	return b.IDs[row]
}

// pathOf returns the path that an expression is, if it is one: data.a.b, data["a b"], or an attribute. Its first name
// is a variable of a comprehension only inside a sum over an array: no other comprehension is compiled.
func pathOf(e celast.Expr) (path event.Path, ok bool) {
	switch e.Kind() {
	case celast.IdentKind:
		return event.Path{e.AsIdent()}, e.AsIdent() != timeAttribute
	case celast.SelectKind:
		s := e.AsSelect()
		path, ok = pathOf(s.Operand())
		return append(path, s.FieldName()), ok && !s.IsTestOnly()
	case celast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index {
			return nil, false
		}
		name, isName := literal(call.Args()[1]).(types.String)
		if !isName {
			return nil, false
		}
		path, ok = pathOf(call.Args()[0])
		return append(path, string(name)), ok
	}
	return nil, false
}

// literal returns the value of a constant, or nil when e is not one.
func literal(e celast.Expr) any {
	if e.Kind() != celast.LiteralKind {
		return nil
	}
	return e.AsLiteral()
}
