package expression_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/view/expression"
)

// Random expressions of the subset that runs as closures, and parts of them that does not, say the same of random
// events as closures, in the interpreter of this package, and in an interpreter that the test sets up and feeds by
// itself.
func TestClosuresAgreeWithInterpreter(t *testing.T) {
	oracle := newOracle(t)
	rapid.Check(t, func(t *rapid.T) {
		source := drawBoolean(t, 3)
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 8, 8).Draw(t, "events")
		closures, fields := filter(t, source)
		interpreter, interpreterFields, err := expression.InterpretFilter(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		b, ib := scan(t, fields, events...), scan(t, interpreterFields, events...)
		for row, e := range events {
			want := oracle.eval(t, source, e)
			if got := verdict(closures(b, row)); got != want {
				t.Errorf("%s of %s: closures say %d, CEL says %d", source, e, got, want)
			}
			if got := verdict(interpreter(ib, row)); got != want {
				t.Errorf("%s of %s: the interpreter says %d, CEL says %d", source, e, got, want)
			}
		}
	})
}

// The normal form of an expression is its own normal form, and means the same.
func TestNormalFormMeansTheSame(t *testing.T) {
	oracle := newOracle(t)
	rapid.Check(t, func(t *rapid.T) {
		source := drawBoolean(t, 3)
		e := drawEvent(t)
		normal := expression.Normal(source)
		if again := expression.Normal(normal); again != normal {
			t.Errorf("%s: normal form %s has the normal form %s", source, normal, again)
		}
		if got, want := oracle.eval(t, normal, e), oracle.eval(t, source, e); got != want {
			t.Errorf("%s says %d of %s, its normal form %s says %d", source, want, e, normal, got)
		}
	})
}

// oracle is CEL on events decoded by encoding/json.
type oracle struct{ env *cel.Env }

func newOracle(t *testing.T) oracle {
	options := []cel.EnvOption{cel.Variable("data", cel.DynType), cel.Variable("time", cel.TimestampType),
		cel.Variable("ext", cel.DynType), ext.Strings(), oracleText("lower", strings.ToLower),
		oracleText("upper", strings.ToUpper), oracleText("urlHost", hostOf), oracleText("urlPath", pathOf),
		cel.Function("bucket", cel.Overload("bucket_dyn", []*cel.Type{cel.DynType, cel.ListType(cel.DynType)},
			cel.StringType, cel.BinaryBinding(bucketOf)))}
	for _, name := range []string{"type", "source", "subject", "id"} {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		t.Fatal(err)
	}
	return oracle{env}
}

// oracleText declares a function of a text for the oracle.
func oracleText(name string, f func(string) string) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload(name, []*cel.Type{cel.StringType}, cel.StringType,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return types.String(f(string(v.(types.String)))) })))
}

// hostOf and pathOf read a URL with the library.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || !strings.Contains(text, "://") {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

func pathOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	if u.Host != "" && u.Path == "" {
		return "/"
	}
	return u.EscapedPath()
}

// bucketOf compares as CEL does.
func bucketOf(v, list ref.Val) ref.Val {
	var labels []string
	for all := list.(traits.Lister).Iterator(); all.HasNext() == types.True; {
		bound := all.Next()
		if n, ok := bound.(traits.Comparer); !ok || types.IsError(n.Compare(v)) {
			return types.NewErr("no such overload")
		} else if labels = append(labels, fmt.Sprint(bound.Value())); n.Compare(v) == types.IntOne {
			if len(labels) == 1 {
				return types.String("<" + labels[0])
			}
			return types.String(strings.Join(labels[len(labels)-2:], "-"))
		}
	}
	return types.String(">=" + labels[len(labels)-1])
}

