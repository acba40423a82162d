package handler_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/prometheus/handler"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/release"
	"github.com/anabranch/anabranch/shared/setting"
)

// TestADayIsTheDay checks that sum_over_time(m[1d]) at midnight is the row of the day, for views of hours and of days.
func TestADayIsTheDay(t *testing.T) {
	s := open(t)
	for _, day := range []string{"2025-12-29", "2025-12-30", "2025-12-31"} {
		begins, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		midnight := begins.AddDate(0, 0, 1).Format(time.RFC3339)
		for _, c := range []struct{ expr, view, value string }{
			{"sum_over_time(sales_all_orders[1d])", "sales", "orders"},
			{"sum(sum_over_time(sales_orders[1d]))", "sales", "orders"},
			{"sum_over_time(pace_orders[1d])", "pace", "orders"},
			{"sum(daily_orders)", "daily", "orders"},
			{"sum(sum_over_time(daily_orders[1d]))", "daily", "orders"},
		} {
			var rows struct {
				Data []struct{ Values map[string]any }
			}
			s.get(&rows, "/v1/views/"+c.view+"/query", url.Values{
				"from": {day + "T00:00:00Z"}, "to": {midnight}, "step": {"1d"}, "group_by": {""},
			})
			if len(rows.Data) != 1 {
				t.Fatalf("%s: %d rows", day, len(rows.Data))
			}
			if got, want := s.number(c.expr, midnight), fmt.Sprint(rows.Data[0].Values[c.value]); got != want || got == "0" {
				t.Errorf("%s at %s is %s, the row says %s", c.expr, midnight, got, want)
			}
		}
	}
}

// TestRequestsOfGrafana plays the requests that Grafana is known to send, by GET and POST. None fails.
func TestRequestsOfGrafana(t *testing.T) {
	s := open(t)
	start, end := "1767225600", "1767261600"
	for _, c := range []struct {
		method, path, parameters string
		want                     string // in the answer
	}{
		{"POST", "query", "query=1%2B1&time=" + end, `"scalar"`},
		{"GET", "query", "query=1%2B1", `"scalar"`},
		{"GET", "status/buildinfo", "", `"version":"` + handler.Version + `"`},
		{"GET", "status/buildinfo", "", `"revision":"anabranch ` + release.Version() + `"`},
		{"GET", "metadata", "limit=5000", `"sales_orders":[{"type":"gauge"`},
		{"GET", "metadata", "metric=sales_orders", `"help":"count() of view sales`},
		{"GET", "labels", "start=" + start + "&end=" + end, `"shop"`},
		{"POST", "labels", "start=" + start + "&end=" + end + "&match[]=sales_orders", `"method"`},
		{"GET", "label/__name__/values", "start=" + start + "&end=" + end, `"sales_orders"`},
		{"GET", "label/__name__/values", `match[]={__name__%3D~".*sales.*"}&limit=40000`, `"sales_by_shop_exact"`},
		{"GET", "label/shop/values", "match[]=sales_orders", `["east","north","south"]`},
		{"GET", "label/shop/values", "", `["east","north","south"]`},
		{"GET", "label/nothing/values", "", `"data":[]`},
		{"GET", "series", "match[]=daily_orders&start=" + start + "&end=" + end, `{"__name__":"daily_orders","shop":"east"}`},
		{"POST", "series", `match[]=%7B__name__%3D~"daily_o.*",shop%3D"east"%7D`, `"data":[{"__name__"`},
		{"POST", "query_range", "query=sales_orders&step=3600&start=" + start + "&end=" + end, `"matrix"`},
		{"GET", "query_range", "query=sales_orders&step=1h&stats=all&timeout=60s&start=" + start + "&end=" + end,
			`"matrix"`},
		{"POST", "query_exemplars", "query=sales_orders&start=" + start + "&end=" + end, `"data":[]`},
		{"GET", "rules", "", `"groups":[]`},
		{"GET", "alerts", "", `"alerts":[]`},
	} {
		address, form := s.url+"/prometheus/api/v1/"+c.path+"?"+c.parameters, ""
		if c.method == http.MethodPost {
			address, form = s.url+"/prometheus/api/v1/"+c.path, c.parameters
		}
		r, err := http.NewRequestWithContext(t.Context(), c.method, address, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		if form != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close() // it was read
		if err != nil || response.StatusCode != 200 || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s %s: %s %s, %v; want %s", c.method, c.path, c.parameters, response.Status, body, err, c.want)
		}
		if got := response.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: type %q", c.path, got)
		}
	}
}

