package handler_test

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// rowsOf returns the values of a view's rows by the query API, as promtool would print them.
func (s *shop) rowsOf(view, value string, parameters url.Values) (all []string) {
	s.t.Helper()
	var answer struct{ Data []row }
	s.get(&answer, "/v1/views/"+view+"/query", parameters)
	for _, r := range answer.Data {
		all = append(all, fmt.Sprintf("%v @[%d]", r.Values[value], r.End.Unix()))
	}
	return all
}

// dayOfNorth asks for the rows of a whole day.
var dayOfNorth = url.Values{
	"group_by": {"shop"}, "shop": {"north"}, "from": {"2025-12-30T00:00:00Z"}, "to": {"2025-12-31T00:00:00Z"},
}

// TestPromtool checks that Debian's promtool gets the numbers of the query API.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt-get install prometheus")
	}
	s := open(t)
	run := func(args ...string) string {
		t.Helper()
		args = append([]string{"query"}, args...)
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("promtool %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	server := s.url + "/prometheus"

	want := s.rowsOf("sales", "orders", dayOfNorth)
	out := run("range", "--start=2025-12-30T01:00:00Z", "--end=2025-12-31T00:00:00Z", "--step=1h", server,
		`sales_by_shop_orders{shop="north"}`)
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(out), "\n")[1:]); diff != "" || len(want) < 5 {
		t.Errorf("range (-query API +promtool):\n%s%s", diff, out)
	}
	step := url.Values{"step": {"1d"}, "group_by": {""}, "from": dayOfNorth["from"], "to": dayOfNorth["to"]}
	for expr, value := range map[string]string{
		"sum_over_time(sales_all_orders[1d])": "orders", "max_over_time(sales_all_largest[1d])": "largest",
	} {
		want := "{} => " + s.rowsOf("sales", value, step)[0]
		if out := run("instant", "--time=2025-12-31T00:00:00Z", server, expr); strings.TrimSpace(out) != want {
			t.Errorf("instant %s: %s, want %s", expr, out, want)
		}
	}
	if out := run("labels", server, "shop"); out != "east\nnorth\nsouth\n" {
		t.Errorf("labels: %s", out)
	}
	if out := run("series", `--match=sales_by_shop_orders{shop=~".*th"}`, server); out !=
		"{__name__=\"sales_by_shop_orders\", shop=\"north\"}\n{__name__=\"sales_by_shop_orders\", shop=\"south\"}\n" {
		t.Errorf("series: %s", out)
	}
}

// TestGoClient checks that Prometheus's own Go client gets the numbers of the query API.
func TestGoClient(t *testing.T) {
	s := open(t)
	c, err := client.NewClient(client.Config{Address: s.url + "/prometheus"})
	if err != nil {
		t.Fatal(err)
	}
	api, ctx := v1.NewAPI(c), context.Background()
	begin := time.Date(2025, 12, 30, 1, 0, 0, 0, time.UTC)
	value, warnings, _, err := api.QueryRange(ctx, `sales_by_shop_orders{shop="north"}`,
		v1.Range{Start: begin, End: begin.Add(23 * time.Hour), Step: time.Hour})
	matrix, ok := value.(model.Matrix)
	if err != nil || !ok || len(matrix) != 1 {
		t.Fatalf("%v, %q, %v", value, warnings, err)
	}
	var got []string
	for _, pair := range matrix[0].Values {
		got = append(got, fmt.Sprintf("%v @[%d]", float64(pair.Value), pair.Timestamp.Unix()))
	}
	if diff := cmp.Diff(s.rowsOf("sales", "orders", dayOfNorth), got); diff != "" {
		t.Errorf("(-query API +client):\n%s", diff)
	}
	names, _, _, err := api.LabelNames(ctx, []string{"sales_orders"}, time.Time{}, s.Clock)
	if err != nil || len(names) != 3 {
		t.Errorf("labels %q, %v", names, err)
	}
	if all, _, _, err := api.LabelValues(ctx, "__name__", nil, time.Time{}, s.Clock); err != nil || len(all) < 15 {
		t.Errorf("names %q, %v", all, err)
	}
	if all, _, _, err := api.Series(ctx, []string{"sales_orders"}, time.Time{}, s.Clock); err != nil || len(all) != 9 {
		t.Errorf("series %v, %v", all, err)
	}
	all, err := api.Metadata(ctx, "sales_orders", "")
	if of := all["sales_orders"]; err != nil || len(of) != 1 || of[0].Type != v1.MetricTypeGauge {
		t.Errorf("metadata %v, %v", all, err)
	}
	if info, err := api.Buildinfo(ctx); err != nil || info.Version == "" {
		t.Errorf("build %+v, %v", info, err)
	}
	if _, _, _, err = api.Query(ctx, "sum(", s.Clock); err == nil || !strings.HasPrefix(err.Error(), "bad_data: ") {
		t.Errorf("error %v, want bad_data", err)
	}
}
