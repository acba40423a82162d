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
	if fault := distinctFault(source); fault.Text != "" {
		return fault
	}
	if fault := foreignFault([]rune(source), at); fault.Text != "" {
		return fault
	}
	if strings.Contains(issue.Message, "invalid argument to has()") {
		if found := quotedHas.FindStringSubmatch(source); found != nil {
			// In parentheses, since YAML takes a text that begins with a quote for a quoted one.
			return Fault{at, fmt.Sprintf("has() takes a path with dots; write (%s in %s)", found[2], found[1])}
		}
	}
	if fault := listFault(source, at); fault.Text != "" {
		return fault
	}
	message := strings.TrimPrefix(issue.Message, "Syntax error: ")
	if strings.Contains(message, "'<EOF>'") && strings.Count(source, "?") > strings.Count(source, ":") {
		return Fault{at, "the other value of a choice is missing; write condition ? value : other"}
	}
	return Fault{at, syntaxText(message, []rune(source)[min(at, utf8.RuneCountInString(source)):])}
}

// quotedHas is has(data["user-agent"]), which CEL does not have.
var quotedHas = regexp.MustCompile(`has\(\s*([\w.]+)\[("[^"]*"|'[^']*')\]\s*\)`)

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
	case find(otherOperators, input) != "":
		return fmt.Sprintf("%q is not an operator; %s", input, find(otherOperators, input))
	case strings.HasSuffix(message, "expecting <EOF>"):
		return fmt.Sprintf("unexpected %q; add an operator before it, or remove it",
			spelling.Shorten(input))
	case strings.HasPrefix(message, "expression recursion limit"):
		return "the expression is nested too deeply; the maximum is 250 levels"
	case message == "reserved identifier: if":
		return `"if" is a reserved word; write a field of that name as data.if, and a choice as condition ? value : other`
	case strings.HasPrefix(message, "reserved identifier: "):
		return fmt.Sprintf(`%q is a reserved word; write a field of that name as data.%[1]s`,
			strings.TrimPrefix(message, "reserved identifier: "))
	case strings.HasPrefix(message, "invalid int literal"):
		return "the number does not fit into 64 bits; write it with u behind it to compare it, or with .0"
	case strings.HasPrefix(input, "*") || input == "(*":
		return "* is no value; count needs none, so write count()"
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
func typeFaults(source string, issues *cel.Issues) (faults []Fault) {
	for _, issue := range issues.Errors() {
		faults = append(faults, Fault{issueOffset(source, issue), typeText(issue.Message)})
	}
	return faults
}

func typeText(message string) string {
	if function, found := quoted(message, "found no matching overload for '"); found {
		_, applied, _ := strings.Cut(message, "applied to '")
		if text := overloadHint(function, applied); text != "" {
			return text
		}
		return fmt.Sprintf("%s does not accept %s; convert a side, or compare with a value of the same type",
			readable(function), strings.TrimSuffix(applied, "'"))
	}
	if strings.HasPrefix(message, "expected type 'bool' but found") {
		found, _ := quoted(message, "expected type 'bool' but found '")
		return fmt.Sprintf("this must be true or false, but is %s; compare it with something", typeName(found))
	}
	if found, ok := quoted(message, "type '"); ok && strings.Contains(message, "does not support field selection") {
		if typeName(found) == "a time" {
			return "a time has no fields; write for example time.getHours()"
		}
		return fmt.Sprintf("%s has no fields; only data and its members have", typeName(found))
	}
	return fmt.Sprintf("the expression is invalid (%s); see https://github.com/google/cel-spec", message)
}

// overloadHint says how a function or operator is written that was given other types; empty: nothing special.
func overloadHint(function, applied string) string {
	written := readable(function)
	switch {
	case written == "in":
		return `in needs a list or a map on its right side; write for example type in ["a", "b"]`
	case isWord(function) && strings.HasPrefix(applied, "(") && strings.HasPrefix(function, "get"):
		return fmt.Sprintf("%s is written behind a time, for example time.%[1]s()", function)
	case textExamples[function] != "" && strings.HasPrefix(applied, "("):
		return fmt.Sprintf("%s is written behind a text, for example data.path.%s", function, textExamples[function])
	case function == bucketFunction:
		return bucketText
	case applied == "(timestamp, string)'" || applied == "(string, timestamp)'" ||
		applied == "(timestamp, int)'" || applied == "(int, timestamp)'":
		return fmt.Sprintf(`%s does not accept %s; write a time as timestamp("2015-05-17T10:05:03Z")`, written,
			strings.TrimSuffix(applied, "'"))
	}
	return ""
}

// typeName is a type of CEL in words.
func typeName(name string) string {
	base, _, _ := strings.Cut(name, "(")
	switch base {
	case "string", "list", "map", "type":
		return "a " + base
	case "int", "uint", "double":
		return "a number"
	case "google.protobuf.Timestamp", "timestamp":
		return "a time"
	case "google.protobuf.Duration", "duration":
		return "a duration"
	case "null_type":
		return "null"
	}
	return name
}

// scalarOf says how to make one value of an expression of a type, as typeName names it.
func scalarOf(name string) string {
	switch name {
	case "a list":
		return `take one element, as in data.list[0], or join texts, as in data.list.join(",")`
	case "a map":
		return "take one of its fields"
	}
	return "convert it, for example with string()"
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