// TestVersion checks that the version that clients see is that of the engine.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	major, rest, _ := strings.Cut(handler.Version, ".") // 3.16.0 is v0.316.0 of the module
	minor, patch, _ := strings.Cut(rest, ".")
	want := "github.com/prometheus/prometheus v0." + major + minor + "." + patch + "\n"
	if !strings.Contains(string(text), want) {
		t.Errorf("go.mod has no %s", want)
	}
}

// TestRefused checks what is refused, with which status, and that the text names what is wrong or the limit.
func TestRefused(t *testing.T) {
	s := open(t)
	for _, c := range []struct {
		endpoint   string
		parameters []string
		status     int
		kind, want string
	}{
		{"query", nil, 400, "bad_data", "parameter query is missing"},
		{"query", []string{"query", "sum("}, 400, "bad_data", "parse error"},
		{"query", []string{"query", "1", "time", "noon"}, 400, "bad_data", `parameter time is "noon"`},
		{"query", []string{"query", "1", "time", "1e300"}, 400, "bad_data", "parameter time"},
		{"query", []string{"query", "1", "time", "NaN"}, 400, "bad_data", "parameter time"},
		{"query_range", []string{"query", "1", "start", "1", "end", "2"}, 400, "bad_data", "parameter step"},
		{"query_range", []string{"query", "1", "start", "1", "end", "2", "step", "-1"}, 400, "bad_data", "at least 1ms"},
		{"query_range", []string{"query", "1", "start", "2", "end", "1", "step", "1"}, 400, "bad_data", "is before start"},
		{"query_range", []string{"query", "1", "start", "0", "end", "11000", "step", "1"}, 422, "execution", "11000 steps"},
		{"query_range", []string{"query", "sales_orders[1h]", "start", "1", "end", "2", "step", "1"}, 400, "bad_data",
			"invalid expression type"},
		{"query", []string{"query", "count_over_time(vector(1)[30d:1s])"}, 422, "execution", "11000 steps"},
		{"query", []string{"query", "max_over_time((max_over_time(vector(1)[10000s:1s]))[10000s:1s])"}, 422, "execution",
			"11000 steps"},
		{"query", []string{"query", "sales_orders[100y]"}, 422, "execution", "sales_orders has more than 100000 samples"},
		{"query", []string{"query", strings.Repeat("1+", 9000) + "1"}, 422, "execution", "the maximum is 16384"},
		{"query", []string{"query", "sales_orders + on(shop) sales_amount"}, 422, "execution", "many-to-many"},
		{"series", nil, 400, "bad_data", "match[] is missing"},
		{"series", []string{"match[]", "{"}, 400, "bad_data", "selector"},
		{"label/shop/values", []string{"limit", "few"}, 400, "bad_data", "parameter limit"},
		{"status/flags", nil, 404, "not_found", "no such endpoint"},
		{"format_query", nil, 404, "not_found", "query_range"},
	} {
		a, status := s.prom(c.endpoint, c.parameters...)
		if status != c.status || a.Status != "error" || a.ErrorType != c.kind || !strings.Contains(a.Error, c.want) {
			t.Errorf("%s %.80q: %d %+v; want %d %s %s", c.endpoint, c.parameters, status, a, c.status, c.kind, c.want)
		}
	}
}

