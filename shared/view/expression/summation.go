package expression

import (
	"slices"

	celast "cel.dev/cel-go/common/ast"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
)

// summation reads a macro. Only data.items.map(i, i.price * i.pieces) is allowed: the sum of what it makes of each
// element.
func (r *termReader) summation(e celast.Expr) *term {
	macro, ok := r.ast.SourceInfo().GetMacroCall(e.ID())
	if !ok {
		return r.fail(e, "this is not allowed in an argument; %s", argumentGrammar)
	}
	name, args := macro.AsCall().FunctionName(), len(macro.AsCall().Args())
	loop := e.AsComprehension()
	at := max(0, offsetOf(r.ast, e)-len(name))
	switch path, isPath := pathOf(loop.IterRange()); {
	case name == "map" && isFilter(r.ast, loop.IterRange()):
		return r.summation(loop.IterRange())
	case name == "filter" || name == "map" && args == 3:
		return r.failAt(at, "a sum over an array cannot leave out elements; multiply by a field that is 0 for them, or send "+
			"the elements to be summed as a field of their own")
	case name != "map":
		return r.failAt(at, "%s is not allowed in an argument; %s", name, argumentGrammar)
	case !isPath:
		return r.failAt(at, "map needs a path before it in an argument; %s", summationExample)
	case knows(loop.IterVar()):
		return r.failAt(at, "%s is an attribute, so an element needs another name; %s", loop.IterVar(), summationExample)
	case len(r.bound) == summations:
		return r.failAt(at, "sums over arrays are nested too deeply; the maximum is %d levels", summations)
	default:
		array := r.path(loop.IterRange(), path)
		r.bound = append(r.bound, loop.IterVar())
		element := len(r.bound)
		body := r.read(loop.LoopStep().AsCall().Args()[1].AsList().Elements()[0])
		r.bound = r.bound[:element-1]
		return &term{operator: summation, left: array, right: body, variable: loop.IterVar(), element: element}
	}
}

const summationExample = "write for example data.items.map(i, i.price * i.pieces)"

func isFilter(ast *celast.AST, e celast.Expr) bool {
	macro, ok := ast.SourceInfo().GetMacroCall(e.ID())
	return ok && macro.AsCall().FunctionName() == "filter"
}

// elementOf returns the sum whose element has a name, counted from 1; 0: no sum around here has it.
func (r *termReader) elementOf(name string) int {
	for i, bound := range slices.Backward(r.bound) {
		if bound == name {
			return i + 1
		}
	}
	return 0
}

// value compiles a path to the value at its end.
func (t *term) value(read *Columns) func(e *evaluation) event.Value {
	if t.element == 0 {
		f := read.field(t.path)
		return func(e *evaluation) event.Value { return f.of(e.batch, e.row) }
	}
	path, element := t.path, t.element
	if len(path) == 0 {
		return func(e *evaluation) event.Value { return e.elements[element] }
	}
	return func(e *evaluation) event.Value {
		v := e.elements[element]
		if !e.pay(sizeSteps(v)) {
			return event.Value{}
		}
		return e.batch.Below(v, path)
	}
}

// sum compiles the sum of an array. A sum over no elements is 0. When an element has no number, the sum has none, for
// the first reason of all its elements.
func (t *term) sum(read *Columns, numbers aggregate.Limit) func(e *evaluation) aggregate.Decimal {
	array, body, element, steps := t.left.value(read), t.right.compile(read, numbers), t.element, t.right.size()
	return func(e *evaluation) aggregate.Decimal {
		v := array(e)
		switch v.Kind {
		case event.Array:
		case event.Missing, event.Null:
			return aggregate.Without(aggregate.Missing)
		default:
			return aggregate.Without(aggregate.NotNumber)
		}
		total := aggregate.Decimal{OK: true}
		if !e.pay(sizeSteps(v)) {
			return total
		}
		for each := range e.batch.Elements(v) {
			if !e.pay(steps) {
				break
			}
			e.elements[element] = each
			total = numbers.Add(total, body(e))
		}
		return total
	}
}

// pay charges for steps of the row, before the work. Once it returns false, the argument is too costly, whatever the
// rest of it is.
func (e *evaluation) pay(steps int) bool {
	if !e.meter.spent() {
		e.meter.left -= steps
	}
	return !e.meter.spent()
}

func sizeSteps(v event.Value) int { return int(v.End-v.Start) >> decodeShift }

// size returns the number of parts of a term, which is how many steps it takes without the sums in it.
func (t *term) size() int {
	if t == nil {
		return 0
	}
	return 1 + t.left.size() + t.right.size()
}
