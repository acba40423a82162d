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
	sources := []string{d.Where}
	for _, k := range d.Key {
		sources = append(sources, k.Expr)
	}
	for _, a := range d.Aggregates {
		sources = append(sources, a.Expr)
	}
	var all, tested []event.Path
	for _, source := range sources {
		reads := expression.ReadsOf(source)
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
