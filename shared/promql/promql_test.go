package promql_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	engine "github.com/prometheus/prometheus/promql"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/view"
)

// The fixture's view by_user sums amounts by user and hour. Its horizon is 11:00, and its clock 11:01:30.
const day = "2026-11-22T"

// bounds are those of the function.
var bounds = promql.BoundsOf(setting.Default())

// quiet drops what is logged.
var quiet = slog.New(slog.DiscardHandler)

func instant(t testing.TB, clock string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, day+clock+"Z")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// samplesOf returns the samples of a range selector at an instant, each as clock=value.
func samplesOf(t testing.TB, f *servingtest.Fixture, expr string, at time.Time) (all []string) {
	t.Helper()
	answer, err := promql.New(f.Serving, bounds, quiet).Ask(t.Context(), promql.Question{Expr: expr, Start: at, End: at})
	if err != nil {
		t.Fatal(expr, err)
	}
	defer answer.Close()
	for _, series := range answer.Value.(engine.Matrix) {
		for _, p := range series.Floats {
			all = append(all, time.UnixMilli(p.T).UTC().Format("15:04:05")+fmt.Sprintf("=%v", p.F))
		}
	}
	return all
}

// newFixture returns a view with rows at 08 and 09, none at 10, one in the open hour, and one in the future.
func newFixture(t testing.TB) *servingtest.Fixture {
	t.Helper()
	f := servingtest.New(t)
	type amount = servingtest.Amount
	f.PutBase(t, servingtest.Horizon, amount{day + "08:10:00Z", "1"}, amount{day + "09:10:00Z", "2"})
	f.PutSpeed(t, servingtest.Horizon, amount{day + "11:00:10Z", "4"}, amount{day + "14:00:10Z", "8"})
	return f
}

// TestSamples checks where samples stand: at the end of a window, and at now in the open one.
func TestSamples(t *testing.T) {
	f := newFixture(t)
	now := f.Now()
	for _, c := range []struct {
		expr string
		at   time.Time
		want string
	}{
		{`by_user_amount{user="u"}[1d]`, now, "09:00:00=1 10:00:00=2 11:01:30=4"},
		{`by_user_exact{user="u"}[1d]`, now, "09:00:00=1 10:00:00=1 11:01:30=0"},
		{`by_user_amount{user="u"}[1d]`, instant(t, "10:00:00"), "09:00:00=1 10:00:00=2"},
		{`by_user_amount{user="u"}[1h]`, instant(t, "10:00:00"), "10:00:00=2"}, // 09:00:00 is not in the range
		{`by_user_amount{user="u"}[1d]`, instant(t, "09:59:59"), "09:00:00=1"},
		{`by_user_amount{user="u"}[1d]`, now.Add(-29 * time.Second), "09:00:00=1 10:00:00=2 11:01:01=4"}, // about now
		{`by_user_amount{user="u"}[1d]`, now.Add(-30 * time.Second), "09:00:00=1 10:00:00=2"},            // about the past
		{`by_user_amount{user="u"}[1d]`, now.Add(time.Minute), "09:00:00=1 10:00:00=2 11:01:30=4"},
		{`by_user_amount{user="u"}[1d]`, instant(t, "14:59:59"), "09:00:00=1 10:00:00=2 11:01:30=4"},
		{`by_user_amount{user="u"}[1d]`, instant(t, "15:00:00"), "09:00:00=1 10:00:00=2 11:01:30=4 15:00:00=8"},
		{`by_user_amount{user="v"}[1d]`, now, ""},
	} {
		if got := strings.Join(samplesOf(t, f, c.expr, c.at), " "); got != c.want {
			t.Errorf("%s at %s: %s; want %s", c.expr, c.at.Format(time.TimeOnly), got, c.want)
		}
	}
}

