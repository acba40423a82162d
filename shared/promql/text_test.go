package promql_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// refused asks at an instant, and returns the text of the refusal. It fails the test where the answer took much memory.
func refused(t *testing.T, f *servingtest.Fixture, bounds promql.Bounds, expr string) string {
	t.Helper()
	api := promql.New(f.Serving, bounds, quiet)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	_, err := api.Ask(t.Context(), promql.Question{Expr: expr, Start: f.Now(), End: f.Now()})
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("%.40s: refused after %s and %d MB: %v", expr, took.Round(time.Millisecond), allocated, err)
	var refusal *promql.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%.80s: error %v, want a refusal", expr, err)
	}
	if allocated > 128 {
		t.Errorf("%.80s: %d MB were allocated before it was refused", expr, allocated)
	}
	return refusal.Detail
}

// replaced is a call of label_replace.
func replaced(expr, by string) string {
	return `label_replace(` + expr + `, "x", "` + by + `", "user", "(.*)")`
}

// TestTexts checks that an expression that would take seconds to be read is refused.
func TestTexts(t *testing.T) {
	f := servingtest.New(t)
	for expr, want := range map[string]string{
		strings.Repeat("1+", 8000) + "1":                                         "more than 2000 tokens",
		strings.Repeat("(", 8000) + "1" + strings.Repeat(")", 8000):              "more than 2000 tokens",
		`a{b=~"` + strings.Repeat("a{1000}", 2300) + `"}`:                        "more than 20000 states",
		`a{b=~"` + strings.Repeat("[a-z]{500}", 1500) + `"}`:                     "more than 20000 states",
		`a{b=~"` + strings.Repeat("(((a|b){10}){10}){10}", 100) + `"}`:           "more than 20000 states",
		`label_replace(a, "b", "", "c", "` + strings.Repeat("a{900}", 30) + `")`: "more than 20000 states",
		strings.Repeat("1", 20000):                                               "the maximum is 16384",

		`label_replace(by_user_amount, "x", "` + strings.Repeat("$1", 20) + `", "user", "(.*)")`: "could make a label of 18062 bytes",
		replaced(replaced(replaced(`vector(1)`, strings.Repeat("a", 1000)), strings.Repeat("$1", 9)),
			strings.Repeat("$1", 9)): "could make a label of 81",
		`label_join(by_user_amount, "x", ",", ` + strings.TrimSuffix(strings.Repeat(`"user",`, 12), ",") + `)`: "label_join could make",
	} {
		if got := refused(t, f, bounds, expr); !strings.Contains(got, want) {
			t.Errorf("%.40s: %s, want %s", expr, got, want)
		}
	}
	for _, expr := range []string{
		`a{b=~"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"}`, `a{b=~"` + strings.Repeat("/a/path|", 1900) + `x"}`,
		strings.Repeat("1+", 990) + "1",
		replaced(replaced(replaced(`by_user_amount`, "$1-$1"), "a$1"), "$1$1$1$1"),
	} {
		api := promql.New(f.Serving, bounds, quiet)
		_, err := api.Ask(t.Context(), promql.Question{Expr: expr, Start: f.Now(), End: f.Now()})
		if err != nil {
			t.Errorf("%.80s: %v", expr, err)
		}
	}
}

// TestManyKeys checks questions about more keys, or more windows of them, than a query may read.
func TestManyKeys(t *testing.T) {
	f := servingtest.New(t)
	var rows []servingtest.Amount
	for hour := range 24 {
		rows = append(rows, servingtest.Amount{fmt.Sprintf("2026-11-21T%02d:10:00Z", hour), "1"})
	}
	pages := servingtest.PagesOf(t, f.Program, servingtest.UserKey, rows...)
	for i := range 7000 {
		key := servingtest.KeyOf(fmt.Sprintf("%d-%s", i%2, strings.Repeat("x", i%40)+fmt.Sprint(i)))
		for page, states := range pages {
			if page.Key != servingtest.UserKey {
				continue
			}
			item := viewstore.BaseItem{BaseKey: viewstore.BaseKey{Generation: "g", Key: key, Page: page.Page},
				Horizon: servingtest.Horizon, States: states}
			if err := f.Base.Put(t.Context(), item, slot.Slot(0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.Hook(nil)
	for expr, want := range map[string]string{
		"by_user_amount[2d]":                      "by_user_amount reads more than 5000 keys",
		`by_user_amount{user=~"1-.*"} offset 12h`: "", // 3,500 series with one row each
		`by_user_amount{user=~"1-.*"}[2d]`:        "by_user_amount has more than 50000 samples",
		`sum_over_time(by_user_amount[2000w])`:    "by_user_amount has more than 50000 samples",
		`by_user_amount{user=~".*x.*"}`:           "more than 5000 keys",
		`count(by_user_amount{user=~"1-.*"} offset 12h) + count(max_over_time(by_user_amount{user=~"0-.*"}[70h:1m]))`: "more than 1190 keys, the maximum of a selector at 4201 steps",
		`{__name__=~"by_user_.*",user=~"[01]-9.*"}`: "",
	} {
		if want != "" {
			bounds := bounds
			bounds.Samples = 50_000
			if got := refused(t, f, bounds, expr); !strings.Contains(got, want) {
				t.Errorf("%s: %s, want %s", expr, got, want)
			}
			continue
		}
		api := promql.New(f.Serving, bounds, quiet)
		_, err := api.Ask(t.Context(), promql.Question{Expr: expr, Start: f.Now(), End: f.Now()})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
}