// TestLimits checks that a question above each limit is refused by name.
func TestLimits(t *testing.T) {
	s := open(t)
	for _, c := range []struct {
		change     func(*promql.Bounds)
		endpoint   string
		parameters []string
		want       string
	}{
		{func(b *promql.Bounds) { b.Series = 3 }, "query", []string{"query", "sales_orders[4d]"}, "more than 3 keys"},
		{func(b *promql.Bounds) { b.Series = 9 }, "query", []string{"query", "sales_wait[4d]"}, "more than 9 series"},
		{func(b *promql.Bounds) { b.Samples = 100 }, "query", []string{"query", "sales_orders[4d]"}, "more than 100 samples"},
		{func(b *promql.Bounds) { b.Samples = 120 }, "query", []string{"query",
			"sum_over_time(sales_by_shop_amount[4d]) or sum_over_time(sales_all_orders[4d])"},
			"120 samples"},
		{func(b *promql.Bounds) { b.Points = 200 }, "query_range", []string{"query", "sales_by_shop_orders", "start",
			"2025-12-29T00:00:00Z", "end", "2026-01-01T00:00:00Z", "step", "1h"}, "at 73 steps"},
		{func(b *promql.Bounds) { b.Points = 10 }, "query_range", []string{"query", "vector(1)", "start", "0", "end", "100",
			"step", "1"}, "more than 10 samples in memory"},
		{func(b *promql.Bounds) { b.Steps = 10 }, "query_range", []string{"query", "1", "start", "0", "end", "10",
			"step", "1"}, "more than 10 steps"},
		{func(b *promql.Bounds) { b.Text = 5 }, "query", []string{"query", "1 + 1 + 1"}, "the maximum is 5"},
		{func(b *promql.Bounds) { b.Text = 5 }, "series", []string{"match[]", "sales_orders"}, "the maximum is 5"},
		{func(b *promql.Bounds) { b.Time = time.Nanosecond }, "query", []string{"query", "sales_all_orders"},
			"longer than 1ns"},
	} {
		s.limit = promql.BoundsOf(setting.Default())
		c.change(&s.limit)
		parameters := c.parameters
		if c.endpoint == "query" {
			parameters = append(parameters, "time", at("10:20:00"))
		}
		if a, status := s.prom(c.endpoint, parameters...); status != 422 || !strings.Contains(a.Error, c.want) {
			t.Errorf("%q: %d %s; want %s", c.parameters, status, a.Error, c.want)
		}
	}
}

// TestWarnings checks that an answer says what it leaves out: a name that is no metric, and what a view could not use.
func TestWarnings(t *testing.T) {
	s := open(t)
	for expr, want := range map[string]string{
		"sales_best":                      "sales_best is no metric, since the values of top(data.user, 3) are no numbers",
		"pace_first":                      "pace_first is no metric",
		"sum_over_time(sales_amount[4d])": "see skipped of GET /v1/views/sales/query",
	} {
		a, status := s.prom("query", "query", expr, "time", at("06:00:00"))
		if status != 200 || !strings.Contains(strings.Join(a.Warnings, "\n"), want) {
			t.Errorf("%s: %d %q; want %s", expr, status, a.Warnings, want)
		}
	}
	a, status := s.prom("query", "query", "sum_over_time(sales_orders[4d]) * sum_over_time(sales_exact[4d])", "time",
		at("06:00:00"))
	if status != 200 || len(a.Data) == 0 || strings.Contains(strings.Join(a.Warnings, ""), "left out") {
		t.Errorf("orders lack nothing that amount lacks: %d %q", status, a.Warnings)
	}
	s.limit.Series = 2
	for _, endpoint := range []string{"series", "label/shop/values"} {
		a, status := s.prom(endpoint, "match[]", "sales_orders")
		if status != 200 || !strings.Contains(strings.Join(a.Warnings, "\n"), "view sales has more keys than the first 2") {
			t.Errorf("%s: %d %q", endpoint, status, a.Warnings)
		}
	}
	if a, _ := s.prom("label/__name__/values"); len(a.Warnings) == 0 {
		t.Error("two of many names, without a warning")
	}
}