// TestStale checks that a series is not shown for longer than its own window, whatever the look-back: at the end of the
// first window without a row, it ends.
func TestStale(t *testing.T) {
	f := newFixture(t)
	for clock, want := range map[string]string{
		"08:59:59": "", "09:00:00": "1", "09:59:59": "1", "10:00:00": "2", "10:59:59": "2", "11:00:00": "", "11:01:00": "",
		"11:01:20": "4", "11:02:00": "4", "12:59:59": "4", "13:00:00": "", "15:30:00": "8", "16:00:00": "",
	} {
		at := instant(t, clock)
		answer, err := promql.New(f.Serving, bounds, quiet).Ask(t.Context(), promql.Question{
			Expr: `by_user_amount{user="u"}`, Start: at, End: at, LookBack: 24 * time.Hour, // as beside a view of days
		})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, one := range answer.Value.(engine.Vector) {
			got = fmt.Sprint(one.F)
		}
		if answer.Close(); got != want {
			t.Errorf("at %s: %q, want %q", clock, got, want)
		}
	}
}

// TestAKeyWithoutARowInTheOpenWindow checks that a sum at now adds no two windows: a key that has a row in the window
// before, and none in the open one, is left out at now.
func TestAKeyWithoutARowInTheOpenWindow(t *testing.T) {
	f := servingtest.New(t)
	ten, eleven := servingtest.Amount{day + "10:10:00Z", "1"}, servingtest.Amount{day + "11:00:10Z", "16"}
	for _, user := range []string{"a", "b"} {
		f.PutBaseOf(t, f.Program, "g", servingtest.KeyOf(user), ten)
	}
	f.PutSpeedOf(t, lifecycle.OfDefinition(f.Program.Hash), servingtest.Horizon, f.Program, servingtest.KeyOf("a"), eleven)
	for clock, want := range map[string]string{"11:00:00": "2", "11:00:59": "2", "11:01:30": "16"} {
		at := instant(t, clock)
		answer, err := promql.New(f.Serving, bounds, quiet).Ask(t.Context(), promql.Question{
			Expr: `sum(by_user_amount{user=~"a|b"})`, Start: at, End: at,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(answer.Value.(engine.Vector)[0].F); got != want {
			t.Errorf("at %s: %s, want %s", clock, got, want)
		}
		answer.Close()
	}
}

// TestNames checks what metrics a definition gives, and names that would mean two of them.
func TestNames(t *testing.T) {
	f := servingtest.New(t)
	f.PointTo(t, lifecycle.View{Name: "by", Serving: "h", Generations: []lifecycle.Generation{
		servingtest.Candidate(f.Define(t, func(d *view.Definition) {
			d.Name, d.Rollups = "by", [][]string{{}, {"quantile"}}
			d.Key = []view.KeyField{{Field: "user", Expr: "data.user"}, {Field: "quantile", Expr: "data.q"}}
			d.Aggregates = append(d.Aggregates, view.Aggregate{Name: "user_amount", Expr: "count()"})
		}), "h", lifecycle.Serving),
	}})
	api := promql.New(f.Serving, bounds, quiet)
	names, warnings, err := api.Values(t.Context(), "__name__", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"anabranch_horizon_timestamp_seconds", "anabranch_view_info", "by_all_amount", "by_all_exact",
		"by_all_user_amount", "by_amount", "by_by_quantile_amount", "by_by_quantile_exact", "by_by_quantile_user_amount",
		"by_exact", "by_user_exact"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if text := strings.Join(warnings, ""); !strings.Contains(text, "by_user_amount means two metrics") {
		t.Errorf("warnings %q", warnings)
	}
	var refused *promql.Refusal
	_, err = api.Ask(t.Context(), promql.Question{Expr: "by_user_amount", Start: f.Now(), End: f.Now()})
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "count() of view by") ||
		!strings.Contains(err.Error(), "sum(data.amount) of view by_user") {
		t.Errorf("error %v", err)
	}
	labels, _, err := api.Labels(t.Context(), nil)
	all := "__name__ architecture generation key_quantile user view window"
	if got := strings.Join(labels, " "); err != nil || got != all {
		t.Errorf("labels %s, %v; want %s", got, err, all)
	}
}

// TestFailures checks that an error of a store is one that may be retried, and that a view that is not ready is a
// warning.
func TestFailures(t *testing.T) {
	for call, expr := range map[string]string{
		"catalog.Views": "1", "base.Pages": `by_user_amount{user="u"}`, "base.Keys": "by_user_amount",
		"speed.Slots": `by_user_amount{user="u"}`, "speed.Live": "by_user_amount", "catalog.View": "by_user_amount",
	} {
		f := newFixture(t)
		f.Fail(call, errors.New("the store is down"))
		api := promql.New(f.Serving, bounds, quiet)
		_, err := api.Ask(t.Context(), promql.Question{Expr: expr, Start: f.Now(), End: f.Now()})
		if !errors.Is(err, promql.ErrRead) {
			t.Errorf("%s fails: %v, want ErrRead", call, err)
		}
	}
	f := newFixture(t)
	g := servingtest.Candidate(f.Program, "g", lifecycle.Building)
	g.Run = 0
	f.PointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{g}})
	api := promql.New(f.Serving, bounds, quiet)
	answer, err := api.Ask(t.Context(), promql.Question{Expr: "by_user_amount", Start: f.Now(), End: f.Now()})
	if err != nil {
		t.Fatal(err)
	}
	warned := strings.Contains(strings.Join(answer.Warnings, ""), "not ready")
	if len(answer.Value.(engine.Vector)) > 0 || !warned {
		t.Errorf("%+v", answer)
	}
	matchers, err := api.ParseMatchers([]string{"by_user_amount"})
	if err != nil {
		t.Fatal(err)
	}
	_, warnings, err := api.Series(t.Context(), matchers, 0)
	if err != nil || !strings.Contains(strings.Join(warnings, ""), "not ready") {
		t.Errorf("warnings %q, %v", warnings, err)
	}
}

