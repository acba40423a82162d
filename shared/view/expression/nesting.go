package expression

import (
	celast "cel.dev/cel-go/common/ast"
)

// What an expression may be, so that its compilation takes milliseconds. CEL's time grows with the size of the types in
// an expression. Every list, map and macro around another doubles that size at worst.
const (
	maxSource  = 10_000 // characters; the normal form of what a views file may have is shorter
	maxNesting = 16     // lists, maps and macros around each other or one after the other; map and filter make lists
	maxStates  = 1_000  // of a regular expression
)

// nestingOf returns how deep lists, maps and macros are nested in an expression. A macro over the result of another one
// is nested in it. There is a fault, at the innermost place, when it is too deep.
func nestingOf(ast *celast.AST, e celast.Expr) (levels int, faults []Fault) {
	deepest := func(parts ...celast.Expr) (most int) {
		for _, part := range parts {
			n, found := nestingOf(ast, part)
			most, faults = max(most, n), append(faults, found...)
		}
		return most
	}
	switch e.Kind() {
	case celast.ComprehensionKind:
		c := e.AsComprehension()
		levels = 1 + deepest(c.IterRange()) + deepest(c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result())
	case celast.ListKind, celast.MapKind:
		levels = 1 + deepest(children(e)...)
	default:
		levels = deepest(children(e)...)
	}
	if levels > maxNesting && len(faults) == 0 {
		faults = faultf(offsetOf(ast, e), "lists, maps and macros are nested too deeply here; "+
			"the maximum is %d levels, of which map and filter take two", maxNesting)
	}
	return levels, faults
}
