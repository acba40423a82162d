package expression

import (
	"slices"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// Reads is what an expression reads of an event.
type Reads struct {
	Fields []event.Path // the fields of data and the extension attributes that it needs
	Tested []event.Path // those that it tests for with has()
	Types  []string     // the only types of events for which it can be true; nil: it does not say
}

// ReadsOf finds what an expression, or the call of an aggregate, reads. An expression with faults reads nothing.
func ReadsOf(source string) Reads {
	parsed, faults := parse(source, File)
	if len(faults) > 0 {
		return Reads{}
	}
	root := parsed.NativeRep().Expr()
	r := Reads{Types: typesOf(root)}
	r.add(root)
	return r
}

// ReadsData reports whether an expression, or the call of an aggregate, reads a field of data. It reads the expression
// as a stored one, since it decides the reason of what is skipped.
func ReadsData(source string) bool {
	parsed, faults := parse(source, Stored)
	if len(faults) > 0 {
		return false
	}
	var r Reads
	r.add(parsed.NativeRep().Expr())
	return slices.ContainsFunc(r.Fields, func(path event.Path) bool { return path[0] == dataAttribute })
}

// Needed is a field that arithmetic reads, and the kind of value that it needs: a Number, or an Array whose elements it
// sums.
type Needed struct {
	// Arrays are the arrays that contain the field, the outermost first. The path of an inner array begins at an element
	// of the array before it. nil: the field is in no array.
	Arrays []event.Path
	// Path leads from the event to the field; with Arrays, from an element of the last array. Empty: that element itself.
	Path event.Path
	Kind event.Kind
}

// NeedsOf finds what the arithmetic of an aggregate's call needs. A call with faults needs nothing.
func NeedsOf(source string) []Needed {
	call, faults := ParseCall(source, engine.Newest(), File)
	if len(faults) > 0 {
		return nil
	}
	var all []Needed
	for _, argument := range call.arguments {
		all = argument.term.needs(event.Number, [][]event.Path{nil}, all)
	}
	return all
}

// needs appends what a term needs to all. The term itself must have a value of the given kind; a nil term needs
// nothing. A path in the term begins at the event, or at an element of a sum around it: around[n] holds the arrays down
// to the elements of sum n, and around[0], for the event, holds none.
func (t *term) needs(kind event.Kind, around [][]event.Path, all []Needed) []Needed {
	switch {
	case t == nil:
		return all
	case t.operator == summation:
		array := append(slices.Clone(around[t.left.element]), withoutExtensions(t.left.path))
		all = t.left.needs(event.Array, around, all)
		return t.right.needs(event.Number, append(slices.Clone(around), array), all)
	case t.operator != "":
		return t.right.needs(event.Number, around, t.left.needs(event.Number, around, all))
	case t.path == nil: // a constant
		return all
	}
	return append(all, Needed{around[t.element], withoutExtensions(t.path), kind})
}

func withoutExtensions(path event.Path) event.Path {
	if len(path) > 0 && path[0] == extensions {
		return path[1:]
	}
	return path
}

// add adds what a part of the expression reads. A macro variable called data or ext counts as the attribute.
func (r *Reads) add(e celast.Expr) {
	if root, path := chainOf(e); root != nil {
		r.addPath(path, e.Kind() == celast.SelectKind && e.AsSelect().IsTestOnly())
		return
	}
	for _, child := range children(e) {
		r.add(child)
	}
}

func (r *Reads) addPath(path event.Path, tested bool) {
	switch {
	case len(path) < 2 || path[0] != dataAttribute && path[0] != extensions:
		return
	case path[0] == extensions:
		path = path[1:]
	}
	if tested {
		r.Tested = append(r.Tested, path)
	} else {
		r.Fields = append(r.Fields, path)
	}
}

// typesOf returns the types that a filter compares the attribute type with, where all of it holds only for these.
func typesOf(e celast.Expr) []string {
	if e.Kind() != celast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		if left := typesOf(args[0]); left != nil {
			return left
		}
		return typesOf(args[1])
	case operators.Equals:
		for i, arg := range args {
			text, ok := literal(args[1-i]).(types.String)
			if ok && arg.Kind() == celast.IdentKind && arg.AsIdent() == "type" {
				return []string{string(text)}
			}
		}
	case operators.In:
		if args[0].Kind() != celast.IdentKind || args[0].AsIdent() != "type" || args[1].Kind() != celast.ListKind {
			return nil
		}
		var all []string
		for _, element := range args[1].AsList().Elements() {
			text, ok := literal(element).(types.String)
			if !ok {
				return nil
			}
			all = append(all, string(text))
		}
		return all
	}
	return nil
}
