package expression

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	_ "time/tzdata" // every host knows the zones that an expression names, also one that has no zone files
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// environment is CEL with the attributes of an event as its variables. It is made once and never changes: it is a
// constant that Go cannot write as one.
//
// Its options are constants too, so an error is a bug in this package. It panics, as regexp.MustCompile does: without
// CEL a definition has no normal form, and the names of stored items must not come from another text.
var environment = sync.OnceValue(func() *cel.Env {
	env, err := cel.NewEnv(options()...)
	if err != nil {
		panic(fmt.Sprintf("set up CEL: %v", err))
	}
	return env
})

// checked is a CEL expression that parsed and type-checked.
type checked struct {
	rules      engine.Rules
	ast        *celast.AST
	attributes []string // that the expression reads: the known ones, time, data and ext; sorted
}

func (e checked) output() *cel.Type { return e.ast.GetType(e.ast.Expr().ID()) }

func options() []cel.EnvOption {
	options := []cel.EnvOption{
		cel.Variable(timeAttribute, cel.TimestampType),
		cel.Variable(dataAttribute, cel.DynType),
		cel.Variable(extensions, cel.MapType(cel.StringType, cel.DynType)),
		cel.EnableMacroCallTracking(), // so that Normal can write macros back
		cel.EnableIdentifierEscapeSyntax(),
	}
	for _, name := range knownAttributes() {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	return append(options, addedFunctions()...)
}

// Normal returns the normal form of an expression: no comments, no needless spaces and parentheses, strings in double
// quotes, and the shortest form of numbers. An expression that does not parse is returned unchanged.
func Normal(source string) string {
	parsed, faults := parse(source, Stored)
	if len(faults) > 0 {
		return source
	}
	return unparse(parsed.NativeRep(), parsed.NativeRep().Expr(), source)
}

// unparse writes a part of an expression. Where CEL cannot write it, the text from source stays.
func unparse(ast *celast.AST, part celast.Expr, source string) string {
	text, err := cel.ExprToString(part, ast.SourceInfo(), cel.FormatWrapOnColumn(math.MaxInt),
		cel.FormatEscapeIdentifiers(true))
	if err != nil {
		return source
	}
	return text
}

// parse reads the syntax of an expression. Of a file, it also refuses what takes long to compile.
func parse(source string, mode Mode) (*cel.Ast, []Fault) {
	if strings.TrimSpace(source) == "" {
		return nil, faultf(0, "the expression is empty; write for example data.path")
	}
	if n := utf8.RuneCountInString(source); mode == File && n > maxSource {
		return nil, faultf(0, "the expression has %d characters; the maximum is %d", n, maxSource)
	}
	parsed, issues := environment().Parse(source)
	if issues.Err() != nil {
		// What follows a parser's first error mostly repeats it.
		return nil, []Fault{syntaxFault(source, firstIssue(issues))}
	}
	if mode == Stored {
		return parsed, nil
	}
	_, faults := nestingOf(parsed.NativeRep(), parsed.NativeRep().Expr())
	return parsed, faults
}

// check parses an expression and checks its names and types by the rules.
func check(source string, rules engine.Rules, mode Mode) (checked, []Fault) {
	parsed, faults := parse(source, mode)
	if len(faults) > 0 {
		return checked{}, faults
	}
	if rules.BareExtensions {
		extendNames(parsed.NativeRep())
	}
	normal := unparse(parsed.NativeRep(), parsed.NativeRep().Expr(), source)
	return checkPart(source, normal, parsed, parsed.NativeRep().Expr(), rules, mode)
}

// checkPart checks a part of a parsed expression: the whole of it, or what stands alone in it. normal is the part's
// normal form.
func checkPart(
	source, normal string, parsed *cel.Ast, part celast.Expr, rules engine.Rules, mode Mode,
) (checked, []Fault) {
	if faults := checkNames(parsed.NativeRep(), part, nil, mode == File); len(faults) > 0 {
		return checked{}, faults
	}
	// A stored definition is read back from its normal form, so the normal form must be stable.
	if Normal(normal) != normal {
		return checked{}, faultf(0, "the expression has no stable normal form; write %s in a simpler way",
			spelling.Shorten(normal))
	}
	typed, issues := environment().Check(parsed)
	if issues.Err() != nil {
		return checked{}, typeFaults(source, issues)
	}
	e := checked{rules: rules, ast: typed.NativeRep(), attributes: attributesOf(part)}
	if faults := append(checkLiterals(e.ast, mode == File), checkBuckets(e.ast)...); len(faults) > 0 {
		return checked{}, faults
	}
	return e, nil
}

// eachFreeName calls found for the names in an expression that no macro binds.
func eachFreeName(e celast.Expr, bound []string, found func(celast.Expr)) {
	switch e.Kind() {
	case celast.IdentKind:
		if !slices.Contains(bound, e.AsIdent()) {
			found(e)
		}
	case celast.ComprehensionKind:
		c := e.AsComprehension()
		eachFreeName(c.IterRange(), bound, found)
		eachFreeName(c.AccuInit(), bound, found)
		withResult := append(slices.Clip(bound), c.AccuVar())
		eachFreeName(c.Result(), withResult, found)
		inside := append(slices.Clip(withResult), c.IterVar(), c.IterVar2())
		eachFreeName(c.LoopCondition(), inside, found)
		eachFreeName(c.LoopStep(), inside, found)
	default:
		for _, child := range children(e) {
			eachFreeName(child, bound, found)
		}
	}
}

// children are the parts of an expression.
func children(e celast.Expr) (parts []celast.Expr) {
	switch e.Kind() {
	case celast.CallKind:
		if call := e.AsCall(); call.IsMemberFunction() {
			return append([]celast.Expr{call.Target()}, call.Args()...)
		}
		return e.AsCall().Args()
	case celast.SelectKind:
		return []celast.Expr{e.AsSelect().Operand()}
	case celast.ListKind:
		return e.AsList().Elements()
	case celast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			parts = append(parts, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
	case celast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			parts = append(parts, field.AsStructField().Value())
		}
	case celast.ComprehensionKind:
		c := e.AsComprehension()
		return []celast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	}
	return parts
}

// offsetOf returns where a part of an expression stands, in characters from its start. For an operator or a call, that
// is its sign or its opening parenthesis.
func offsetOf(ast *celast.AST, e celast.Expr) int {
	if at, ok := ast.SourceInfo().GetOffsetRange(e.ID()); ok {
		return int(at.Start)
	}
	return 0
}

// isType reports whether a type is one of some, or unknown until an event is there.
func isType(t *cel.Type, some ...*cel.Type) bool {
	return t.Kind() == types.DynKind || slices.ContainsFunc(some, t.IsExactType)
}
