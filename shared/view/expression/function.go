package expression

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

// The functions that an expression has beside those of CEL itself: the string extension of CEL, and these. The version
// of the extension is the one without format() and strings.quote(), whose results depend on tables of languages.
//
// A function that depends on tables of Go has golden vectors in each version of the engine. docs/views.md lists all.
//
// Source: cel-go, package ext, strings.go, version 0.
const (
	lowerFunction   = "lower"
	upperFunction   = "upper"
	urlHostFunction = "urlHost"
	urlPathFunction = "urlPath"
	bucketFunction  = "bucket"
)

// textExamples has the functions that are written behind a text, each with an example.
var textExamples = map[string]string{
	"contains": `contains("/a")`, "startsWith": `startsWith("/a")`, "endsWith": `endsWith("/a")`,
	"matches": `matches("^/a")`, "charAt": "charAt(0)", "indexOf": `indexOf("/")`, "lastIndexOf": `lastIndexOf("/")`,
	"lowerAscii": "lowerAscii()", "upperAscii": "upperAscii()", "replace": `replace("-", "_")`,
	"split": `split("/")[1]`, "substring": "substring(0, 2)", "trim": "trim()",
	lowerFunction: "lower()", upperFunction: "upper()", urlHostFunction: "urlHost()", urlPathFunction: "urlPath()",
}

// addedFunctions declares the functions.
func addedFunctions() []cel.EnvOption {
	var overloads []cel.FunctionOpt
	for _, number := range []*cel.Type{cel.IntType, cel.UintType, cel.DoubleType} {
		overloads = append(overloads, cel.Overload(bucketFunction+"_"+number.String(),
			[]*cel.Type{number, cel.ListType(cel.DynType)}, cel.StringType, cel.BinaryBinding(bucketOf)))
	}
	return []cel.EnvOption{
		ext.Strings(ext.StringsVersion(0)),
		cel.Function(bucketFunction, overloads...),
		textFunction(lowerFunction, strings.ToLower),
		textFunction(upperFunction, strings.ToUpper),
		textFunction(urlHostFunction, urlHost),
		textFunction(urlPathFunction, urlPath),
	}
}

// textFunction declares a function that is written behind a text and returns a text.
func textFunction(name string, f func(string) string) cel.EnvOption {
	binding := cel.UnaryBinding(func(text ref.Val) ref.Val { return types.String(f(string(text.(types.String)))) })
	return cel.Function(name,
		cel.MemberOverload("string_"+name, []*cel.Type{cel.StringType}, cel.StringType, binding))
}

// charges are what functions pay beside the sizes of their arguments: what they make, and how often they look.
var charges = map[string]func(m *meter, args []ref.Val){
	"replace":      (*meter).chargeReplace,
	"split":        (*meter).chargeSplit,
	"join":         (*meter).chargeJoin,
	"indexOf":      (*meter).chargeSearch,
	"lastIndexOf":  (*meter).chargeSearch,
	bucketFunction: (*meter).chargeBucket,
}

// textsOf returns the first n arguments. ok is false when one of them is not a text; the function fails then.
func textsOf(args []ref.Val, n int) (texts [3]string, ok bool) {
	for i := range n {
		text, isText := args[i].(types.String)
		if !isText {
			return texts, false
		}
		texts[i] = string(text)
	}
	return texts, true
}

// limited returns n, or the argument at a place when there is one that is smaller and not negative.
func limited(n int, args []ref.Val, at int) int {
	if at < len(args) {
		if limit, ok := args[at].(types.Int); ok && limit >= 0 && int64(limit) < int64(n) {
			return int(limit)
		}
	}
	return n
}

// chargeReplace charges for the text that replace makes.
func (m *meter) chargeReplace(args []ref.Val) {
	if texts, ok := textsOf(args, 3); ok {
		text, old, replacement := texts[0], texts[1], texts[2]
		n := limited(strings.Count(text, old), args, 3)
		m.charge(max(0, len(text)+n*(len(replacement)-len(old))) >> textShift)
	}
}