func (o oracle) eval(t *rapid.T, source, e string) expression.Truth {
	ast, issues := o.env.Compile(source)
	if issues.Err() != nil {
		t.Fatalf("%s: %v", source, issues.Err())
	}
	program, err := o.env.Program(ast)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	decoder := json.NewDecoder(strings.NewReader(e))
	decoder.UseNumber()
	var attributes map[string]any
	if err := decoder.Decode(&attributes); err != nil {
		t.Fatal(err)
	}
	for name, value := range attributes {
		if value == nil && name != "data" {
			delete(attributes, name)
			continue
		}
		attributes[name] = celValue(value)
	}
	delete(attributes, "time")
	extensions := map[string]any{}
	if value, ok := attributes["ext"]; ok {
		extensions["ext"] = value
	}
	attributes["ext"] = extensions
	out, _, err := program.Eval(attributes)
	if err != nil {
		return expression.Failed
	}
	switch out.Value() {
	case true:
		return expression.IsTrue
	case false:
		return expression.IsFalse
	}
	return expression.Failed
}

func celValue(value any) any {
	switch value := value.(type) {
	case json.Number:
		return celNumber(value.String())
	case map[string]any:
		for name := range value {
			value[name] = celValue(value[name])
		}
	case []any:
		for i := range value {
			value[i] = celValue(value[i])
		}
	}
	return value
}

// celNumber is the reading of a number: an integer of 64 bits is exact, in any notation.
func celNumber(text string) any {
	f, _ := strconv.ParseFloat(text, 64)
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() {
		return f
	}
	written := !strings.ContainsAny(text, ".eE")
	switch n := r.Num(); {
	case n.IsInt64() && (written || n.CmpAbs(big.NewInt(1<<53)) >= 0):
		return n.Int64()
	case n.IsUint64() && !n.IsInt64():
		return n.Uint64()
	}
	return f
}

func oneOf(t *rapid.T, label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(t, label)
}

func drawPath(t *rapid.T) string {
	return oneOf(t, "path", "data.a", "data.b", "data.o.x", `data.o["y z"]`, `data["a"]`, "data.o.p.q", "data.o", "data", "ext.ext", "data.list", "type.x"[:4], "subject", "source", "id")
}

func isTyped(path string) bool {
	return path == "type" || path == "subject" || path == "source" || path == "id"
}

func drawText(t *rapid.T) string {
	return oneOf(t, "text", `"x"`, `""`, `"web.request"`, `'é'`, `"a\"b"`, `"\u00e9"`, `"/source"`, `"X"`, `"x\ty"`)
}

func drawConstant(t *rapid.T) string {
	return oneOf(t, "constant", drawText(t), "0", "1", "-1", "1.0", "1.5", "-0.0", "9007199254740993",
		"9007199254740992.0", "9223372036854775807", "-9223372036854775808",
		"9223372036854775808.0", "1e30", "-1e30", "0.1",
		"18446744073709551615u", "9223372036854775809u", "true", "false", "null", "0x10")
}

// drawOperand is a constant that type-checks beside path.
func drawOperand(t *rapid.T, path string) string {
	if isTyped(path) {
		return drawText(t)
	}
	return drawConstant(t)
}

