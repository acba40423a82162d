package handler_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	engine "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// generated is the number of expressions. A few of them are wrong, and then both must refuse them.
const generated = 200

// TestGeneratedQueries compares answers to generated expressions, at instants and over ranges, with those of the same
// engine over rows that were exported from the query API.
func TestGeneratedQueries(t *testing.T) {
	s := open(t)
	random := rand.New(rand.NewPCG(15, 3))
	plain := engine.NewEngine(engine.EngineOpts{
		MaxSamples: 10_000_000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		Parser:                   parser.NewParser(parser.Options{}),
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})
	answered, points, exports := 0, 0, map[[2]time.Time]exported{}
	for range generated {
		g := generator{random}
		expr, isRange := g.expression(3), random.IntN(2) == 0
		start, end, step := g.instants(s.Clock)
		if !isRange {
			start = end
		}
		now := s.Clock
		if behind := now.Sub(end); behind > 0 && behind < 30*time.Second {
			now = end // clocks differ
		}
		open := now
		if behind := now.Sub(end); isRange && behind > 0 && behind < step {
			open = end // the client has rounded
		}
		at := [2]time.Time{now, open}
		if _, ok := exports[at]; !ok {
			exports[at] = s.export(now, open)
		}
		opts := engine.NewPrometheusQueryOpts(false, lookBack(expr), nil)
		query, err := plain.NewInstantQuery(t.Context(), exports[at], opts, expr, end)
		endpoint, parameters := "query", []string{"query", expr, "time", end.Format(time.RFC3339Nano)}
		if isRange {
			query, err = plain.NewRangeQuery(t.Context(), exports[at], opts, expr, start, end, step)
			endpoint, parameters = "query_range", []string{"query", expr, "start", start.Format(time.RFC3339Nano), "end",
				end.Format(time.RFC3339Nano), "step", fmt.Sprint(step.Seconds())}
		}
		want := &engine.Result{Err: err}
		if err == nil {
			want = query.Exec(t.Context())
		}
		got, status := s.prom(endpoint, parameters...)
		if want.Err != nil {
			if status == 200 {
				t.Errorf("%s: answered, want %v", expr, want.Err)
			}
			continue
		}
		text, err := json.Marshal(map[string]any{"resultType": want.Value.Type(), "result": want.Value})
		if err != nil {
			t.Fatal(err)
		}
		if status != 200 {
			t.Errorf("%s: %d %s", expr, status, got.Error)
		} else if diff := cmp.Diff(sorted(t, text), sorted(t, got.Data)); diff != "" {
			t.Errorf("%s %q (-exported +answer):\n%s", expr, parameters[2:], diff)
		}
		answered++
		if strings.Contains(string(text), `[1`) {
			points++
		}
	}
	t.Logf("%d of %d answered, %d with samples", answered, generated, points)
	if answered < generated*8/10 || points < generated/2 {
		t.Errorf("%d of %d were answered, and %d of them have samples: too few to prove anything", answered, generated,
			points)
	}
}

// sorted decodes the value of an answer. It sorts the series, since an instant vector has no order.
func sorted(t *testing.T, text []byte) []string {
	t.Helper()
	var v struct {
		ResultType string
		Result     []json.RawMessage
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return []string{string(text)} // a scalar
	}
	all := []string{v.ResultType}
	for _, one := range v.Result {
		all = append(all, string(one))
	}
	slices.Sort(all[1:])
	return all
}

var names = regexp.MustCompile(`(sales|daily|pace)_[a-z_]+`)

// lookBack returns the longest window of the metrics that an expression names.
func lookBack(expr string) time.Duration {
	longest := time.Duration(0)
	for _, name := range names.FindAllString(expr, -1) {
		longest = max(longest, windowOf(name))
	}
	if strings.Contains(expr, "__name__") {
		longest = max(longest, time.Hour) // the generator writes only names of sales
	}
	if longest == 0 {
		return 5 * time.Minute
	}
	return longest
}

// generator makes expressions.
type generator struct{ *rand.Rand }

func (g generator) pick(all ...string) string { return all[g.IntN(len(all))] }

