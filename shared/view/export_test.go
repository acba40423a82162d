package view

import (
	"errors"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
)

// Truth is what a where says.
type Truth = truth

const (
	IsFalse = isFalse
	IsTrue  = isTrue
	Failed  = failed
)

// Where evaluates the program's where.
func (p *Program) Where(b *event.Batch, row int) Truth { return p.where(b, row) }

// HasWhere says whether the program has a where.
func (p *Program) HasWhere() bool { return p.where != nil }

// AppendKey evaluates key field i.
func (p *Program) AppendKey(i int, b *event.Batch, row int, dst []byte) ([]byte, bool) {
	return p.keys[i](b, row, dst)
}

// Argument evaluates the argument of aggregate i; false: it has none.
func (p *Program) Argument(i int, b *event.Batch, rows []int32, out []aggregate.Decimal) bool {
	if p.argOf[i] == noArgument {
		return false
	}
	p.args[p.argOf[i]](b, rows, out)
	return true
}

// Paths are the columns of the set's fields.
func Paths(definitions ...Definition) ([]event.Path, error) {
	l, err := newLanguage()
	if err != nil {
		return nil, err
	}
	read := &columns{}
	for _, d := range definitions {
		if _, err := compileProgram(l, d, read); err != nil {
			return nil, err
		}
	}
	return read.paths, nil
}

// InterpretWhere compiles a filter for the interpreter alone.
func InterpretWhere(source string) (where func(b *event.Batch, row int) Truth, fields *event.Fields, err error) {
	l, err := newLanguage()
	if err != nil {
		return nil, nil, err
	}
	e, faults := l.check(source)
	if len(faults) > 0 {
		return nil, nil, errors.New(faults[0].text)
	}
	c := compiler{expression: e, columns: &columns{}}
	where = c.interpretedPredicate(e.ast.Expr())
	return where, event.NewFields(c.columns.paths), nil
}

// Interpreted says whether any part of a filter is left to the interpreter.
func Interpreted(source string) (bool, error) {
	l, err := newLanguage()
	if err != nil {
		return false, err
	}
	e, faults := l.check(source)
	if len(faults) > 0 {
		return false, errors.New(faults[0].text)
	}
	c := compiler{expression: e, columns: &columns{}}
	p := c.predicate(e.ast.Expr())
	return p == nil || c.interpreted > 0, nil
}

// Normal is the normal form of an expression of a where or a key.
func Normal(source string) (string, error) {
	l, err := newLanguage()
	if err != nil {
		return "", err
	}
	return l.normal(source), nil
}

// Decode makes the interpreter's value of a JSON value.
func Decode(b *event.Batch, v event.Value) (any, bool) { return decode(b, v) }
