package expression

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// knownAttributes are the variables of every expression besides time, data and ext: the CloudEvents attributes that are
// strings.
//
// Source: CloudEvents 1.0.2, Context Attributes.
func knownAttributes() []string {
	return []string{"type", "source", "subject", "id", "specversion", "datacontenttype", "dataschema"}
}

const (
	timeAttribute = "time"
	dataAttribute = "data"
	extensions    = "ext" // its members are the extension attributes of an event
)

// documented are extension attributes that CloudEvents documents, so that a bare one of them is not taken for a field.
//
// Source: CloudEvents, documented extensions.
func documented() []string {
	return []string{"traceparent", "tracestate", "partitionkey", "sampledrate", "sequence", "sequencetype", "dataref",
		"expirytime", "recordedtime", "authtype", "authid", "severitytext", "severitynumber", "dataclassification"}
}

func knows(attribute string) bool {
	return slices.Contains([]string{timeAttribute, dataAttribute, extensions}, attribute) ||
		slices.Contains(knownAttributes(), attribute)
}

// attributesOf returns the variables that an expression reads, sorted.
func attributesOf(e celast.Expr) (attributes []string) {
	eachFreeName(e, nil, func(name celast.Expr) {
		if knows(name.AsIdent()) {
			attributes = append(attributes, name.AsIdent())
		}
	})
	slices.Sort(attributes)
	return slices.Compact(attributes)
}

// extendNames writes ext.tenant for tenant, the name of an extension attribute that stands alone.
func extendNames(ast *celast.AST) {
	factory, last := celast.NewExprFactory(), celast.MaxID(ast)
	eachFreeName(ast.Expr(), nil, func(e celast.Expr) {
		name := e.AsIdent()
		isAttribute := knows(name) && name != extensions // ext alone is an extension attribute of that name
		if isAttribute || !isExtensionName(name) || isTypeName([]string{name}) {
			return
		}
		last++
		e.SetKindCase(factory.NewSelect(e.ID(), factory.NewIdent(last, extensions), name))
	})
}

// checkNames finds the names in an expression that mean nothing. bound are the names that macros around it bind. strict
// also refuses a subtraction that no event can have: data.user-id subtracts the attribute id.
func checkNames(ast *celast.AST, e celast.Expr, bound []string, strict bool) (faults []Fault) {
	if root, text := hyphenated(e, bound, strict); text != "" {
		return []Fault{{offsetOf(ast, root), text}}
	}
	if word, text := unquoted(e, bound); text != "" {
		return []Fault{{offsetOf(ast, word), text}}
	}
	if e.Kind() == celast.CallKind {
		if name := e.AsCall().FunctionName(); isWord(name) && !environment().HasFunction(name) {
			return []Fault{{callOffset(ast, e), unknownFunction(name)}}
		}
	}
	if root, path := chainOf(e); root != nil {
		if slices.Contains(bound, path[0]) {
			return nil
		}
		return faultsOfPath(ast, root, path)
	}
	if e.Kind() != celast.ComprehensionKind {
		for _, child := range children(e) {
			faults = append(faults, checkNames(ast, child, bound, strict)...)
		}
		return faults
	}
	c := e.AsComprehension()
	inside := append(slices.Clip(bound), c.AccuVar(), c.IterVar(), c.IterVar2())
	for _, part := range []celast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
		faults = append(faults, checkNames(ast, part, inside, strict)...)
	}
	return append(checkNames(ast, c.IterRange(), bound, strict), faults...)
}

// chainOf returns the steps of a.b["c"], with or without has() around it, and where a stands. root is nil for anything
// else.
func chainOf(e celast.Expr) (root celast.Expr, path []string) {
	switch e.Kind() {
	case celast.IdentKind:
		return e, []string{e.AsIdent()}
	case celast.SelectKind:
		root, path = chainOf(e.AsSelect().Operand())
		return root, append(path, e.AsSelect().FieldName())
	case celast.CallKind:
		if e.AsCall().FunctionName() != operators.Index {
			return nil, nil
		}
		name, isName := literal(e.AsCall().Args()[1]).(types.String)
		if !isName {
			return nil, nil
		}
		root, path = chainOf(e.AsCall().Args()[0])
		return root, append(path, string(name))
	}
	return nil, nil
}

func faultsOfPath(ast *celast.AST, root celast.Expr, path []string) []Fault {
	at := offsetOf(ast, root)
	if strings.HasPrefix(path[0], ".") {
		at-- // the parser points at what follows the dot
	}
	if text := checkPath(path); text != "" {
		return []Fault{{at, text}}
	}
	return nil
}

// checkPath says what is wrong with the first names of a path; empty: nothing.
func checkPath(path []string) string {
	name := path[0]
	switch {
	case name == extensions:
		return checkExtension(path[1:])
	case knows(name) || isTypeName(path):
		return ""
	case strings.HasPrefix(name, "."):
		return fmt.Sprintf("%q begins with a dot; write %s", spelling.Shorten(name), spelling.Shorten(name[1:]))
	case name == "stamp":
		return `"stamp" is what ingest adds to an event, and no part of it; use id or time`
	case len(path) > 1 && knows(path[1]):
		return fmt.Sprintf("the event has no name in an expression; write %s without %s",
			spelling.Shorten(written(path[1:])), spelling.Shorten(name))
	}
	return unknownName(path)
}

