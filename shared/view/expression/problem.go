package expression

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// firstIssue returns the issue that comes first in the text.
func firstIssue(issues *cel.Issues) *common.Error {
	return slices.MinFunc(issues.Errors(), func(a, b *common.Error) int {
		if c := a.Location.Line() - b.Location.Line(); c != 0 {
			return c
		}
		return a.Location.Column() - b.Location.Column()
	})
}

// issueOffset returns where an issue stands, in characters from the start of the expression.
func issueOffset(source string, issue *common.Error) int {
	line, column := issue.Location.Line(), issue.Location.Column()
	if line < 1 || column < 0 {
		return 0
	}
	at := column
	for i, text := range strings.Split(source, "\n") {
		if i == line-1 {
			break
		}
		at += len([]rune(text)) + 1
	}
	return at
}

// syntaxFault explains the parser's message.
func syntaxFault(source string, issue *common.Error) Fault {
	at := issueOffset(source, issue)
	if from, text := misreadField(source, at); text != "" {
		return Fault{from, text}
	}
	message := strings.TrimPrefix(issue.Message, "Syntax error: ")
	return Fault{at, syntaxText(message, []rune(source)[min(at, utf8.RuneCountInString(source)):])}
}

// syntaxText explains a message of the parser. rest is the expression from the error on.
func syntaxText(message string, rest []rune) string {
	if _, after, found := strings.Cut(message, "token recognition error at: '"); found {
		return unknownSign(strings.TrimSpace(strings.TrimSuffix(after, "'")), rest)
	}
	input, isInput := offendingInput(message)
	switch {
	case strings.Contains(message, "'<EOF>'") && strings.Contains(message, "IDENTIFIER"):
		return "the expression ends too early; a value is missing here"
	case strings.Contains(message, "'<EOF>'"):
		return "the expression ends too early; a closing bracket or parenthesis is missing here"
	case strings.HasSuffix(message, "expecting <EOF>") && (input == "and" || input == "or" || input == "not"):
		return fmt.Sprintf("%q is not an operator; write &&, || and !", input)
	case strings.HasSuffix(message, "expecting <EOF>"):
		return fmt.Sprintf("unexpected %q; add an operator before it, or remove it",
			spelling.Shorten(input))
	case strings.HasPrefix(message, "expression recursion limit"):
		return "the expression is nested too deeply; the maximum is 250 levels"
	case strings.HasPrefix(message, "reserved identifier: "):
		return fmt.Sprintf(`%q is a reserved word; write a field of that name as data.%[1]s`,
			strings.TrimPrefix(message, "reserved identifier: "))
	case strings.HasPrefix(message, "invalid int literal"):
		return "the number does not fit into 64 bits; write it with u behind it to compare it, or with .0"
	case input == "*" || input == "(*":
		return "* is no value; count takes no argument, so write count()"
	case strings.HasPrefix(message, "argument must be a simple name"):
		return "a variable name is missing here; write for example data.list.exists(i, i > 1)"
	case strings.HasPrefix(message, "invalid argument to has()"):
		return "has() tests a field; write for example has(data.path)"
	case isInput:
		return fmt.Sprintf("unexpected %q; write a value such as data.path, 5 or \"text\"",
			spelling.Shorten(input))
	}
	return fmt.Sprintf("the expression is not valid CEL (%s); see https://github.com/google/cel-spec",
		spelling.Shorten(message))
}

// offendingInput returns the input that an ANTLR message complains about.
func offendingInput(message string) (input string, ok bool) {
	for _, before := range []string{"extraneous input '", "mismatched input '", "no viable alternative at input '"} {
		if after, found := strings.CutPrefix(message, before); found {
			input, _, _ = strings.Cut(after, "' expecting")
			return strings.TrimSuffix(input, "'"), true
		}
	}
	return "", false
}

// typeFaults explains the type checker's messages.
func typeFaults(env *cel.Env, source string, issues *cel.Issues) (faults []Fault) {
	for _, issue := range issues.Errors() {
		at := issueOffset(source, issue)
		if name, found := quoted(issue.Message, "undeclared reference to '"); found {
			faults = append(faults, unknownFunction(env, source, at, name))
			continue
		}
		faults = append(faults, Fault{at, typeText(issue.Message)})
	}
	return faults
}

