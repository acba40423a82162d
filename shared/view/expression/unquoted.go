package expression

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// unquoted recognises a text without its quotes: type == rental.ended, or type in [rental.ended]. word is where it
// begins; text says what to write. text is empty for anything else.
func unquoted(e celast.Expr, bound []string) (word celast.Expr, text string) {
	attribute, others := compared(e)
	if attribute == nil || slices.Contains(bound, attribute.AsIdent()) {
		return nil, ""
	}
	for _, other := range others {
		if root, path := chainOf(other); root != nil && meansNothing(path, bound) {
			written := spelling.Shorten(strings.Join(path, "."))
			return root, fmt.Sprintf("%s has no quotes; write %q to compare %s with a text, or data.%[1]s for a field",
				written, written, attribute.AsIdent())
		}
	}
	return nil, ""
}

// compared returns an attribute that is always a text, and what the expression compares it with; nil for anything else.
func compared(e celast.Expr) (attribute celast.Expr, others []celast.Expr) {
	isText := func(e celast.Expr) bool {
		return e.Kind() == celast.IdentKind && slices.Contains(knownAttributes(), e.AsIdent())
	}
	if e.Kind() != celast.CallKind || len(e.AsCall().Args()) != 2 {
		return nil, nil
	}
	left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
	switch name := e.AsCall().FunctionName(); {
	case name == operators.In && isText(left) && right.Kind() == celast.ListKind:
		return left, right.AsList().Elements()
	case name != operators.Equals && name != operators.NotEquals:
		return nil, nil
	case isText(left):
		return left, []celast.Expr{right}
	case isText(right):
		return right, []celast.Expr{left}
	}
	return nil, nil
}

// meansNothing reports whether a path is no field, attribute, type or constant, nor one that is misspelt.
func meansNothing(path, bound []string) bool {
	_, isConstant := constants()[strings.ToLower(path[0])]
	return !isConstant && !knows(path[0]) && !isTypeName(path) && !slices.Contains(bound, path[0]) &&
		(len(path) == 1 || !knows(path[1])) && spelling.Nearest(path[0], []string{dataAttribute}) == "" &&
		!strings.HasPrefix(path[0], ".") && path[0] != "stamp"
}

// listInParentheses is in ("a", "b"), as SQL writes a list.
var listInParentheses = regexp.MustCompile(`\bin\s*(\(([^()]*)\))`)

// listFault names a list in parentheses around a syntax error; its text is empty when there is none.
func listFault(source string, at int) Fault {
	for _, found := range listInParentheses.FindAllStringSubmatchIndex(source, -1) {
		from, to := utf8.RuneCountInString(source[:found[2]]), utf8.RuneCountInString(source[:found[3]])
		if from < at && at < to {
			return Fault{from, fmt.Sprintf("a list stands in brackets; write in [%s]",
				spelling.Shorten(strings.TrimSpace(source[found[4]:found[5]])))}
		}
	}
	return Fault{}
}