// unknownName says what a name that stands alone may mean.
func unknownName(path []string) string {
	name, field := spelling.Shorten(path[0]), spelling.Shorten(written(append([]string{dataAttribute}, path...)))
	known := append([]string{dataAttribute, timeAttribute, extensions}, knownAttributes()...)
	near := spelling.Nearest(path[0], known)
	if constant, ok := constants()[strings.ToLower(path[0])]; ok && len(path) == 1 {
		return fmt.Sprintf("unknown attribute %q; write %s", name, constant)
	}
	switch {
	case prefixed(path[0]) != "":
		return fmt.Sprintf("unknown attribute %q; write %s", name, prefixed(path[0]))
	case path[0] == "data_base64":
		return fmt.Sprintf("unknown attribute %q; JSON in it is read as data, so write data.path", name)
	case (path[0] == "extension" || path[0] == "extensions") && len(path) > 1:
		return fmt.Sprintf("unknown attribute %q; an extension attribute is written %s", name,
			spelling.Shorten(written(append([]string{extensions}, path[1:]...))))
	case near != "" && len(path) == 1:
		return fmt.Sprintf("unknown attribute %q; did you mean %q or %s?", name, near, field)
	case near == dataAttribute || near == extensions:
		return fmt.Sprintf("unknown attribute %q; did you mean %q?", name, near)
	case slices.Contains(documented(), path[0]):
		return fmt.Sprintf("unknown attribute %q; write an extension attribute as %s.%s", name, extensions, path[0])
	case len(path) == 1 && isExtensionName(path[0]):
		return fmt.Sprintf("unknown attribute %q; did you mean %s? An extension attribute is written %s.%s",
			name, field, extensions, name)
	}
	return fmt.Sprintf("unknown attribute %q; did you mean %s?", name, field)
}

// checkExtension says what is wrong with the path below ext; empty: nothing.
func checkExtension(path []string) string {
	switch {
	case len(path) == 0:
		return "ext needs the name of an extension attribute; write for example ext.traceparent"
	case knows(path[0]) && path[0] != extensions:
		return fmt.Sprintf("%s is no extension attribute; write %[1]s without ext", path[0])
	case path[0] == "stamp":
		return checkPath(path)
	case !isExtensionName(path[0]):
		return fmt.Sprintf("%q cannot be an extension attribute, whose names have only a-z and 0-9; did you mean %s?",
			spelling.Shorten(path[0]), spelling.Shorten(written(append([]string{dataAttribute}, path...))))
	}
	return ""
}

// isExtensionName reports whether name can be an extension attribute: lower-case letters and digits, at most 64 in
// package event.
func isExtensionName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// isTypeName reports whether a path is the name of a type, such as int or google.protobuf.Timestamp.
func isTypeName(path []string) bool {
	_, isType := environment().CELTypeProvider().FindIdent(strings.Join(path, "."))
	return isType
}

// hyphenated recognises a field with a hyphen that is written as data.user-agent. CEL subtracts there. root is where it
// begins; text says what to write. text is empty for anything else.
func hyphenated(e celast.Expr, bound []string, strict bool) (root celast.Expr, text string) {
	root, path := hyphenatedPath(e, bound, strict)
	switch {
	case root == nil:
		return nil, ""
	case prefixed(path[0]) != "":
		return root, fmt.Sprintf("an attribute has no prefix here; write %s", prefixed(path[0]))
	case path[0] == extensions:
		return root, checkExtension(path[1:])
	}
	if path[0] != root.AsIdent() { // the first word itself has the hyphen
		path = append([]string{dataAttribute}, path...)
	}
	_, last := chainOf(firstFactor(e.AsCall().Args()[1]))
	return root, fmt.Sprintf("- subtracts here; write %s for a field with a hyphen, or %s for another field",
		spelling.Shorten(written(path)), spelling.Shorten(written(append([]string{dataAttribute}, last...))))
}

// hyphenatedPath returns the path that a chain of subtractions was meant to be. It has a word without meaning on the
// right side. On the left it has another one, or a field.
func hyphenatedPath(e celast.Expr, bound []string, strict bool) (root celast.Expr, path []string) {
	if e.Kind() != celast.CallKind || e.AsCall().FunctionName() != operators.Subtract {
		return nil, nil
	}
	left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
	means := func(path []string) bool {
		return knows(path[0]) || isTypeName(path) || slices.Contains(bound, path[0])
	}
	root, path = chainOf(left)
	if root == nil {
		root, path = hyphenatedPath(left, bound, strict)
	}
	end, more := chainOf(firstFactor(right))
	if root == nil || end == nil || len(path) == 1 && means(path) {
		return nil, nil
	}
	hasFields := more[0] == dataAttribute || more[0] == extensions
	neverNumber := strict && knows(more[0]) && (len(more) == 1 || !hasFields) && !slices.Contains(bound, more[0])
	if means(more) && !neverNumber {
		return nil, nil
	}
	last := len(path) - 1
	return root, append(append(slices.Clip(path[:last]), path[last]+"-"+more[0]), more[1:]...)
}

// firstFactor returns a in a * b / c.
func firstFactor(e celast.Expr) celast.Expr {
	for e.Kind() == celast.CallKind {
		name := e.AsCall().FunctionName()
		if name != operators.Multiply && name != operators.Divide && name != operators.Modulo {
			break
		}
		e = e.AsCall().Args()[0]
	}
	return e
}

// written returns a path as an expression writes it: data.a["b-c"].
func written(path []string) string {
	var out strings.Builder
	out.WriteString(path[0])
	for _, step := range path[1:] {
		if isFieldName(step) {
			out.WriteString("." + step)
		} else {
			out.WriteString("[" + strconv.Quote(step) + "]")
		}
	}
	return out.String()
}

// isFieldName reports whether a field can be written behind a dot.
func isFieldName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && !slices.Contains([]string{"in", "true", "false", "null"}, name)
}
