package view_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/view"
)

// conditional has aggregates with conditions: of one field, of two, of none.
func conditional() view.Definition {
	return view.Definition{Name: "shop", Window: time.Hour, Aggregates: []view.Aggregate{
		{Name: "all", Expr: "count()"},
		{Name: "paid", Expr: "count(data.paid)"},
		{Name: "large", Expr: "count(data.cost > 5)"},
		{Name: "cost", Expr: "sum(data.cost)"},
		{Name: "paid_cost", Expr: "sum(data.cost, data.paid)"},
		{Name: "paid_most", Expr: "max(data.cost, data.paid)"},
		{Name: "large_cost", Expr: "sum(data.cost, data.cost > 5)"},
	}}
}

// valuesOf is the only row of a delta without a key, with the skipped rows of each aggregate, and what was skipped.
func valuesOf(p *view.Program, d *view.Delta) (text string) {
	w := p.NewWindows()
	for page := range d.Pages() {
		if page.Key != view.SkippedKey {
			page.MergeInto(w)
		}
	}
	for _, window := range w.Sorted() {
		for i, a := range p.Definition.Aggregates {
			text += fmt.Sprintf("%s %s", a.Name, w.AppendValue(nil, i, window))
			if n := w.Skipped(i, window); n > 0 {
				text += fmt.Sprintf(" without %d", n)
			}
			text += "; "
		}
	}
	for _, s := range d.Skips() {
		text += fmt.Sprintf("%s %s %d; ", s.Name, s.Reason, s.Events)
	}
	return text
}

// TestConditions checks that a row adds to an aggregate only where its condition is true, and that a condition that
// cannot be evaluated is a skipped row of its aggregates, and of no other.
func TestConditions(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{`{"cost":7,"paid":true}`, "all 1; paid 1; large 1; cost 7; paid_cost 7; paid_most 7; large_cost 7; "},
		{`{"cost":5,"paid":true}`, "all 1; paid 1; large 0; cost 5; paid_cost 5; paid_most 5; large_cost null; "},
		{`{"cost":7,"paid":false}`, "all 1; paid 0; large 1; cost 7; paid_cost null; paid_most null; large_cost 7; "},
		{`{"cost":7}`, "all 1; paid 0 without 1; large 1; cost 7; paid_cost null without 1; paid_most null without 1; " +
			"large_cost 7; aggregates.paid missing 1; aggregates.paid_cost missing 1; aggregates.paid_most missing 1; "},
		{`{"cost":7,"paid":"yes"}`, "all 1; paid 0 without 1; large 1; cost 7; paid_cost null without 1; " +
			"paid_most null without 1; large_cost 7; aggregates.paid wrong type 1; aggregates.paid_cost wrong type 1; " +
			"aggregates.paid_most wrong type 1; "},
		{`{"paid":true}`, "all 1; paid 1; large 0 without 1; cost null without 1; paid_cost null without 1; " +
			"paid_most null without 1; large_cost null without 1; aggregates.large missing 1; aggregates.cost missing 1; " +
			"aggregates.paid_cost missing 1; aggregates.paid_most missing 1; aggregates.large_cost missing 1; "},
		{`{"paid":false}`, "all 1; paid 0; large 0 without 1; cost null without 1; paid_cost null; paid_most null; " +
			"large_cost null without 1; aggregates.large missing 1; aggregates.cost missing 1; " +
			"aggregates.large_cost missing 1; "},
	} {
		p, fields := compile(t, conditional())
		d := p.NewDelta()
		b := scan(t, fields, eventWith(`"data":`+c.data))
		d.Fold(b, allRows(b))
		if diff := cmp.Diff(c.want, valuesOf(p, d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.data, diff)
		}
		touched := p.NewDelta()
		touched.Touch(b, allRows(b))
		if got := valuesOf(p, touched); got != "" {
			t.Errorf("%s: a duplicate counts: %s", c.data, got)
		}
	}
}