// TestOneRead checks that a metric and its exactness come from one read, so that they belong to each other.
func TestOneRead(t *testing.T) {
	f := newFixture(t)
	reads := 0
	f.Calls = nil
	_, err := promql.New(f.Serving, bounds, quiet).Ask(context.Background(), promql.Question{
		Expr: `by_user_amount{user="u"} and by_user_exact{user="u"} == 1`, Start: f.Now(), End: f.Now(),
	})
	for _, call := range f.Calls {
		if call == "speed.Slots" {
			reads++
		}
	}
	if err != nil || reads != 2 { // of the key, and of what was skipped
		t.Errorf("%d reads of speed items in %q, %v; want 2", reads, f.Calls, err)
	}
}

// TestRounded checks questions whose end a client has rounded down to a step: the open window shows at their last
// instant. A window that has ended stands at its end, however long the step is.
func TestRounded(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		start, end string
		step       time.Duration
		want       string
	}{
		{"11:00:00", "11:01:00", time.Minute, "11:01:00=4"},
		{"10:59:00", "11:01:00", time.Minute, "10:59:00=2 11:01:00=4"},
		{"10:56:00", "11:00:59", 5 * time.Minute, "10:56:00=2"}, // 11:01:00 comes later
		{"10:50:20", "11:00:59", 5 * time.Minute, "10:50:20=2 10:55:20=2 11:00:20=4"},
		{"09:30:00", "09:30:00", 3 * time.Hour, "09:30:00=1"}, // its window has ended since
		// none at 11:00
		{"08:30:00", "11:01:00", 30 * time.Minute, "09:00:00=1 09:30:00=1 10:00:00=2 10:30:00=2"},
	} {
		answer, err := promql.New(f.Serving, bounds, quiet).Ask(t.Context(), promql.Question{
			Expr: `by_user_amount{user="u"}`, Start: instant(t, c.start), End: instant(t, c.end), Step: c.step,
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, series := range answer.Value.(engine.Matrix) {
			for _, p := range series.Floats {
				got = append(got, time.UnixMilli(p.T).UTC().Format("15:04:05")+fmt.Sprintf("=%v", p.F))
			}
		}
		if answer.Close(); strings.Join(got, " ") != c.want {
			t.Errorf("%s to %s by %s: %s; want %s", c.start, c.end, c.step, got, c.want)
		}
	}
}