// TestLabels checks labels: a roll-up has those of its fields, a quantile has its own, and any text is a value.
func TestLabels(t *testing.T) {
	s := open(t)
	for match, want := range map[string][]string{
		"sales_orders":         {"__name__", "method", "shop"},
		"sales_by_shop_orders": {"__name__", "shop"},
		"sales_all_orders":     {"__name__"},
		"sales_wait":           {"__name__", "method", "quantile", "shop"},
		"sales_exact":          {"__name__", "method", "shop"},
		"anabranch_view_info":  {"__name__", "architecture", "generation", "view", "window"},
	} {
		a, _ := s.prom("labels", "match[]", match)
		var got []string
		if err := json.Unmarshal(a.Data, &got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s has the labels %q, want %q", match, got, want)
		}
	}
	a, _ := s.prom("label/method/values", "match[]", `sales_orders{shop="north"}`)
	if diff := cmp.Diff(`["a|b \"c\" ü","card","cash"]`, string(a.Data)); diff != "" {
		t.Errorf("methods (-want +got):\n%s", diff)
	}
	a, _ = s.prom("label/quantile/values")
	if diff := cmp.Diff(`["0.5","0.9","0.95","0.99"]`, string(a.Data)); diff != "" {
		t.Errorf("quantiles (-want +got):\n%s", diff)
	}
	for matcher, want := range map[string]int{
		`method="a|b \"c\" ü"`: 1, `method=~"a\\|b.*"`: 1, `method=~"card|cash"`: 2, `method!="card"`: 2, `method=""`: 0,
		`method!=""`: 3, `colour=""`: 3, `colour!=""`: 0, `method=~".*"`: 3, `method="card",method!="card"`: 0,
		`method=~"c.*",method!~".*d"`: 1,
	} {
		a, status := s.prom("query", "query", `count(sum_over_time(sales_orders{shop="north",`+matcher+`}[4d])) or vector(0)`,
			"time", at("10:20:00"))
		var data struct{ Result []struct{ Value [2]any } }
		if err := json.Unmarshal(a.Data, &data); status != 200 || err != nil || len(data.Result) != 1 ||
			data.Result[0].Value[1] != string(rune('0'+want)) {
			t.Errorf("%s: %s %s, want %d", matcher, a.Data, a.Error, want)
		}
	}
}

// TestMoreQuantiles checks that a matcher may name a quantile that the API does not list.
func TestMoreQuantiles(t *testing.T) {
	s := open(t)
	for quantile, want := range map[string]int{
		`="0.5"`: 1, `="0.999"`: 1, `="1"`: 1, `="0"`: 1, `="0.50"`: 0, `="2"`: 0, `="x"`: 0, `=~"0.9.*"`: 3, `!="0.5"`: 3,
	} {
		expr := `sum_over_time(sales_all_wait{quantile` + quantile + `}[4d])`
		a, status := s.prom("query", "query", expr, "time", at("10:20:00"))
		var data struct{ Result []any }
		if err := json.Unmarshal(a.Data, &data); status != 200 || err != nil || len(data.Result) != want {
			t.Errorf("%s: %d %s %s, want %d series", quantile, status, a.Data, a.Error, want)
		}
	}
}

// TestFreshness checks the metrics that are about views themselves.
func TestFreshness(t *testing.T) {
	s := open(t)
	var view struct{ Horizon time.Time }
	s.get(&view, "/v1/views/sales/query", url.Values{"group_by": {""}})
	got := s.number(`anabranch_horizon_timestamp_seconds{view="sales"} * 1000`, s.Clock.Format(time.RFC3339Nano))
	if view.Horizon.IsZero() {
		t.Fatal("the query API says no horizon")
	}
	if ms, err := json.Number(got).Int64(); err != nil || ms != view.Horizon.UnixMilli() {
		t.Errorf("horizon %s, want %d", got, view.Horizon.UnixMilli())
	}
	if got := s.number(`count(anabranch_view_info)`, s.Clock.Format(time.RFC3339Nano)); got != "3" {
		t.Errorf("%s views, want 3", got)
	}
}
