package promql_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
)

// newHalfBroken returns a fixture with a second view, orders, whose definition cannot be read.
func newHalfBroken(t *testing.T) *servingtest.Fixture {
	t.Helper()
	f := newFixture(t)
	orders := f.Define(t, func(d *view.Definition) { d.Name = "orders" })
	f.PointTo(t, lifecycle.View{Name: "orders", Serving: "h", Generations: []lifecycle.Generation{
		servingtest.Candidate(orders, "h", lifecycle.Serving),
	}})
	f.Hook(func(call memory.Call) memory.Fault {
		if call.Name == "catalog.Definition" && call.Key == string(orders.Hash) {
			return memory.Fault{Err: errors.New("the table throttles")}
		}
		return memory.Fault{}
	})
	return f
}

// TestAViewThatCannotBeRead checks that no value lacks a view that could not be read, and that other views answer.
func TestAViewThatCannotBeRead(t *testing.T) {
	f := newHalfBroken(t)
	var log bytes.Buffer
	api := promql.New(f.Serving, bounds, slog.New(slog.NewTextHandler(&log, nil)))
	for expr, fails := range map[string]bool{
		`sum(orders_amount)`: true, `absent(orders_amount)`: true, `{__name__=~"orders_.*"}`: true,
		`{__name__=~"orders_amount|x"}`: true, `{__name__=~".+",user="u"}`: true, `{user="u"}`: true,
		`{__name__!="x",user="u"}`: true, `{__name__=~"(?i)ORDERS_amount"}`: true, `{__name__=~"ord.*"}`: true,
		`anabranch_view_info`: true, `count(anabranch_horizon_timestamp_seconds{view="orders"})`: true,
		`sum(by_user_amount)`: false, `absent(orders)`: false, `{__name__=~"by_user_.*"}`: false, `1`: false,
		`{__name__=~"by_user_amount|x"}`: false, `anabranch_view_info{view="by_user"}`: false,
	} {
		_, err := api.Ask(t.Context(), promql.Question{Expr: expr, Start: f.Now(), End: f.Now()})
		if fails && !errors.Is(err, promql.ErrRead) || !fails && err != nil {
			t.Errorf("%s: error %v; want ErrRead: %v", expr, err, fails)
		}
	}
	if text := log.String(); !strings.Contains(text, "view=orders") || !strings.Contains(text, "the table throttles") {
		t.Errorf("log %s", text)
	}
}

// TestListsWithoutAView checks that lists leave out a view that could not be read, with a warning where it concerns
// the selector.
func TestListsWithoutAView(t *testing.T) {
	f := newHalfBroken(t)
	api := promql.New(f.Serving, bounds, quiet)
	for selector, warns := range map[string]bool{"{user=~\".+\"}": true, "by_user_amount": false} {
		matchers, err := api.ParseMatchers([]string{selector})
		if err != nil {
			t.Fatal(err)
		}
		_, ofSeries, errSeries := api.Series(t.Context(), matchers, 0)
		_, ofLabels, errLabels := api.Labels(t.Context(), matchers)
		names, ofValues, errValues := api.Values(t.Context(), "__name__", matchers, 0)
		if err := errors.Join(errSeries, errLabels, errValues); err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, warnings := range [][]string{ofSeries, ofLabels, ofValues} {
			if strings.Contains(strings.Join(warnings, ""), "view orders could not be read") != warns {
				t.Errorf("%s: warnings %q; want one: %v", selector, warnings, warns)
			}
		}
	}
	all, warnings, err := api.Metadata(t.Context(), "")
	if err != nil || len(all) == 0 || !strings.Contains(strings.Join(warnings, ""), "view orders could not be read") {
		t.Errorf("metadata of %d metrics, %q, %v", len(all), warnings, err)
	}
}

// TestSelectors checks that equal selectors are read once, and that many different ones are refused.
func TestSelectors(t *testing.T) {
	f := newFixture(t)
	api := promql.New(f.Serving, bounds, quiet)
	same := strings.Split(strings.Repeat("by_user_amount ", 1000), " ")[:1000]
	if all, err := api.ParseMatchers(same); err != nil || len(all) != 1 {
		t.Errorf("%d selectors of one, %v", len(all), err)
	}
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf(`by_user_amount{user="%d"}`, i))
	}
	if all, err := api.ParseMatchers(many[:20]); err != nil || len(all) != 20 {
		t.Errorf("%d selectors of 20, %v", len(all), err)
	}
	var refusal *promql.Refusal
	if _, err := api.ParseMatchers(many); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "maximum is 20") {
		t.Errorf("21 selectors: %v", err)
	}
}

// TestSlowLists checks that a list that takes too long is refused.
func TestSlowLists(t *testing.T) {
	f := newFixture(t)
	bounds := bounds
	bounds.Time = time.Nanosecond
	api := promql.New(f.Serving, bounds, quiet)
	_, _, errSeries := api.Series(t.Context(), []promql.Matchers{nil}, 0)
	_, _, errLabels := api.Labels(t.Context(), nil)
	_, _, errValues := api.Values(t.Context(), "user", nil, 0)
	for _, err := range []error{errSeries, errLabels, errValues} {
		var refusal *promql.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "longer than 1ns") {
			t.Errorf("error %v", err)
		}
	}
}

// TestBytes checks the memory of a question: of its states, over all its reads, and of its samples. Each selector alone
// is within the bound.
func TestBytes(t *testing.T) {
	f := newFixture(t)
	ask := func(bytes, selectors int, text string) error {
		bounds := bounds
		bounds.Bytes = bytes
		var parts []string
		for i := range selectors {
			parts = append(parts, fmt.Sprintf(text, i))
		}
		_, err := promql.New(f.Serving, bounds, quiet).Ask(t.Context(), promql.Question{
			Expr: strings.Join(parts, " or "), Start: f.Now(), End: f.Now(),
		})
		return err
	}
	for text, bytes := range map[string]int{
		`sum_over_time(by_user_amount{user="u"}[9%dd])`:           7000, // 20 reads, whose samples alone take less
		`count_over_time(by_user_exact{user="u",none!="%d"}[1d])`: 3000, // one read, whose states take less
	} {
		if err := ask(bytes, 1, text); err != nil {
			t.Errorf("%s once: %v", text, err)
		}
		var refusal *promql.Refusal
		err, want := ask(bytes, 20, text), fmt.Sprintf("more than %d bytes of states and samples", bytes)
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s 20 times: %v; want %s", text, err, want)
		}
	}
	err := ask(1, 1, `by_user_amount{user="u"}[1d] offset %dh`)
	if err == nil || !strings.Contains(err.Error(), "more than 1 bytes of states and samples") {
		t.Errorf("one byte: %v", err)
	}
}
