package expression

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// Call is the expression of an aggregate: a function with its arguments, its parameter and its condition.
type Call struct {
	Function aggregate.Function

	arguments []operand
	condition *operand // nil: every row counts
	numbers   aggregate.Limit
}

// operand is an argument or the condition of a call.
type operand struct {
	text string // in its normal form
	kind aggregate.Kind
	term *term // of decimal arithmetic; nil: a CEL expression
	checked
	part celast.Expr // of the checked expression
}

// ParseCall reads the expression of an aggregate by the rules, such as sum(data.price * data.pieces, data.paid).
func ParseCall(source string, rules engine.Rules, mode Mode) (Call, []Fault) {
	syntax, faults := parse(source, mode)
	if len(faults) > 0 {
		return Call{}, faults
	}
	r := callReader{source: source, rules: rules, mode: mode, ast: syntax.NativeRep()}
	function, faults := r.function()
	if len(faults) > 0 {
		return Call{}, faults
	}
	if rules.BareExtensions {
		extendNames(r.ast)
	}
	call := Call{numbers: rules.Numbers}
	places := make([]int, len(r.ast.Expr().AsCall().Args()))
	for i := range places {
		places[i] = i
	}
	places, parameter, faults := r.parameter(function, places)
	if len(faults) > 0 {
		return Call{}, faults
	}
	places, call.condition, faults = r.condition(function, places)
	if len(faults) > 0 {
		return Call{}, faults
	}
	if faults := r.checkNumber(function, len(places)); len(faults) > 0 {
		return Call{}, faults
	}
	call.Function = function.With(len(places), parameter)
	for i, kind := range call.Function.Arguments() {
		argument, wrong := r.argument(places[i], kind)
		call.arguments, faults = append(call.arguments, argument), append(faults, wrong...)
	}
	return call, faults
}

// callReader reads a call from its syntax tree.
type callReader struct {
	source string
	rules  engine.Rules
	mode   Mode
	ast    *celast.AST
}

func (r callReader) arg(place int) celast.Expr { return r.ast.Expr().AsCall().Args()[place] }

// function finds the function that is called.
func (r callReader) function() (aggregate.Function, []Fault) {
	root, names := r.ast.Expr(), aggregate.Names()
	if root.Kind() == celast.IdentKind && slices.Contains(names, root.AsIdent()) {
		function, _ := aggregate.Lookup(root.AsIdent())
		if function.Required() == 0 {
			return function, faultf(0, "%s is a function; write %[1]s()", root.AsIdent())
		}
		return function, faultf(0, "%s is a function; write for example %s", root.AsIdent(), exampleOf(function))
	}
	if root.Kind() != celast.CallKind || root.AsCall().IsMemberFunction() || !isWord(root.AsCall().FunctionName()) {
		return aggregate.Function{}, faultf(0,
			"an aggregate must be one function around its arithmetic, for example sum(data.price * 100); "+
				"the aggregates are %s", strings.Join(names, ", "))
	}
	name := root.AsCall().FunctionName()
	function, ok := aggregate.Lookup(name)
	if !ok {
		return function, faultf(callOffset(r.ast, root), "unknown aggregate %q; %s",
			spelling.Shorten(name), suggestAggregate(name, names))
	}
	return function, r.refuseNested(function)
}

// refuseNested finds an aggregate inside an aggregate, such as count(distinct(data.user)).
func (r callReader) refuseNested(outer aggregate.Function) []Fault {
	for _, arg := range r.ast.Expr().AsCall().Args() {
		if arg.Kind() != celast.CallKind || arg.AsCall().IsMemberFunction() {
			continue
		}
		inner, ok := aggregate.Lookup(arg.AsCall().FunctionName())
		if !ok {
			continue
		}
		text := fmt.Sprintf("%s is an aggregate and cannot stand inside %s; ", inner.Name(), outer.Name())
		if args := arg.AsCall().Args(); inner.Name() == "distinct" && len(args) > 0 {
			text += distinctText(unparse(r.ast, args[0], "data.path"))
		} else {
			text += "write each below aggregates, with a name of its own"
		}
		return faultf(callOffset(r.ast, arg), "%s", text)
	}
	return nil
}

// parameter reads the integer of the call, and takes it out of the places.
func (r callReader) parameter(f aggregate.Function, places []int) (rest []int, value int, faults []Fault) {
	p, ok := f.Parameter()
	if !ok {
		return places, 0, nil
	}
	text := fmt.Sprintf("%s needs a whole number from %d to %d as argument %d; write for example %s", f.Name(), p.Least,
		p.Most, p.At+1, exampleOf(f))
	if len(places) <= p.At {
		return nil, 0, faultf(callOffset(r.ast, r.ast.Expr()), "%s", text)
	}
	number, ok := literal(r.arg(p.At)).(types.Int)
	if !ok || int64(number) < int64(p.Least) || int64(number) > int64(p.Most) {
		return nil, 0, faultf(offsetOf(r.ast, r.arg(p.At)), "%s", text)
	}
	return slices.Delete(places, p.At, p.At+1), int(number), nil
}

