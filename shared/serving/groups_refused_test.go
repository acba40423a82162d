package serving_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// TestTooManyKeys checks that a refusal names what would do.
func TestTooManyKeys(t *testing.T) {
	s := filled(t)
	s.MaxKeys = 3
	const (
		all    = "view by_user: too many keys: the selection has more than 3 keys, the maximum; "
		begin  = all + "narrow the keys with key.path=VALUE or key.status=VALUE"
		rollup = ", or add rollups: ["
	)
	for question, want := range map[string]string{
		"":                                  begin + ", or ask for pages with limit and cursor",
		"order=views step=all":              begin,
		"group_by=status":                   begin + rollup + "[status]] to the view's definition",
		"group_by=":                         begin + rollup + "[]] to the view's definition",
		"path=/a path=/b status=1 status=2": all + "name fewer values",
	} {
		if _, err := s.ask(question); !errors.Is(err, serving.ErrTooManyKeys) || err.Error() != want {
			t.Errorf("%q: %v, want %s", question, err, want)
		}
	}
	s.MaxKeys = 10
	r := s.check(t, "group_by=status from=11-22T00:00 step=all", "200 22T00-22T11 26 true", "404 22T00-22T11 4 true",
		"500 22T00-22T11 4 true")
	if r.Groups.Keys != 4 {
		t.Errorf("read %d keys", r.Groups.Keys)
	}
}

