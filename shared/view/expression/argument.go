package expression

import (
	"slices"
	"strconv"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// Call is the expression of an aggregate: a function with its argument.
type Call struct {
	Function aggregate.Function

	argument *term // nil: none
	numbers  aggregate.Limit
}

// HasArgument reports whether the call has an argument. count() has none.
func (c Call) HasArgument() bool { return c.argument != nil }

// ArgumentText returns the normal form of the argument, or an empty text when there is none. Arguments with equal texts
// are the same arithmetic.
func (c Call) ArgumentText() string {
	if c.argument == nil {
		return ""
	}
	return c.argument.text()
}

// ParseCall reads the expression of an aggregate by the rules, such as sum(data.price * data.pieces).
func ParseCall(source string, rules engine.Rules, mode Mode) (Call, []Fault) {
	syntax, faults := parse(source, mode)
	if len(faults) > 0 {
		return Call{}, faults
	}
	parsed := syntax.NativeRep()
	root := parsed.Expr()
	names := callables()
	if root.Kind() == celast.IdentKind && slices.Contains(names, root.AsIdent()) {
		if function, _ := aggregate.Lookup(root.AsIdent()); len(function.Arguments()) == 0 {
			return Call{}, faultf(0, "%s is a function; write %[1]s()", root.AsIdent())
		}
		return Call{}, faultf(0, "%s is a function; write for example %[1]s(data.bytes)", root.AsIdent())
	}
	if root.Kind() != celast.CallKind || root.AsCall().IsMemberFunction() || !isWord(root.AsCall().FunctionName()) {
		return Call{}, faultf(0,
			"an aggregate must be one function around its arithmetic, for example sum(data.price * 100); "+
				"the aggregates are %s", strings.Join(names, ", "))
	}
	name, args := root.AsCall().FunctionName(), root.AsCall().Args()
	function, _ := aggregate.Lookup(name)
	if !slices.Contains(names, name) {
		return Call{}, faultf(callOffset(parsed, root), "unknown aggregate %q; %s",
			spelling.Shorten(name), suggestAggregate(name, names))
	}
	switch {
	case len(function.Arguments()) == 0 && len(args) > 0:
		return Call{}, faultf(offsetOf(parsed, args[0]), "%s takes no argument; write %[1]s()", name)
	case len(function.Arguments()) != len(args):
		return Call{}, faultf(callOffset(parsed, root),
			"%s takes %d argument, not %d; write for example %[1]s(data.bytes)", name, len(function.Arguments()), len(args))
	case len(args) == 0:
		return Call{Function: function}, nil
	}
	if rules.BareExtensions {
		extendNames(parsed)
	}
	r := termReader{ast: parsed, source: []rune(source)}
	argument := r.read(args[0])
	if len(r.faults) > 0 {
		return Call{}, r.faults
	}
	return Call{function, argument, rules.Numbers}, nil
}

// callables are the functions that definitions may call: those of numbers alone, with exact answers.
func callables() (names []string) {
	for _, name := range aggregate.Names() {
		f, _ := aggregate.Lookup(name)
		if _, parameter := f.Parameter(); f.Exact() && !parameter &&
			!slices.ContainsFunc(f.Arguments(), func(k aggregate.Kind) bool { return k != aggregate.Numbers }) {
			names = append(names, name)
		}
	}
	return names
}

// suggestAggregate also knows what other systems call an aggregate.
func suggestAggregate(name string, names []string) string {
	switch strings.ToLower(name) {
	case "avg", "average":
		return `did you mean "mean"?`
	case "total":
		return `did you mean "sum"?`
	}
	return spelling.Suggest(name, "aggregates", names)
}

// isWord distinguishes a function's name from an operator's.
func isWord(name string) bool {
	_, operator := operators.FindReverse(name)
	return !operator && !strings.HasPrefix(name, "@")
}

// callOffset returns where the name of a function stands. The parser points at its parenthesis instead.
func callOffset(ast *celast.AST, call celast.Expr) int {
	return max(0, offsetOf(ast, call)-len(call.AsCall().FunctionName()))
}

// NormalCall returns the normal form of an aggregate's expression, or the expression itself when it is invalid.
func NormalCall(source string) string {
	call, faults := ParseCall(source, engine.Newest(), Stored)
	if len(faults) > 0 {
		return source
	}
	return call.Function.Name() + "(" + call.ArgumentText() + ")"
}

// termReader reads an argument from CEL's syntax tree. It does not check types. It refuses everything but paths,
// constants, + - and *.
type termReader struct {
	ast    *celast.AST
	source []rune
	faults []Fault
}

func (r *termReader) fail(e celast.Expr, format string, args ...any) *term {
	return r.failAt(offsetOf(r.ast, e), format, args...)
}

func (r *termReader) failAt(at int, format string, args ...any) *term {
	r.faults = append(r.faults, faultf(at, format, args...)...)
	return &term{}
}

const argumentGrammar = "an argument may contain only paths such as data.bytes, numbers, + - * and parentheses"

func (r *termReader) read(e celast.Expr) *term {
	if path, ok := pathOf(e); ok {
		return r.path(e, path)
	}
	switch e.Kind() {
	case celast.LiteralKind:
		return r.constant(e)
	case celast.CallKind:
		return r.arithmetic(e)
	case celast.IdentKind: // time
		return r.fail(e, "%s is not a number; use a number below data", e.AsIdent())
	}
	return r.fail(e, "this is not allowed in an argument; %s", argumentGrammar)
}

func (r *termReader) arithmetic(e celast.Expr) *term {
	if root, text := hyphenated(e, nil, true); text != "" {
		return r.fail(root, "%s", text)
	}
	call := e.AsCall()
	switch name := call.FunctionName(); name {
	case operators.Add:
		return &term{operator: "+", left: r.read(call.Args()[0]), right: r.read(call.Args()[1])}
	case operators.Subtract:
		return &term{operator: "-", left: r.read(call.Args()[0]), right: r.read(call.Args()[1])}
	case operators.Multiply:
		return &term{operator: "*", left: r.read(call.Args()[0]), right: r.read(call.Args()[1])}
	case operators.Negate:
		return negate(r.read(call.Args()[0]))
	case operators.Divide:
		return r.fail(e, "division is not exact; multiply, for example by 0.5, or divide the answer")
	case operators.Index:
		return r.fail(e, "an argument cannot read an element of an array; %s", argumentGrammar)
	default:
		at := offsetOf(r.ast, e)
		if isWord(name) {
			at = callOffset(r.ast, e)
		}
		return r.failAt(at, "%s is not allowed in an argument; %s", readable(name), argumentGrammar)
	}
}

func negate(t *term) *term {
	if t.operator == "" && t.path == nil {
		return &term{constant: t.constant.Neg()}
	}
	return &term{operator: negation, left: t}
}

func (r *termReader) path(e celast.Expr, path event.Path) *term {
	root, _ := chainOf(e)
	name := path[0]
	if faults := faultsOfPath(r.ast, root, path); len(faults) > 0 {
		r.faults = append(r.faults, faults...)
		return &term{}
	}
	if !knows(name) && isTypeName(path) {
		return r.fail(root, "%s is the name of a type; did you mean data.%[1]s?", name)
	}
	if name != dataAttribute && name != extensions {
		return r.fail(root, "%s is not a number; use a number below data", name)
	}
	return &term{path: path, pathText: unparse(r.ast, e, strings.Join(path, "."))}
}

// constant reads a number from the text of the expression. CEL's own value has passed through a float64.
func (r *termReader) constant(e celast.Expr) *term {
	var text string
	switch value := e.AsLiteral().(type) {
	case types.Int:
		text = strconv.FormatInt(int64(value), 10)
	case types.Double:
		text = r.doubleText(e, float64(value))
	default:
		return r.fail(e, "%s constants are not allowed in an argument; %s", value.Type().TypeName(), argumentGrammar)
	}
	d, exact := aggregate.ParseExactly([]byte(text))
	if !exact {
		return r.fail(e, "the number cannot be stored exactly; write one below 10^30 in size with at most 27 decimals")
	}
	return &term{constant: d}
}

// doubleText returns a CEL double as a JSON number. CEL also accepts leading zeros, a leading dot, and space after the
// sign.
func (r *termReader) doubleText(e celast.Expr, value float64) string {
	at, ok := r.ast.SourceInfo().GetOffsetRange(e.ID())
	if !ok || at.Start < 0 || int(at.Stop) > len(r.source) || at.Start >= at.Stop {
		return ""
	}
	text := string(r.source[at.Start:at.Stop])
	sign := ""
	if text[0] == '-' {
		sign, text = "-", strings.TrimSpace(text[1:])
	}
	text = strings.TrimLeft(text, "0")
	if text == "" || text[0] < '0' || text[0] > '9' {
		text = "0" + text
	}
	// If the range is not that of the literal, refuse it rather than read another number.
	if parsed, err := strconv.ParseFloat(sign+text, 64); err != nil || parsed != value {
		return ""
	}
	return sign + text
}

// CompileArgument returns the argument's function, and adds the paths that it reads to read. It returns nil when there
// is no argument.
func (c Call) CompileArgument(read *Columns) Argument {
	switch {
	case c.argument == nil:
		return nil
	case c.argument.path != nil:
		f := read.field(c.argument.path)
		return func(b *event.Batch, rows []int32, out []aggregate.Decimal) {
			for i, row := range rows {
				out[i] = decimalOf(b, f.of(b, int(row)), c.numbers)
			}
		}
	}
	value := c.argument.compile(read, c.numbers)
	return func(b *event.Batch, rows []int32, out []aggregate.Decimal) {
		for i, row := range rows {
			out[i] = value(b, int(row))
		}
	}
}

func decimalOf(b *event.Batch, v event.Value, numbers aggregate.Limit) aggregate.Decimal {
	switch v.Kind {
	case event.Number:
		return numbers.Parse(b.Raw(v))
	case event.Missing, event.Null:
		return aggregate.Without(aggregate.Missing)
	}
	return aggregate.Without(aggregate.NotNumber)
}
