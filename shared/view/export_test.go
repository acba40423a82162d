package view

import (
	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Where evaluates the program's where.
func (p *Program) Where(b *event.Batch, row int) expression.Truth { return p.where(b, row) }

// HasWhere reports whether the program has a where.
func (p *Program) HasWhere() bool { return p.where != nil }

// AppendKey evaluates key field i.
func (p *Program) AppendKey(i int, b *event.Batch, row int, dst []byte) ([]byte, bool) {
	dst, result := p.keys[i](b, row, dst)
	return dst, result == expression.IsTrue
}

// Argument evaluates the argument of aggregate i; false: the aggregate has none.
func (p *Program) Argument(i int, b *event.Batch, rows []int32, out []aggregate.Decimal) bool {
	at := p.inputOf[i]
	if at == noInput {
		return false
	}
	column := aggregate.Column{Numbers: out}
	p.inputs[at].arguments[0](b, rows, &column, nil)
	copy(out, column.Numbers)
	return true
}

// Paths returns the columns of the set's fields.
func Paths(definitions ...Definition) []event.Path {
	read := &expression.Columns{}
	for _, d := range definitions {
		compile(d, engine.Newest(), expression.File, read)
	}
	return read.Paths()
}