// condition reads the last argument if it is a condition, and takes it out of the places.
func (r callReader) condition(f aggregate.Function, places []int) (rest []int, found *operand, faults []Fault) {
	most := len(f.Arguments())
	if len(places) <= f.Required() || len(places) > most+1 {
		return places, nil, nil
	}
	last := places[len(places)-1]
	_, isPath := pathOf(r.arg(last))
	beyond := len(places) > most // there is no argument left that it could be
	if !beyond && (isPath || !r.isBoolean(last)) {
		return places, nil, nil
	}
	o, faults := r.operand(last)
	if len(faults) > 0 {
		return nil, nil, faults
	}
	if output := o.ast.GetType(o.part.ID()); !isPath && !output.IsExactType(cel.BoolType) {
		return nil, nil, r.noCondition(f, o, output)
	}
	if isPath && !isType(o.ast.GetType(o.part.ID()), cel.BoolType) {
		return nil, nil, r.noCondition(f, o, o.ast.GetType(o.part.ID()))
	}
	return places[:len(places)-1], &o, nil
}

func (r callReader) noCondition(f aggregate.Function, o operand, output *cel.Type) []Fault {
	return faultf(startOf(r.ast, o.part), "the condition of %s must be true or false, this is %s; write for example %s",
		f.Name(), typeName(output.String()), withCondition(f))
}

// isBoolean reports whether an argument is true or false whatever the event is. An argument that looks like that counts
// although its types do not fit, so that it is named as a wrong condition.
func (r callReader) isBoolean(place int) bool {
	e := r.arg(place)
	if e.Kind() == celast.SelectKind && e.AsSelect().IsTestOnly() {
		return true
	}
	if e.Kind() == celast.CallKind {
		switch e.AsCall().FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Equals, operators.NotEquals,
			operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.In:
			return true
		}
	}
	o, faults := r.operand(place)
	return len(faults) == 0 && o.ast.GetType(o.part.ID()).IsExactType(cel.BoolType)
}

// checkNumber checks how many arguments a call has, without its parameter and its condition.
func (r callReader) checkNumber(f aggregate.Function, n int) []Fault {
	least, most := f.Required(), len(f.Arguments())
	switch {
	case n >= least && n <= most:
		return nil
	case most == 0:
		return faultf(startOf(r.ast, r.arg(0)), "%s takes no argument but a condition; write %[1]s() or %s", f.Name(),
			withCondition(f))
	case n < least:
		return faultf(callOffset(r.ast, r.ast.Expr()), "%s takes %s, not %d; write for example %s", f.Name(),
			plural(least, "argument"), n, exampleOf(f))
	}
	return faultf(callOffset(r.ast, r.ast.Expr()), "%s takes %s and a condition, not %d; write for example %s", f.Name(),
		plural(most, "argument"), n, withCondition(f))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// argument reads an argument of a kind.
func (r callReader) argument(place int, kind aggregate.Kind) (operand, []Fault) {
	if kind == aggregate.Numbers || kind == aggregate.Weights {
		reader := termReader{ast: r.ast, source: []rune(r.source)}
		t := reader.read(r.arg(place))
		if len(reader.faults) > 0 {
			return operand{}, reader.faults
		}
		if kind == aggregate.Weights && r.mode == File && t.isNeverAbove0() {
			return operand{}, faultf(startOf(r.ast, r.arg(place)), "the weight is %s for every event, so no value would "+
				"count; write a field, for example data.amount, or no weight to count events", t.text())
		}
		return operand{text: t.text(), kind: kind, term: t}, nil
	}
	o, faults := r.operand(place)
	if len(faults) > 0 {
		return o, faults
	}
	if output := o.ast.GetType(o.part.ID()); !isType(output, scalarTypes()...) {
		name := typeName(output.String())
		return o, faultf(startOf(r.ast, o.part),
			"an argument must be a string, a number or true or false, this is %s; %s", name, scalarOf(name))
	}
	o.kind = kind
	return o, nil
}

// operand checks an argument as a CEL expression of its own. Its faults have their places in the whole call.
func (r callReader) operand(place int) (operand, []Fault) {
	parsed, faults := parse(r.source, r.mode)
	if len(faults) > 0 {
		return operand{}, faults
	}
	if r.rules.BareExtensions {
		extendNames(parsed.NativeRep())
	}
	// CEL checks a whole expression, and does not know the aggregate. dyn takes and returns any value.
	root := parsed.NativeRep().Expr()
	part := root.AsCall().Args()[place]
	root.SetKindCase(celast.NewExprFactory().NewCall(root.ID(), "dyn", part))
	text := unparse(parsed.NativeRep(), part, r.source)
	e, faults := checkPart(r.source, text, parsed, part, r.rules, r.mode)
	if len(faults) > 0 {
		return operand{}, faults
	}
	if r.mode == File {
		if faults := checkBoolean(e.ast, part); len(faults) > 0 && isCondition(e.ast, part) {
			return operand{}, faults
		}
	}
	return operand{text: text, checked: e, part: part}, nil
}

// isCondition reports whether a part is true or false, so that its operands must be, too.
func isCondition(ast *celast.AST, part celast.Expr) bool {
	return ast.GetType(part.ID()).IsExactType(cel.BoolType)
}