// TestFillOfGroupsIsBounded checks that rows without events are bounded over all groups, before they are in memory.
func TestFillOfGroupsIsBounded(t *testing.T) {
	s := filled(t)
	s.MaxRows = 30
	s.check(t, "fill group_by=path path=/c from=11-22T10:00 to=11-22T11:00", "/c 22T10-22T11 4 true")
	_, err := s.ask("fill from=11-22T00:00 to=11-22T11:00") // 11 rows each of 4 keys
	const want = "view by_user: too many windows: with fill=true the selection has more than 30 rows; narrow from and " +
		"to, or ask for longer steps"
	if !errors.Is(err, serving.ErrTooManyWindows) || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// TestCursorWithoutItsParameters checks that a cursor without the limit of its page repeats no group and skips none,
// and that it is refused where other keys would be read.
func TestCursorWithoutItsParameters(t *testing.T) {
	s := newPageViewsOf(t, func(d *view.Definition) { d.Rollups = [][]string{{"path"}} })
	for _, path := range []string{"/a", "/b", "/c"} {
		s.base(t, path, "200", horizon, amount{"2026-11-22T09:30:00Z", "1"})
	}
	page := must(s.ask("limit=1"))
	s.check(t, "cursor="+page.Groups.Next, "/b 200 22T09-22T10 1 true", "/c 200 22T09-22T10 1 true")
	page = must(s.ask("group_by=path status=200 limit=1"))
	var wrong *serving.ParameterError
	if _, err := s.ask("group_by=path limit=1 cursor=" + page.Groups.Next); !errors.As(err, &wrong) ||
		wrong.Parameter != "cursor" {
		t.Errorf("a cursor of the full keys for the keys of a roll-up: %v", err)
	}
}

// TestGroupsOrderRefused checks what an order is told that cannot be followed.
func TestGroupsOrderRefused(t *testing.T) {
	s := filled(t)
	for order, want := range map[string]string{
		"-top":          `order="-top" names top(data.amount, 3), which is no number`,
		"latency":       `order="latency" needs a reading of quantiles(data.amount); write latency.p50`,
		"-latency.p101": `order="-latency.p101" names no reading of quantiles(data.amount); write for example latency.p50 or latency.p99.9`,
		"views.p50":     `order="views.p50" names a reading, but count() has one value; write views`,
		"path":          `order="path" names no aggregate of view by_user; the aggregates are bytes, views, mean, latency, top`,
	} {
		var wrong *serving.ParameterError
		_, err := s.ask("order=" + order)
		if !errors.As(err, &wrong) || wrong.Parameter != "order" || wrong.Detail != want {
			t.Errorf("%s: %v", order, err)
		}
	}
}

// TestStatesAreBounded counts the memory of merged states. The bound is exact: one byte less refuses the question.
func TestStatesAreBounded(t *testing.T) {
	s := newPageViewsOf(t, func(d *view.Definition) {
		d.Aggregates = []view.Aggregate{{Name: "views", Expr: "count()"}, {Name: "users", Expr: "distinct(data.amount)"}}
	})
	for i := range 3 {
		s.base(t, "/a", fmt.Sprint(i), horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-22T09:31:00Z", "2"},
			amount{"2026-11-22T10:31:00Z", "2"})
	}
	count := 32 + s.p.Functions[0].MaxEncoded() + 48 // a window, its count, and distinct without a hash
	const hash = 8
	const (
		what  = "the selection has more than %d bytes of states in its rows, the maximum; narrow from and to"
		steps = ", or ask for longer steps with step"
		many  = "view by_user: too many keys: " + what
		keys  = "; narrow the keys with key.path=VALUE or key.status=VALUE"
		one   = "view by_user: too many windows: " + what + steps
	)
	for _, c := range []struct {
		question, refused string
		want              int
	}{
		{"", many + steps + keys + ", or ask for pages with limit and cursor", 3*(count+2*hash) + 3*(count+hash)},
		{"step=all", many + keys + ", or ask for pages with limit and cursor", 3 * (count + 2*hash)},
		{"step=all parts", many + keys + ", or ask for pages with limit and cursor", 2 * 3 * (count + 2*hash)},
		{"step=all group_by=", many + keys + ", or add rollups: [[]] to the view's definition", count + 2*hash},
		{"group_by=path", many + steps + keys + ", or add rollups: [[path]] to the view's definition",
			2*count + 3*hash},
		{"path=/a status=0", one, 2 * (2*count + 3*hash)},
		{"path=/a status=0 step=1d", one, 2 * (count + 2*hash)},
	} {
		s.MaxMerged = c.want
		if _, err := s.ask(c.question); err != nil {
			t.Errorf("%s, %d bytes: %v", c.question, c.want, err)
		}
		s.MaxMerged--
		_, err := s.ask(c.question)
		if want := fmt.Sprintf(c.refused, s.MaxMerged); err == nil || err.Error() != want {
			t.Errorf("%s, %d bytes: error %v\nwant %s", c.question, s.MaxMerged, err, want)
		}
	}
}

// TestWholeRangeIsThatOfAllGroups checks that rows of the whole range begin and end where all groups together do, also
// when only the first groups are asked for.
func TestWholeRangeIsThatOfAllGroups(t *testing.T) {
	s := newPageViews(t)
	s.base(t, "/a", "200", horizon, amount{"2026-11-22T09:30:00Z", "1"})
	s.base(t, "/b", "200", horizon, amount{"2026-11-20T09:30:00Z", "1"})
	whole, err := s.ask("step=all")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"step=all limit=1", "step=all limit=1 group_by=path,status"} {
		r, err := s.ask(q)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Rows) != 1 || !r.Rows[0].Start.Equal(whole.Rows[0].Start) || !r.Rows[0].End.Equal(whole.Rows[0].End) {
			t.Errorf("%s: %+v, want the range of %+v", q, r.Rows, whole.Rows[0])
		}
	}
}

// TestProductOfValues checks that values whose combinations are too many are refused before any is made.
func TestProductOfValues(t *testing.T) {
	s := newPageViews(t)
	var values []string
	for i := range 3000 {
		values = append(values, fmt.Sprint(i))
	}
	selection := serving.Selection{View: "by_user", Key: map[string][]string{"path": values, "status": values}}
	before := testing.AllocsPerRun(1, func() {
		if _, err := s.Serving.Read(t.Context(), selection); !errors.Is(err, serving.ErrTooManyKeys) {
			t.Errorf("error %v, want %v", err, serving.ErrTooManyKeys)
		}
	})
	if before > 10_000 {
		t.Errorf("%.0f allocations", before)
	}
}
