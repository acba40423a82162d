package costs

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
)

// Evaluate computes a formula: numbers, names, + - * / and parentheses, and min(a, b) and max(a, b).
//
// Errors: the formula is not valid, or a name has no value. Do not retry.
func Evaluate(formula string, values map[string]float64) (float64, error) {
	parsed, err := parser.ParseExpr(formula)
	if err != nil {
		return 0, fmt.Errorf("invalid formula %q: %w", formula, err)
	}
	value, err := evaluate(parsed, values)
	if err != nil {
		return 0, fmt.Errorf("formula %q: %w", formula, err)
	}
	return value, nil
}

func evaluate(e ast.Expr, values map[string]float64) (float64, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strconv.ParseFloat(e.Value, 64)
	case *ast.ParenExpr:
		return evaluate(e.X, values)
	case *ast.Ident:
		value, ok := values[e.Name]
		if !ok {
			return 0, fmt.Errorf("unknown name %s", e.Name)
		}
		return value, nil
	case *ast.BinaryExpr:
		return both(e.X, e.Y, values, operators[e.Op])
	case *ast.CallExpr:
		if name, ok := e.Fun.(*ast.Ident); ok && len(e.Args) == 2 {
			return both(e.Args[0], e.Args[1], values, functions[name.Name])
		}
	}
	return 0, fmt.Errorf("%T is not supported: use + - * / min(a, b) max(a, b)", e)
}

var (
	operators = map[token.Token]func(a, b float64) float64{
		token.ADD: func(a, b float64) float64 { return a + b },
		token.SUB: func(a, b float64) float64 { return a - b },
		token.MUL: func(a, b float64) float64 { return a * b },
		token.QUO: func(a, b float64) float64 { return a / b },
	}
	functions = map[string]func(a, b float64) float64{
		"min": func(a, b float64) float64 { return min(a, b) },
		"max": func(a, b float64) float64 { return max(a, b) },
	}
)

// both computes two operands and applies an operation. There is no operation for what formulas do not support.
func both(x, y ast.Expr, values map[string]float64, operation func(a, b float64) float64) (float64, error) {
	if operation == nil {
		return 0, errors.New("unknown operation: use + - * / min(a, b) max(a, b)")
	}
	a, err := evaluate(x, values)
	if err != nil {
		return 0, err
	}
	b, err := evaluate(y, values)
	if err != nil {
		return 0, err
	}
	return operation(a, b), nil
}
