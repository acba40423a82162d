package expression

import (
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// checkBoolean finds the places of a filter where a value must be true or false, but never is. CEL's types do not find
// them: the result of data.a - data.b is of any type.
func checkBoolean(ast *celast.AST, e celast.Expr) (faults []Fault) {
	if e.Kind() != celast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch name := e.AsCall().FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional:
		for _, arg := range args {
			faults = append(faults, checkBoolean(ast, arg)...)
		}
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate:
		return faultf(offsetOf(ast, e), "%s gives a number here, and never true or false; compare it with something",
			readable(name))
	}
	return faults
}
