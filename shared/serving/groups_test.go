package serving_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// pageViews is a view by path and status, and what it holds.
type pageViews struct {
	*servingtest.Fixture
	p *view.Program
}

func newPageViews(t testing.TB) *pageViews {
	t.Helper()
	return newPageViewsOf(t, func(*view.Definition) {})
}

// newPageViewsOf returns the view with a changed definition.
func newPageViewsOf(t testing.TB, change func(*view.Definition)) *pageViews {
	t.Helper()
	s := servingtest.New(t)
	p := s.Define(t, func(d *view.Definition) {
		d.Key = []view.KeyField{{Field: "path", Expr: "data.user"}, {Field: "status", Expr: "data.user"}}
		d.Aggregates = []view.Aggregate{
			{Name: "bytes", Expr: "sum(data.amount)"}, {Name: "views", Expr: "count()"},
			{Name: "mean", Expr: "mean(data.amount)"},
			{Name: "latency", Expr: "quantiles(data.amount)"}, {Name: "top", Expr: "top(data.amount, 3)"},
		}
		change(d)
	})
	all := &pageViews{s, p}
	all.serve(t)
	return all
}

// serve lets generation g of the program serve.
func (s *pageViews) serve(t testing.TB) {
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "g", Generations: []lifecycle.Generation{
		servingtest.Candidate(s.p, "g", lifecycle.Serving)}})
}

// base puts the items of a key, as batch does.
func (s *pageViews) base(t testing.TB, path, status string, at slot.Slot, amounts ...amount) {
	t.Helper()
	key := s.p.KeyOf(view.FullKey, []string{path, status})
	s.PutBaseAt(t, s.p, "g", key, at, amounts...)
}

// live puts speed items of a key, listed among the live keys, as speed does.
func (s *pageViews) live(t testing.TB, path, status string, of slot.Slot, amounts ...amount) {
	t.Helper()
	key, set := view.EncodeKey([]string{path, status}), lifecycle.OfDefinition(s.p.Hash)
	if err := s.Items.PutLive(t.Context(), viewstore.LiveKeys{Set: set, Slot: of, Keys: []view.Key{key}}); err != nil {
		t.Fatal(err)
	}
	s.PutSpeedOf(t, set, of, s.p, key, amounts...)
}

// ask reads a selection whose parameters are written "path=/a status=200 group_by=path order=-bytes".
func (s *pageViews) ask(parameters string) (serving.Result, error) {
	selection := serving.Selection{View: "by_user", Key: map[string][]string{}}
	var err error
	for _, pair := range strings.Fields(parameters) {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "from", "to":
			at, failed := time.Parse("01-02T15:04", value)
			at, err = at.AddDate(2026, 0, 0), failed
			if name == "from" {
				selection.From = &at
			} else {
				selection.To = &at
			}
		case "group_by":
			selection.By = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
			if selection.By == nil {
				selection.By = []string{}
			}
		case "order":
			text, down := strings.CutPrefix(value, "-")
			selection.Order = serving.Order{By: text, Down: down}
		case "limit":
			_, err = fmt.Sscan(value, &selection.Limit)
		case "cursor":
			selection.Cursor = value
		case "parts":
			selection.Parts = true
		case "total":
			selection.Total = true
		case "fill":
			selection.Fill = true
		case "step":
			if selection.Whole = value == "all"; !selection.Whole {
				selection.Step, err = calendar.ParseStep(value)
			}
		default:
			selection.Key[name] = append(selection.Key[name], value)
		}
		if err != nil {
			panic(err) // a test writes it right
		}
	}
	return s.Serving.Read(context.Background(), selection)
}

// rowsOf tells the rows of groups: key, start, first number, exactness.
func rowsOf(r serving.Result) []string {
	all := []string{}
	for _, row := range r.Rows {
		all = append(all, fmt.Sprintf("%s %s-%s %s %v", strings.Join(row.Key, " "), row.Start.Format("02T15"),
			row.End.Format("02T15"), servingtest.Number(row.States), row.Exact))
	}
	return all
}

func (s *pageViews) check(t *testing.T, parameters string, want ...string) serving.Result {
	t.Helper()
	result, err := s.ask(parameters)
	if err != nil {
		t.Fatalf("%s: %v", parameters, err)
	}
	if diff := cmp.Diff(append([]string{}, want...), rowsOf(result)); diff != "" {
		t.Errorf("%s: rows (-want +got): %s", parameters, diff)
	}
	return result
}

