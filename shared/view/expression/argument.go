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
)

// termReader reads an argument from CEL's syntax tree. It does not check types. It refuses everything but paths,
// constants, + - *, and sums over arrays.
type termReader struct {
	ast    *celast.AST
	source []rune
	bound  []string // the names of the elements of the sums around the place, the outermost first
	faults []Fault
}

func (r *termReader) fail(e celast.Expr, format string, args ...any) *term {
	return r.failAt(offsetOf(r.ast, e), format, args...)
}

func (r *termReader) failAt(at int, format string, args ...any) *term {
	r.faults = append(r.faults, faultf(at, format, args...)...)
	return &term{}
}

const argumentGrammar = "an argument may contain only paths such as data.bytes, numbers, + - * and parentheses, " +
	"and sums over arrays such as data.items.map(i, i.price)"

func (r *termReader) read(e celast.Expr) *term {
	if path, ok := pathOf(e); ok {
		return r.path(e, path)
	}
	switch e.Kind() {
	case celast.LiteralKind:
		return r.constant(e)
	case celast.CallKind:
		return r.arithmetic(e)
	case celast.ComprehensionKind:
		return r.summation(e)
	case celast.IdentKind: // time
		return r.fail(e, "%s is not a number; use a number below data", e.AsIdent())
	}
	return r.fail(e, "this is not allowed in an argument; %s", argumentGrammar)
}

func (r *termReader) arithmetic(e celast.Expr) *term {
	if root, text := hyphenated(e, r.bound, true); text != "" {
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
	case operators.Conditional:
		return r.failAt(offsetOf(r.ast, e), "? : is not allowed in an argument; write a condition behind the "+
			"argument, as in sum(data.bytes, has(data.bytes))")
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
	text := unparse(r.ast, e, strings.Join(path, "."))
	if element := r.elementOf(name); element > 0 {
		return &term{path: path[1:], pathText: text, element: element}
	}
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
	return &term{path: path, pathText: text}
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

// numberArgument compiles decimal arithmetic.
func numberArgument(t *term, read *Columns, numbers aggregate.Limit) Argument {
	if t.path != nil {
		f := read.field(t.path)
		return func(b *event.Batch, rows []int32, into *aggregate.Column, scratch []byte) []byte {
			into.Numbers = resize(into.Numbers, len(rows))
			for i, row := range rows {
				into.Numbers[i] = decimalOf(b, f.of(b, int(row)), numbers)
			}
			return scratch
		}
	}
	value := t.compile(read, numbers)
	return func(b *event.Batch, rows []int32, into *aggregate.Column, scratch []byte) []byte {
		into.Numbers = resize(into.Numbers, len(rows))
		e := evaluation{batch: b}
		for i, row := range rows {
			e.row, e.meter.left = int(row), maxSteps
			if into.Numbers[i] = value(&e); e.meter.spent() {
				into.Numbers[i] = aggregate.Without(aggregate.TooCostly)
			}
		}
		return scratch
	}
}

// resize returns values with n elements, all to be written.
func resize[T any](values []T, n int) []T { return slices.Grow(values[:0], n)[:n] }

func decimalOf(b *event.Batch, v event.Value, numbers aggregate.Limit) aggregate.Decimal {
	switch v.Kind {
	case event.Number:
		return numbers.Parse(b.Raw(v))
	case event.Missing, event.Null:
		return aggregate.Without(aggregate.Missing)
	}
	return aggregate.Without(aggregate.NotNumber)
}