func drawBoolean(t *rapid.T, depth int) string {
	kinds := 12
	if depth == 0 {
		kinds = 8
	}
	path := drawPath(t)
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0, 1:
		return fmt.Sprintf("%s %s %s", path, drawOperator(t), drawOperand(t, path))
	case 2:
		return fmt.Sprintf("%s %s %s", drawOperand(t, path), drawOperator(t), path)
	case 3:
		return fmt.Sprintf("%s %s %s", path, drawOperator(t), drawPath(t))
	case 4:
		return "has(" + oneOf(t, "tested", "data.a", "data.o.x", "data.o.p.q", "data.b.c", "ext.x", "ext.ext", "ext.ext.x", `data["o"].x`, "data.list.x", "data.a.b.c") + ")"
	case 5:
		n := rapid.IntRange(0, 4).Draw(t, "elements")
		elements := make([]string, n)
		for i := range elements {
			elements[i] = drawOperand(t, path)
		}
		return fmt.Sprintf("%s in [%s]", path, strings.Join(elements, ", "))
	case 6:
		return fmt.Sprintf("%s.%s(%s)", path, oneOf(t, "test", "startsWith", "endsWith", "contains"), drawText(t))
	case 7:
		return oneOf(t, "flag", "data.a", "data.o.x", "ext.ext", "true", "false", `data["b"]`)
	case 8:
		return oneOf(t, "other", `data.a.matches("x")`, "size(data.list) > 1", "data.a + 1 == 2", "data.list.exists(i, i == 1)", `"x" in data.o`, "data.list[0] == 1",
			`data.a.split("x")[0] == ""`, `data.b.replace("x", "y", 1) == "yx"`, `data.a.substring(1) == ""`,
			`data.list.join("x") == "xxx"`, `data.a.indexOf("x") == data.b`, `data.a.trim().charAt(0) == "x"`,
			`data.a.lower() == data.b`, `type.upper() != data.a.upper()`, `data.a.urlPath() == "/source"`,
			`source.urlHost() == data.a.urlHost()`, `bucket(data.a, [-1, 1, 16.5]) == bucket(data.b, [1])`,
			`data.list.all(i, bucket(i, [0.1, 9007199254740993]) != "<0.1")`, `dyn(type) == 5`, "data.a in data.list", "1u == data.a", "data.a < null", "string(data.a) == '1'", "data.list.all(type, type != 1) == data.b")
	case 9, 10:
		return fmt.Sprintf("(%s) && (%s)", drawBoolean(t, depth-1), drawBoolean(t, depth-1))
	case 11:
		return fmt.Sprintf("(%s) || (%s)", drawBoolean(t, depth-1), drawBoolean(t, depth-1))
	}
	return fmt.Sprintf("!(%s)", drawBoolean(t, depth-1))
}

func drawOperator(t *rapid.T) string { return oneOf(t, "operator", "==", "!=", "<", "<=", ">", ">=") }

func drawEvent(t *rapid.T) string {
	var members []string
	if subject := oneOf(t, "subject", "", "null", `"x"`, `"web.request"`, `"\u00e9"`); subject != "" {
		members = append(members, `"subject":`+subject)
	}
	if ext := oneOf(t, "ext", "", "null", `"x"`, "1", "true"); ext != "" {
		members = append(members, `"ext":`+ext)
	}
	switch rapid.IntRange(0, 9).Draw(t, "data") {
	case 0:
	case 1:
		members = append(members, `"data":`+drawValue(t, 1))
	default:
		members = append(members, `"data":`+drawObject(t, []string{"a", "b", "o", "list"}, 2))
	}
	return eventWith(strings.Join(members, ","))
}

func drawValue(t *rapid.T, depth int) string {
	kinds := 3
	if depth == 0 {
		kinds = 2
	}
	switch rapid.IntRange(0, kinds).Draw(t, "value") {
	case 0:
		return oneOf(t, "number", "0", "1", "-1", "1.0", "1e0", "1.5", "-0", "-0.0", "0.1", "9007199254740993",
			"9007199254740992", "9223372036854775807", "9223372036854775808",
			"-9223372036854775808", "1E+30", "1e308", "123456789012345678", "1234567890123456789", "16",
			"9007199254740993.0", "9223372036854775809", "1.8446744073709551615e19", "18446744073709551616",
			"404.0", "4.04e2", "40400e-2")
	case 1:
		return oneOf(t, "string", `"x"`, `""`, `"web.request"`, `"é"`, `"\u00e9"`, `"a\"b"`, `"x\ty"`, `"xx"`, `"/source"`)
	case 2:
		return oneOf(t, "word", "true", "false", "null")
	}
	if rapid.Bool().Draw(t, "object") {
		return drawObject(t, []string{"x", "y z", "p", "q"}, depth-1)
	}
	n := rapid.IntRange(0, 3).Draw(t, "length")
	elements := make([]string, n)
	for i := range elements {
		elements[i] = drawValue(t, depth-1)
	}
	return "[" + strings.Join(elements, ",") + "]"
}

func drawObject(t *rapid.T, names []string, depth int) string {
	var members []string
	for _, name := range names {
		if rapid.IntRange(0, 3).Draw(t, "has "+name) > 0 {
			members = append(members, strconv.Quote(name)+":"+drawValue(t, depth))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}