// TestFunctionsOfAnyKind folds events into aggregates of scalars and hashes, with a parameter, by event time, and with
// a condition.
func TestFunctionsOfAnyKind(t *testing.T) {
	p, fields := compile(t, view.Definition{Name: "shop", Window: time.Hour, Aggregates: []view.Aggregate{
		{Name: "users", Expr: "distinct(data.user)"}, {Name: "paying", Expr: "distinct(data.user, data.paid)"},
		{Name: "best", Expr: "top(data.user, 1)"}, {Name: "most", Expr: "top(data.user, 1, data.cost)"},
		{Name: "paid_most", Expr: "top(data.user, 2, data.cost, data.paid)"},
		{Name: "first", Expr: "first(data.user)"}, {Name: "last", Expr: "last(data.user, data.paid)"},
	}})
	event := func(second int, data string) string {
		return eventWith(fmt.Sprintf(`"time":"1970-01-01T00:00:%02dZ","data":%s`, second, data))
	}
	b := scan(t, fields, event(5, `{"user":"a","cost":1,"paid":true}`), event(2, `{"user":"b","cost":9,"paid":true}`),
		event(9, `{"user":"a","cost":2,"paid":false}`), event(1, `{"user":7,"cost":1,"paid":false}`),
		event(3, `{"cost":1,"paid":true}`), event(4, `{"user":"a","paid":true}`))
	whole, first, second := p.NewDelta(), p.NewDelta(), p.NewDelta()
	whole.Fold(b, allRows(b))
	first.Fold(b, allRows(b)[3:])
	second.Fold(b, allRows(b)[:3])
	first.Merge(second)
	const want = `users 3 without 1; paying 2 without 1; best [{"value":"a","count":3}] without 1; ` +
		`most [{"value":"b","weight":9}] without 2; ` +
		`paid_most [{"value":"b","weight":9},{"value":"a","weight":1}] without 2; ` +
		`first 7 without 1; last "a" without 1; ` +
		`aggregates.users missing 1; aggregates.paying missing 1; aggregates.best missing 1; ` +
		`aggregates.first missing 1; aggregates.most missing 2; aggregates.paid_most missing 2; ` +
		`aggregates.last missing 1; `
	for name, d := range map[string]*view.Delta{"at once": whole, "merged": first} {
		if diff := cmp.Diff(want, valuesOf(p, d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestConditionIsWhere checks that an aggregate with a condition has the answer of a view with that condition as its
// where, and skips what that view skips, for any events in any batches.
func TestConditionIsWhere(t *testing.T) {
	conditions := []string{`data.paid`, `data.cost > 5`, `data.paid || data.cost > 5`, `has(data.paid) && data.cost != 7`}
	functions := []string{"count(%s)", "sum(data.cost, %s)", "mean(data.cost * 2, %s)", "min(data.cost, %s)"}
	whole := view.Definition{Name: "whole", Window: time.Hour}
	var definitions []view.Definition
	for i, condition := range conditions {
		d := view.Definition{Name: "apart", Where: condition, Window: time.Hour}
		for j, function := range functions {
			name := fmt.Sprintf("a%d_%d", i, j)
			plain := []string{"count()", "sum(data.cost)", "mean(data.cost * 2)", "min(data.cost)"}[j]
			whole.Aggregates = append(whole.Aggregates, view.Aggregate{Name: name, Expr: fmt.Sprintf(function, condition)})
			d.Aggregates = append(d.Aggregates, view.Aggregate{Name: name, Expr: plain})
		}
		definitions = append(definitions, d)
	}
	set := compiled(t, append(definitions, whole)...)
	test := t
	rapid.Check(t, func(t *rapid.T) {
		var events []string
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			paid := rapid.SampledFrom([]string{"", `"paid":true,`, `"paid":false,`, `"paid":1,`}).Draw(t, "paid")
			cost := rapid.SampledFrom([]string{`"cost":7`, `"cost":5.5`, `"cost":-1`, `"cost":"7"`, `"x":1`}).Draw(t, "cost")
			events = append(events, eventWith(`"data":{`+paid+cost+`}`))
		}
		b := scan(test, set.Fields(), events...)
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		folded := make([]*view.Windows, len(set.Programs))
		skips := make([]int64, len(set.Programs))
		for i, p := range set.Programs {
			first, second := p.NewDelta(), p.NewDelta()
			first.Fold(b, allRows(b)[:cut])
			second.Fold(b, allRows(b)[cut:])
			first.Merge(second)
			folded[i], skips[i] = p.NewWindows(), first.Counts().Skipped
			for page := range first.Pages() {
				if page.Key != view.SkippedKey {
					page.MergeInto(folded[i])
				}
			}
		}
		all := folded[len(conditions)]
		for i := range conditions {
			for j := range functions {
				want, skipped := "null", skips[i]
				if j == 0 {
					want = "0"
				}
				for _, window := range folded[i].Sorted() {
					want = string(folded[i].AppendValue(nil, j, window))
					skipped += folded[i].Skipped(j, window)
				}
				at, window := i*len(functions)+j, all.Sorted()[0]
				if got, n := string(all.AppendValue(nil, at, window)), all.Skipped(at, window); got != want || n != skipped {
					t.Fatalf("%s: %s without %d, want %s without %d", whole.Aggregates[at].Expr, got, n, want, skipped)
				}
			}
		}
	})
}
