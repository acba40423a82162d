package expression

import (
	"errors"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// InterpretFilter compiles a filter for the interpreter alone.
func InterpretFilter(source string) (where func(b *event.Batch, row int) Truth, fields *event.Fields, err error) {
	e, faults := check(source, engine.Newest(), File)
	if len(faults) > 0 {
		return nil, nil, errors.New(faults[0].Text)
	}
	c := compiler{checked: e, columns: &Columns{}, budget: &budget{}}
	where = c.interpretedPredicate(e.ast.Expr())
	return where, event.NewFields(c.columns.paths), nil
}

// Interpreted says whether any part of a filter is left to the interpreter.
func Interpreted(source string) (bool, error) {
	e, faults := check(source, engine.Newest(), File)
	if len(faults) > 0 {
		return false, errors.New(faults[0].Text)
	}
	c := compiler{checked: e, columns: &Columns{}, budget: &budget{}}
	p := c.predicate(e.ast.Expr())
	return p == nil || c.interpreted > 0, nil
}

// CompileScalar compiles a value as an argument of the kinds Scalars or Hashes.
func CompileScalar(source string, kind aggregate.Kind) (Argument, *event.Fields, []Fault) {
	e, faults := check(source, engine.Newest(), File)
	if len(faults) > 0 {
		return nil, nil, faults
	}
	c := compiler{checked: e, columns: &Columns{}, budget: &budget{}}
	argument := c.scalarArgument(e.ast.Expr(), kind)
	return argument, event.NewFields(c.columns.paths), c.faults
}

// Decode makes the interpreter's value of a JSON value.
func Decode(b *event.Batch, v event.Value) (any, bool) { return decode(b, v) }

// Plain is a decoded value with objects as Go maps.
func Plain(value any) any {
	switch value := value.(type) {
	case *object:
		members := map[string]any{}
		for name, member := range value.Value().(map[string]any) {
			members[name] = Plain(member)
		}
		return members
	case []any:
		elements := make([]any, len(value))
		for i, element := range value {
			elements[i] = Plain(element)
		}
		return elements
	}
	return value
}
