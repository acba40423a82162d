package view_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// TestTimesAtTheEdge checks that every window that has events begins and ends in the years 0000 to 9999, so that every
// reader of RFC 3339 takes its bounds. An event whose window does not is skipped by the view, and counted as skipped.
func TestTimesAtTheEdge(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		time   string
		window time.Duration
		want   string // the window, "" where the event is skipped
	}{
		{"9999-12-31T23:59:59Z", time.Second, ""},
		{"9999-12-31T23:59:59.999Z", time.Second, ""},
		{"9999-12-31T23:59:58Z", time.Second, "9999-12-31T23:59:58Z to 9999-12-31T23:59:59Z"},
		{"9999-12-31T23:59:58Z", time.Minute, ""},
		{"9999-12-31T23:58:59Z", time.Minute, "9999-12-31T23:58:00Z to 9999-12-31T23:59:00Z"},
		{"9999-12-31T23:59:59Z", time.Hour, ""},
		{"9999-12-31T22:59:59Z", time.Hour, "9999-12-31T22:00:00Z to 9999-12-31T23:00:00Z"},
		{"9999-12-31T22:59:59-01:00", time.Hour, ""},
		{"9999-12-31T23:59:59+23:59", time.Hour, "9999-12-31T00:00:00Z to 9999-12-31T01:00:00Z"},
		{"9999-12-31T00:00:00Z", day, ""},
		{"9999-12-30T23:59:59Z", day, "9999-12-30T00:00:00Z to 9999-12-31T00:00:00Z"},
		{"9999-12-31T00:00:00Z", 7 * day, ""},
		{"0000-01-01T00:00:00Z", time.Second, "0000-01-01T00:00:00Z to 0000-01-01T00:00:01Z"},
		{"0000-01-01T00:00:00Z", day, "0000-01-01T00:00:00Z to 0000-01-02T00:00:00Z"},
		{"0000-01-01T23:59:59Z", 7 * day, ""},
		{"0000-01-01T00:00:00.000Z", time.Minute, "0000-01-01T00:00:00Z to 0000-01-01T00:01:00Z"},
	} {
		p := windowed(t, c.window, "count()")
		d := foldOne(t, p, fmt.Sprintf(`{"specversion":"1.0","id":"a","source":"s","type":"t","time":%q}`, c.time))
		got := ""
		for page := range d.Pages() {
			if page.Key == view.SkippedKey {
				continue
			}
			w := p.NewWindows()
			page.MergeInto(w)
			for _, window := range w.Sorted() {
				got += p.Start(window).Format(time.RFC3339) + " to " + p.End(window).Format(time.RFC3339)
			}
		}
		want := view.Counts{Folded: 1}
		if c.want == "" {
			want = view.Counts{Skipped: 1}
		}
		if got != c.want || d.Counts().Folded != want.Folded || d.Counts().Skipped != want.Skipped {
			t.Errorf("%s in windows of %s: %q, %+v; want %q", c.time, c.window, got, d.Counts(), c.want)
		}
	}
}

// TestSentinelTime checks that an event of 9999-12-31T23:59:59Z, which many programs write for "never", is valid, and
// no view counts it.
func TestSentinelTime(t *testing.T) {
	text, err := os.ReadFile("testdata/sentinel_time.json")
	if err != nil {
		t.Fatal(err)
	}
	validated, err := event.Validate(event.Structured, text, event.DefaultLimits())
	if err != nil || len(validated.Accepted) != 1 {
		t.Fatalf("%+v, error %v", validated, err)
	}
	d := foldOne(t, windowed(t, time.Hour, "count()", "sum(data.v)"), string(validated.Accepted[0].JSON))
	for page := range d.Pages() {
		if page.Key != view.SkippedKey {
			t.Errorf("page %+v", page.PageKey)
		}
	}
	if told := skipsOf(d); len(told) != 1 || !strings.HasPrefix(told[0], "time: 1, ") {
		t.Errorf("skips are %q, want one of its time", told)
	}
	if n := d.Counts().Skipped; n != 1 {
		t.Errorf("%d skipped, want 1", n)
	}
}

// foldOne folds an event, and touches the page of a copy.
func foldOne(t *testing.T, p *view.Program, text string) *view.Delta {
	t.Helper()
	set := compiled(t, p.Definition)
	b := &event.Batch{}
	line := event.AppendLine(nil, []byte(text), event.Stamp{Request: ulid.ULID{1}})
	if err := set.Fields().Scan(line, b); err != nil {
		t.Fatal(err)
	}
	d := set.Programs[0].NewDelta()
	d.Fold(b, allRows(b))
	d.Touch(b, allRows(b))
	return d
}