func typeText(message string) string {
	if function, found := quoted(message, "found no matching overload for '"); found {
		_, applied, _ := strings.Cut(message, "applied to '")
		return fmt.Sprintf("%s does not accept %s; convert a side, or compare with a value of the same type",
			readable(function), strings.TrimSuffix(applied, "'"))
	}
	if strings.HasPrefix(message, "expected type 'bool' but found") {
		found, _ := quoted(message, "expected type 'bool' but found '")
		return fmt.Sprintf("this must be true or false, but is %s; compare it with something", typeName(found))
	}
	if found, ok := quoted(message, "type '"); ok && strings.Contains(message, "does not support field selection") {
		return fmt.Sprintf("%s has no fields; only data and its members have", typeName(found))
	}
	return fmt.Sprintf("the expression is invalid (%s); see https://github.com/google/cel-spec", message)
}

// typeName is a type of CEL in words.
func typeName(name string) string {
	base, _, _ := strings.Cut(name, "(")
	switch base {
	case "string", "list", "map", "type":
		return "a " + base
	case "int", "uint", "double":
		return "a number"
	case "google.protobuf.Timestamp":
		return "a time"
	case "google.protobuf.Duration":
		return "a duration"
	}
	return name
}

// unknownFunction explains an unknown name. Before the type check all other names were checked, so it is a function's.
func unknownFunction(env *cel.Env, source string, at int, name string) Fault {
	// The checker points at the parenthesis.
	if runes := []rune(source); at <= len(runes) && strings.HasSuffix(string(runes[:at]), name) {
		at -= len([]rune(name))
	}
	if _, ok := aggregate.Lookup(name); ok {
		return Fault{at, fmt.Sprintf("%q is an aggregate and no function; write it below aggregates", name)}
	}
	suggestion := spelling.Suggest(name, "functions", functionNames(env))
	return Fault{at, fmt.Sprintf("unknown function %q; %s", spelling.Shorten(name), suggestion)}
}

func functionNames(env *cel.Env) (names []string) {
	for name := range env.Functions() {
		if !strings.ContainsAny(name, "_@!") && name != operators.OldIn && name != "in" {
			names = append(names, name)
		}
	}
	for _, macro := range env.Macros() {
		names = append(names, macro.Function())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readable returns an operator as users write it.
func readable(function string) string {
	if function == operators.Conditional {
		return "? :"
	}
	if written, ok := operators.FindReverse(function); ok && written != "" {
		return written
	}
	return function
}

// quoted returns the text between before and the next quote.
func quoted(message, before string) (text string, found bool) {
	_, after, found := strings.Cut(message, before)
	text, _, _ = strings.Cut(after, "'")
	return text, found
}

// checkLiterals finds the texts in an expression whose evaluation will always fail, and if strict those that take long.
func checkLiterals(ast *celast.AST, strict bool) (faults []Fault) {
	celast.PostOrderVisit(ast.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.CallKind {
			return
		}
		args := e.AsCall().Args()
		if len(args) == 0 || args[len(args)-1].Kind() != celast.LiteralKind {
			return
		}
		last := args[len(args)-1]
		text, ok := last.AsLiteral().(types.String)
		if !ok {
			return
		}
		if problem := literalText(e.AsCall().FunctionName(), string(text), strict); problem != "" {
			faults = append(faults, Fault{offsetOf(ast, last), problem})
		}
	}))
	return faults
}

func literalText(function, text string, strict bool) string {
	switch function {
	case overloads.Matches:
		states, err := patternStates(text)
		if strict && err == nil && states > maxStates {
			return fmt.Sprintf("the regular expression needs about %d states; the maximum is %d, so lower the numbers in {}",
				states, maxStates)
		}
		if _, err := regexp.Compile(text); err != nil {
			return fmt.Sprintf("the regular expression is invalid (%s); see https://github.com/google/re2/wiki/Syntax",
				strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
	case overloads.TypeConvertTimestamp:
		if types.IsError(types.String(text).ConvertToType(types.TimestampType)) {
			return fmt.Sprintf("%q is not a time; write for example \"2015-05-17T10:05:03Z\"", spelling.Shorten(text))
		}
	case overloads.TypeConvertDuration:
		if types.IsError(types.String(text).ConvertToType(types.DurationType)) {
			return fmt.Sprintf("%q is not a duration; write for example \"90s\" or \"1h30m\"", spelling.Shorten(text))
		}
	}
	return ""
}
