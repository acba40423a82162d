package handler_test

import (
	"net/url"
	"testing"

	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/setting"
)

// FuzzQuery checks that no expression, selector or time makes the function fail: each is answered or refused.
func FuzzQuery(f *testing.F) {
	for _, expr := range []string{
		`sum by (shop) (sum_over_time(sales_orders{shop=~"n.*"}[1d:1h] offset 1h @ end()))`, `{__name__=~".+"}`, `"text`, `1`,
		`topk(3, sales_wait{quantile="0.9"})`, `label_replace(daily_orders, "a", "$1", "shop", "(.*)")`, "sales_orders[5m",
		`histogram_quantile(0.9, sales_orders)`, `{"sales_orders", shop="a"}`, `sales_orders[-1h]`, `info(sales_orders)`,
	} {
		f.Add(expr, "2026-01-01T06:00:00Z", "1h")
	}
	f.Add(`sales_orders`, "-62167219200", "1e9")
	f.Add(`sales_orders[290y]`, "253402300799", "0.001")
	s := openEmpty(f, promql.BoundsOf(setting.Default()))
	s.sell(s.Clock, `{"shop":"north","method":"card","user":"u","amount":1,"wait":2}`)
	s.tick()
	f.Fuzz(func(t *testing.T, expr, time, step string) {
		s := *s
		s.t = t
		for endpoint, parameters := range map[string]url.Values{
			"query": {"query": {expr}, "time": {time}}, "series": {"match[]": {expr}},
			"query_range":       {"query": {expr}, "start": {time}, "end": {time}, "step": {step}},
			"label/shop/values": {"match[]": {expr}, "limit": {step}},
		} {
			var a struct{ Status, Error string }
			if status := s.get(&a, "/prometheus/api/v1/"+endpoint, parameters); status >= 500 || a.Status == "" {
				t.Errorf("%s %q: %d %s", endpoint, parameters, status, a.Error)
			}
		}
	})
}
