package expression

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// otherAggregates are aggregates of other systems, each with ours.
var otherAggregates = []hint{
	{"avg average", "mean"},
	{"total", "sum"},
	{"count_distinct approx_count_distinct countdistinct distinctcount uniq unique uniques hll cardinality", "distinct"},
	{"quantile percentile percentiles median p50 p75 p90 p95 p99 approx_percentile approx_quantile ddsketch", "quantiles"},
	{"topk top_k topn top_n approx_top_k", "top"},
	{"latest any any_value arg_max last_value", "last"},
	{"earliest arg_min first_value", "first"},
	{"var var_pop variance_pop varpop", "variance"},
	{"std stdev stddev_pop stddevpop", "stddev"},
}

// exampleOf is a call of the function with what it must have.
func exampleOf(f aggregate.Function) string {
	var args []string
	for _, kind := range f.Arguments()[:f.Required()] {
		args = append(args, map[aggregate.Kind]string{aggregate.Numbers: "data.bytes"}[kind])
		if kind != aggregate.Numbers {
			args[len(args)-1] = "data.path"
		}
	}
	if p, ok := f.Parameter(); ok {
		args = slices.Insert(args, p.At, strconv.Itoa(min(10, p.Most)))
	}
	return f.Name() + "(" + strings.Join(args, ", ") + ")"
}

// withCondition is an example of a call with a condition.
func withCondition(f aggregate.Function) string {
	before, _ := strings.CutSuffix(exampleOf(f), ")")
	if before != f.Name()+"(" {
		before += ", "
	}
	return before + "data.status < 400)"
}

// suggestAggregate also knows what other systems call an aggregate.
func suggestAggregate(name string, names []string) string {
	if other := find(otherAggregates, name); slices.Contains(names, other) {
		return fmt.Sprintf("did you mean %q?", other)
	}
	return spelling.Suggest(name, "aggregates", names)
}

// isWord distinguishes a function's name from an operator's.
func isWord(name string) bool {
	_, operator := operators.FindReverse(name)
	return !operator && !strings.HasPrefix(name, "@")
}

// callOffset returns where the name of a function stands. The parser points at its parenthesis instead.
func callOffset(ast *celast.AST, call celast.Expr) int {
	return max(0, offsetOf(ast, call)-len(call.AsCall().FunctionName()))
}

// startOf returns where a part begins: where the first of all of its parts stands.
func startOf(ast *celast.AST, e celast.Expr) int {
	at := offsetOf(ast, e)
	for _, child := range children(e) {
		if _, found := ast.SourceInfo().GetOffsetRange(child.ID()); found {
			at = min(at, startOf(ast, child))
		}
	}
	return at
}
