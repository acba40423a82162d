package serving_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
)

// TestRates checks that a rate is per second of what its row stands for: a window, a step, which may be a day of 23 or
// 25 hours or cut by the range, or the range of a total.
func TestRates(t *testing.T) {
	s := servingtest.New(t)
	p := s.Define(t, func(d *view.Definition) {
		d.Aggregates = []view.Aggregate{{Name: "events", Expr: "rate()"}, {Name: "amounts", Expr: "rate(data.amount)"}}
	})
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "r", Generations: []lifecycle.Generation{
		{ID: "r", Definition: p.Definition.Hash(), State: lifecycle.Serving, Run: 1, Horizon: horizon},
	}})
	s.PutBaseOf(t, p, "r", servingtest.UserKey,
		amount{"2026-03-28T12:30:00Z", "86400"}, amount{"2026-03-29T12:30:00Z", "82800"}, // 23 hours in Berlin
		amount{"2026-10-25T01:30:00Z", "40000"}, amount{"2026-10-25T20:30:00Z", "50000"}) // 25 hours
	for _, c := range []struct {
		name       string
		parameters []string
		rows       []string
		total      string
	}{
		{
			"windows", []string{"from", "2026-10-25T00:00:00Z", "to", "2026-10-25T02:00:00Z"},
			[]string{"0.0002777777777777778 11.11111111111111"}, "0.0001388888888888889 5.555555555555556",
		},
		{
			"a day of 23 hours after one of 24",
			[]string{"step", "1d", "tz", "Europe/Berlin", "from", "2026-03-27T23:00:00Z", "to", "2026-03-29T22:00:00Z"},
			[]string{"0.00001157407407407407 1", "0.00001207729468599034 1"}, "0.00001182033096926714 1",
		},
		{
			"a day of 25 hours",
			[]string{"step", "1d", "tz", "Europe/Berlin", "from", "2026-10-24T22:00:00Z", "to", "2026-10-25T23:00:00Z"},
			[]string{"0.00002222222222222222 1"}, "0.00002222222222222222 1",
		},
		{
			"the same day in UTC", []string{"step", "1d", "from", "2026-10-25T00:00:00Z", "to", "2026-10-26T00:00:00Z"},
			[]string{"0.00002314814814814815 1.041666666666667"}, "0.00002314814814814815 1.041666666666667",
		},
		{
			"a day of which the range has one hour",
			[]string{"step", "1d", "from", "2026-10-25T01:00:00Z", "to", "2026-10-25T02:00:00Z"},
			[]string{"0.00001157407407407407 0.462962962962963"}, "0.0002777777777777778 11.11111111111111",
		},
		{
			"hours without events", []string{"fill", "true", "from", "2026-10-25T01:00:00Z", "to", "2026-10-25T03:00:00Z"},
			[]string{"0.0002777777777777778 11.11111111111111", "0 null"}, "0.0001388888888888889 5.555555555555556",
		},
	} {
		result := s.Read(t, append(c.parameters, "total", "true")...)
		var rows []string
		for _, row := range result.Rows {
			rows = append(rows, rates(row.States))
		}
		if diff := cmp.Diff(c.rows, rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if got := rates(result.Total.States); got != c.total {
			t.Errorf("%s: total is %s, want %s", c.name, got, c.total)
		}
	}
}

// TestRateOfLongRange checks a rate over more years than a time.Duration holds.
func TestRateOfLongRange(t *testing.T) {
	s := newPageViewsOf(t, func(d *view.Definition) {
		d.Aggregates = []view.Aggregate{{Name: "bytes", Expr: "rate(data.amount)"}}
	})
	const seconds = "50491123200" // of 1600 years
	s.base(t, "/a", "200", horizon, amount{"2026-11-20T09:30:00Z", seconds})
	from, to := time.Date(426, 11, 21, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	one := serving.Selection{View: "by_user", Key: map[string][]string{"path": {"/a"}, "status": {"200"}}, From: &from,
		To: &to, Total: true}
	many := one
	many.Total, many.Whole = false, true
	if total := must(s.Serving.Read(t.Context(), one)).Total; servingtest.Number(total.States) != "1" || !total.Exact {
		t.Errorf("the total is %s, exact: %v", servingtest.Number(total.States), total.Exact)
	}
	for _, row := range must(s.Serving.Read(t.Context(), many)).Rows {
		if servingtest.Number(row.States) != "1" || !row.Exact {
			t.Errorf("the row is %s, exact: %v", servingtest.Number(row.States), row.Exact)
		}
	}
}

// rates returns the values of both aggregates.
func rates(of serving.States) string {
	return string(of.AppendNumber(append(of.AppendNumber(nil, 0), ' '), 1))
}
