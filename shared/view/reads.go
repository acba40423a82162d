package view

import (
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Reads returns the fields of data and the extension attributes that a definition needs, each once, in the order of
// where, key and aggregates. It leaves out those that it tests for with has(): they are optional. types are the only
// types of events that count; nil: where does not say.
func (d Definition) Reads() (fields []event.Path, types []string) {
	var all, tested []event.Path
	for _, part := range d.expressions() {
		reads := expression.ReadsOf(part.text)
		all, tested = append(all, reads.Fields...), append(tested, reads.Tested...)
	}
	for _, path := range all {
		same := func(other event.Path) bool { return slices.Equal(path, other) }
		if !slices.ContainsFunc(tested, same) && !slices.ContainsFunc(fields, same) {
			fields = append(fields, path)
		}
	}
	return fields, expression.ReadsOf(d.Where).Types
}

// KindNeeded returns the kind of value that an aggregate's arithmetic needs in a field: a Number, or an Array whose
// elements it sums. Missing: no arithmetic reads the field.
func (d Definition) KindNeeded(field event.Path) event.Kind {
	for _, a := range d.Aggregates {
		for _, needed := range expression.NeedsOf(a.Expr) {
			if needed.Arrays == nil && slices.Equal(needed.Path, field) {
				return needed.Kind
			}
		}
	}
	return event.Missing
}

// ElementsNeeded returns what the arithmetic of an aggregate needs in the elements of arrays.
func (a Aggregate) ElementsNeeded() []expression.Needed {
	return slices.DeleteFunc(expression.NeedsOf(a.Expr), func(n expression.Needed) bool { return n.Arrays == nil })
}

// ReaderOf returns the first part of a definition that reads a field, and its text. ok is false if none does.
func (d Definition) ReaderOf(field event.Path) (place Place, text string, ok bool) {
	for _, part := range d.expressions() {
		same := func(other event.Path) bool { return slices.Equal(field, other) }
		if slices.ContainsFunc(expression.ReadsOf(part.text).Fields, same) {
			return part.Place, part.text, true
		}
	}
	return Place{}, "", false
}

// partText is the expression of a part.
type partText struct {
	Place
	text string
}

// expressions returns the expressions of a definition: where, key and aggregates.
func (d Definition) expressions() []partText {
	all := []partText{{Place{Part: WherePart}, d.Where}}
	for i, k := range d.Key {
		all = append(all, partText{Place{KeyPart, i}, k.Expr})
	}
	for i, a := range d.Aggregates {
		all = append(all, partText{Place{AggregatePart, i}, a.Expr})
	}
	return all
}