// filled returns a view with four keys: two hours of the 22nd and one of the 21st, all below the horizon.
func filled(t testing.TB) *pageViews {
	s := newPageViews(t)
	s.base(t, "/a", "200", horizon, amount{"2026-11-21T10:30:00Z", "1"}, amount{"2026-11-22T09:30:00Z", "2"})
	s.base(t, "/a", "404", horizon, amount{"2026-11-22T09:30:00Z", "4"})
	s.base(t, "/b", "200", horizon, amount{"2026-11-22T09:40:00Z", "8"}, amount{"2026-11-22T10:30:00Z", "16"})
	s.base(t, "/c", "500", horizon, amount{"2026-11-22T10:30:00Z", "4.0"})
	return s
}

func TestGroups(t *testing.T) {
	s := filled(t)
	s.check(t, "",
		"/a 200 21T10-21T11 1 true", "/a 200 22T09-22T10 2 true", "/a 404 22T09-22T10 4 true", "/b 200 22T09-22T10 8 true",
		"/b 200 22T10-22T11 16 true", "/c 500 22T10-22T11 4 true")
	s.check(t, "path=/a", "/a 200 21T10-21T11 1 true", "/a 200 22T09-22T10 2 true", "/a 404 22T09-22T10 4 true")
	s.check(t, "status=404 status=500", "/a 404 22T09-22T10 4 true", "/c 500 22T10-22T11 4 true")
	s.check(t, "path=/a path=/c status=404 status=500", "/a 404 22T09-22T10 4 true", "/c 500 22T10-22T11 4 true")
	s.check(t, "group_by=path step=all",
		"/a 21T10-22T11 7 true", "/b 21T10-22T11 24 true", "/c 21T10-22T11 4 true")
	s.check(t, "group_by=status path=/a path=/b", "200 21T10-21T11 1 true", "200 22T09-22T10 10 true",
		"200 22T10-22T11 16 true", "404 22T09-22T10 4 true")
	s.check(t, "group_by= step=all", " 21T10-22T11 35 true")
	s.check(t, "group_by= step=1d", " 21T00-22T00 1 true", " 22T00-23T00 34 false")
	s.check(t, "group_by= from=11-22T10:00 to=11-22T11:00 step=all", " 22T10-22T11 20 true")
	s.check(t, "group_by= from=11-22T10:00 to=11-22T12:00 step=all", " 22T10-22T12 20 false")
	s.check(t, "group_by= from=11-22T08:30 to=11-22T11:00 step=all", " 22T08-22T11 34 false")
	s.check(t, "group_by= from=11-22T07:00 to=11-22T10:00 fill", " 22T07-22T08 null true", " 22T08-22T09 null true",
		" 22T09-22T10 14 true")
	s.check(t, "path=/nothing")
	s.check(t, "path=/nothing step=all group_by=")
	s.check(t, "path=/a status=200 step=all", "/a 200 21T10-22T10 3 true")
	s.check(t, "group_by=status,path step=1d path=/c", "/c 500 22T00-23T00 4 false")
}