// chargeSplit charges for every part that split makes.
func (m *meter) chargeSplit(args []ref.Val) {
	if texts, ok := textsOf(args, 2); ok {
		m.charge(limited(strings.Count(texts[0], texts[1])+1, args, 2))
	}
}

// chargeJoin charges for a visit of every element, and for what comes between two.
func (m *meter) chargeJoin(args []ref.Val) {
	list, isList := args[0].(traits.Lister)
	if !isList {
		return
	}
	m.chargeVisit(list)
	if len(args) > 1 {
		if separator, ok := args[1].(types.String); ok {
			m.charge(sizeOf(list) * len(separator) >> textShift)
		}
	}
}

// chargeSearch charges for a comparison with the whole of what is looked for at every place.
func (m *meter) chargeSearch(args []ref.Val) {
	if texts, ok := textsOf(args, 2); ok {
		m.charge(len(texts[0]) * len(texts[1]) >> textShift)
	}
}

// chargeBucket charges for every bound.
func (m *meter) chargeBucket(args []ref.Val) {
	if bounds, ok := args[1].(traits.Lister); ok {
		m.charge(sizeOf(bounds))
	}
}

// maxBounds limits the bounds of a bucket, and so the number of keys that it makes.
const maxBounds = 100

const bucketText = "bucket needs a number and a list of constant numbers in ascending order; " +
	"write for example bucket(data.bytes, [1000, 10000])"

// checkBuckets finds the buckets whose bounds are not constant, ascending numbers.
func checkBuckets(ast *celast.AST) (faults []Fault) {
	celast.PostOrderVisit(ast.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.CallKind || e.AsCall().FunctionName() != bucketFunction || len(e.AsCall().Args()) != 2 {
			return
		}
		if text := checkBounds(e.AsCall().Args()[1]); text != "" {
			faults = append(faults, Fault{offsetOf(ast, e.AsCall().Args()[1]), text})
		}
	}))
	return faults
}

func checkBounds(list celast.Expr) string {
	if list.Kind() != celast.ListKind || list.AsList().Size() == 0 {
		return bucketText
	}
	if n := list.AsList().Size(); n > maxBounds {
		return fmt.Sprintf("bucket has %d bounds; the maximum is %d", n, maxBounds)
	}
	var before number
	for i, element := range list.AsList().Elements() {
		bound, ok := numberOf(literal(element))
		if !ok || i > 0 && compareNumbers(before, bound) >= 0 {
			return bucketText
		}
		before = bound
	}
	return ""
}

// numberOf returns a number of CEL.
func numberOf(value any) (number, bool) {
	switch value := value.(type) {
	case types.Int:
		return number{kind: intNumber, i: int64(value)}, true
	case types.Uint:
		return number{kind: uintNumber, u: uint64(value)}, true
	case types.Double:
		return number{f: float64(value)}, value == value // not NaN
	}
	return number{}, false
}

// bucketOf returns the label of the bucket that a number is in: "<10", "10-100" or ">=100" for the bounds 10 and 100. A
// bucket holds its lower bound, and not its upper one.
func bucketOf(value, list ref.Val) ref.Val {
	n, ok := numberOf(value)
	if !ok {
		return types.NewErr("the value of a bucket is not a number")
	}
	bounds := list.(traits.Lister)
	var below string
	for i := range sizeOf(bounds) {
		bound, _ := numberOf(bounds.Get(types.Int(i)))
		label := boundText(bound)
		switch {
		case compareNumbers(n, bound) >= 0:
			below = label
		case i == 0:
			return types.String("<" + label)
		default:
			return types.String(below + "-" + label)
		}
	}
	return types.String(">=" + below)
}

// boundText returns a bound as a key would have it.
func boundText(bound number) string {
	switch bound.kind {
	case intNumber:
		return fmt.Sprint(bound.i)
	case uintNumber:
		return fmt.Sprint(bound.u)
	}
	text, _ := appendDoubleKey(nil, bound.f)
	return string(text)
}