// instants returns the instants of a question: some are past, some end now, and some later.
func (g generator) instants(now time.Time) (start, end time.Time, step time.Duration) {
	step = []time.Duration{time.Minute, 7 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}[g.IntN(5)]
	end = now
	switch g.IntN(5) {
	case 0:
		end = now.Add(-time.Duration(g.IntN(72*3600)) * time.Second)
	case 1:
		end = now.Truncate(24 * time.Hour)
	case 2:
		end = now.Add(-time.Duration(g.IntN(40)) * time.Second)
	case 3:
		end = now.Truncate(time.Hour).Add(time.Duration(g.IntN(3)-1) * time.Hour)
	}
	return end.Add(-time.Duration(g.IntN(100)) * step), end, step
}

// expression returns an instant vector, or a scalar.
func (g generator) expression(depth int) string {
	if depth == 0 {
		return g.selector() + g.modifier()
	}
	inner := func() string { return g.expression(depth - 1) }
	switch g.IntN(12) {
	case 0, 1, 2:
		return fmt.Sprintf("%s%s(%s)", g.pick("sum", "count", "max", "min", "avg", "group"),
			g.pick("", " by (shop)", " without (method)", " by (method, quantile)"), inner())
	case 3, 4, 5:
		return fmt.Sprintf("%s_over_time(%s[%s]%s)", g.pick("sum", "count", "max", "avg", "last", "present", "min"),
			g.selector(), g.duration(), g.modifier())
	case 6:
		return fmt.Sprintf("%s(%s, %s)", g.pick("topk", "bottomk"), g.pick("1", "2", "5"), inner())
	case 7:
		return fmt.Sprintf("(%s) %s %s", inner(), g.pick("+", "-", "*", ">", "<= bool", "/"), g.pick("1", "2.5", "10"))
	case 8:
		metric := g.pick("sales_orders", "sales_amount", "sales_largest")
		return fmt.Sprintf("%s %s on (shop, method) sales_exact == %s", metric, g.pick("and", "unless"), g.pick("0", "1"))
	case 9:
		return fmt.Sprintf("sum by (shop) (%s) %s sum by (shop) (%s)", inner(), g.pick("+", "/", "or", "and"), inner())
	case 10:
		return fmt.Sprintf("max_over_time((%s)[%s:%s])", inner(), g.duration(), g.pick("10m", "1h"))
	}
	return fmt.Sprintf("%s(%s)", g.pick("abs", "sqrt", "absent", "scalar", "round", "timestamp"), g.expression(0))
}

func (g generator) duration() string { return g.pick("10m", "1h", "90m", "6h", "1d", "3d") }

func (g generator) modifier() string {
	return g.pick("", "", "", "", " offset 1h", " offset 1d", " offset -30m", " @ end()", " @ 1767225600")
}

func (g generator) selector() string {
	name := g.pick("sales_orders", "sales_amount", "sales_largest", "sales_buyers", "sales_wait", "sales_exact",
		"sales_by_shop_orders", "sales_by_shop_wait", "sales_all_amount", "sales_all_exact", "daily_orders", "daily_mean",
		"pace_orders", "pace_exact", "sales_nothing", "__name__")
	var matchers []string
	if name == "__name__" {
		name, matchers = "", append(matchers, g.pick(`__name__=~"sales_(orders|largest)"`, `__name__=~"sales_.*_exact"`))
	}
	if g.IntN(3) == 0 {
		matchers = append(matchers, g.pick(`shop="north"`, `shop!="north"`, `shop=~"north|east"`, `shop=~".*th"`,
			`shop!~"s.*"`, `colour=""`, `shop=~"no.*",shop!~".*h"`))
	}
	if g.IntN(3) == 0 && windowOf(name) == time.Hour && !strings.Contains(name, "_by_") {
		matchers = append(matchers, g.pick(`method="card"`, `method=~"c.+"`, `method!=""`, `method=""`,
			`method="a|b \"c\" ü"`))
	}
	if strings.HasSuffix(name, "wait") && g.IntN(2) == 0 {
		matchers = append(matchers, g.pick(`quantile="0.9"`, `quantile=~"0.9.*"`))
	}
	return name + "{" + strings.Join(matchers, ",") + "}"
}