// TestGroupsInOrder checks that numbers are compared with all their digits, that groups without a number come last in
// both directions, and that equal ones come in the order of keys.
func TestGroupsInOrder(t *testing.T) {
	s := filled(t)
	s.check(t, "step=all order=-bytes", "/b 200 21T10-22T11 24 true", "/a 404 21T10-22T11 4 true",
		"/c 500 21T10-22T11 4 true", "/a 200 21T10-22T11 3 true")
	s.check(t, "step=all order=bytes limit=2", "/a 200 21T10-22T11 3 true", "/a 404 21T10-22T11 4 true")
	s.check(t, "step=1d order=-bytes limit=1", "/b 200 22T00-23T00 24 false")
	s.check(t, "order=-views limit=1", "/a 200 21T10-21T11 1 true", "/a 200 22T09-22T10 2 true")
	s.check(t, "group_by=path step=all order=-mean limit=1", "/b 21T10-22T11 24 true")
	s.check(t, "group_by=path step=all order=latency.p50 limit=1", "/a 21T10-22T11 7 true")
	// These numbers are equal as floating point numbers.
	s.base(t, "/x", "1", horizon, amount{"2026-11-22T09:30:00Z", "9007199254740993"})
	s.base(t, "/y", "1", horizon, amount{"2026-11-22T09:30:00Z", "9007199254740992.5"})
	s.base(t, "/w", "1", horizon, amount{"2026-11-22T09:30:00Z", "9007199254740992"})
	s.base(t, "/z", "1", horizon, amount{"2026-11-22T09:30:00Z", "-9007199254740993"})
	s.base(t, "/none", "1", horizon, amount{"2026-11-22T09:30:00Z", `"text"`})
	s.check(t, "status=1 step=all order=-bytes limit=3", "/x 1 22T09-22T10 9007199254740993 true",
		"/y 1 22T09-22T10 9007199254740992.5 true", "/w 1 22T09-22T10 9007199254740992 true")
	s.check(t, "status=1 step=all order=mean limit=1", "/z 1 22T09-22T10 -9007199254740993 true")
	for _, order := range []string{"mean", "-mean"} {
		all := rowsOf(must(s.ask("status=1 step=all order=" + order)))
		result := s.check(t, "status=1 step=all limit=4 order="+order, all[:4]...)
		s.check(t, "status=1 step=all limit=4 order="+order+" cursor="+result.Groups.Next, "/none 1 22T09-22T10 null true")
	}
}

func must(r serving.Result, err error) serving.Result {
	if err != nil {
		panic(err) // a test writes it right
	}
	return r
}

// TestGroupsByPages checks that pages of any size have every group once, and which keys a page reads.
func TestGroupsByPages(t *testing.T) {
	s := filled(t)
	for _, question := range []string{"", "step=all", "step=all order=-bytes", "order=bytes step=1d", "group_by=path",
		"group_by=path order=-mean", "path=/a path=/b status=200 status=404", "status=200 step=all"} {
		want := rowsOf(must(s.ask(question)))
		for limit := 1; limit <= 5; limit++ {
			var got []string
			cursor := ""
			for calls := 0; ; calls++ {
				if calls > 10 {
					t.Fatalf("%q by %d never ends", question, limit)
				}
				page := must(s.ask(fmt.Sprintf("%s limit=%d %s", question, limit, cursor)))
				got = append(got, rowsOf(page)...)
				if page.Groups.Next == "" {
					break
				}
				cursor = "cursor=" + page.Groups.Next
			}
			if diff := cmp.Diff(withoutTimes(want), withoutTimes(got)); diff != "" {
				t.Errorf("%q by %d (-want +got): %s", question, limit, diff)
			}
		}
	}
	if page := must(s.ask("limit=2")); page.Groups.Keys != 2 {
		t.Errorf("a page of two keys reads %d", page.Groups.Keys)
	}
}

// withoutTimes leaves out the times of rows: with step=all, the rows of a page end where those of the page do.
func withoutTimes(rows []string) (all []string) {
	for _, row := range rows {
		words := strings.Split(row, " ")
		all = append(all, strings.Join(append(words[:len(words)-3:len(words)-3], words[len(words)-2:]...), " "))
	}
	return all
}

// TestGroupsInParts checks the two halves of rows of groups.
func TestGroupsInParts(t *testing.T) {
	s := filled(t)
	s.live(t, "/a", "404", horizon, amount{"2026-11-22T09:50:00Z", "32"})
	for _, row := range must(s.ask("group_by=status step=all parts")).Rows {
		want := map[string]string{"200": "27 none", "404": "4 32", "500": "4 none"}[row.Key[0]]
		got := servingtest.Number(row.Batch) + " none"
		if row.Speed.Exist() {
			got = servingtest.Number(row.Batch) + " " + servingtest.Number(row.Speed)
		}
		if got != want {
			t.Errorf("status %s: batch and speed are %s, want %s", row.Key[0], got, want)
		}
	}
}

// TestSpeedOfLiveKeysAlone checks that speed items are read of the keys that the live keys list, and of no others.
func TestSpeedOfLiveKeysAlone(t *testing.T) {
	s := filled(t)
	s.live(t, "/a", "404", horizon, amount{"2026-11-22T09:50:00Z", "32"})
	reads := 0
	s.Hook(servingtest.Before("speed.Slots", func() { reads++ }))
	s.check(t, "group_by= step=all", " 21T10-22T11 67 false")
	if reads != 2 { // of the key, and of what the view could not use
		t.Errorf("%d reads of speed items", reads)
	}
}
