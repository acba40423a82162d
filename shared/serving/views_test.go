package serving_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// oneUnreadable is a base store that cannot read one generation.
type oneUnreadable struct {
	viewstore.Base
	generation lifecycle.GenerationID
	err        error
}

func (b oneUnreadable) Pages(
	ctx context.Context, g lifecycle.GenerationID, key view.Key, from, to view.Page, after string,
) ([]viewstore.BaseItem, string, error) {
	if g == b.generation {
		return nil, "", b.err
	}
	return b.Base.Pages(ctx, g, key, from, to, after)
}

// TestOneUnreadableViewHidesNoOther checks that a view whose skipped events or definition cannot be read is listed with
// its error, and that the others are described as ever. Together they are read by the runner, not one after another.
func TestOneUnreadableViewHidesNoOther(t *testing.T) {
	const bad = `{"nothing":true}` // no amount: the view skips the argument
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", bad})
	another := servingtest.Candidate(s.Program, "unreadable", lifecycle.Serving)
	s.PointTo(t, lifecycle.View{Name: "a_view", Serving: "unreadable", Generations: []lifecycle.Generation{another}})
	missing := servingtest.Candidate(s.Program, "m", lifecycle.Serving)
	missing.Definition = "0123"
	s.PointTo(t, lifecycle.View{Name: "c_view", Serving: "m", Generations: []lifecycle.Generation{missing}})
	lost := errors.New("lost on the way")
	s.Stores.Base = oneUnreadable{s.Base, "unreadable", lost}
	var together []int
	s.Parallel = func(n int, do func(int) error) error {
		together = append(together, n)
		return runner.Sequential(n, do)
	}
	all, err := s.Views(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("described: %+v, %v", all, err)
	}
	if d := all[0]; !errors.Is(d.Err, lost) || !strings.Contains(d.Err.Error(), "a_view") || d.Program == nil {
		t.Errorf("the unreadable view is %+v", d)
	}
	if d := all[1]; d.Err != nil || len(d.Skipped) != 1 {
		t.Errorf("the view beside it is %+v", d)
	}
	if d := all[2]; d.Err == nil || !strings.Contains(d.Err.Error(), "0123") || d.Program != nil {
		t.Errorf("the view without a definition is %+v", d)
	}
	if fmt.Sprint(together) != "[3]" {
		t.Errorf("the runner read %v views at a time", together)
	}
	if _, err := s.Describe(t.Context(), "a_view"); !errors.Is(err, lost) {
		t.Errorf("the unreadable view alone: error %v", err)
	}
}

// TestDescribedAsAnswered checks that a view is described by the generation that answers, also before any serves.
func TestDescribedAsAnswered(t *testing.T) {
	s := servingtest.New(t)
	behind := servingtest.Candidate(s.Program, "behind", lifecycle.Building)
	behind.AnswersFrom = 2
	s.PointTo(t, lifecycle.View{
		Name:        "by_user",
		Generations: []lifecycle.Generation{behind, servingtest.Candidate(s.Program, "answers", lifecycle.Building)},
	})
	d, err := s.Describe(t.Context(), "by_user")
	if answer := s.Read(t); err != nil || d.Generation.ID != "answers" || d.Generation.ID != answer.Generation.ID {
		t.Errorf("described by %q, answered by %q (%v)", d.Generation.ID, answer.Generation.ID, err)
	}
}

// TestSkippedOfOldEvents checks that a question about years ago needs no range for what was skipped: the answer has it,
// and no warning about the range.
func TestSkippedOfOldEvents(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2015-05-17T10:30:00Z", "1"}, amount{"2015-05-18T10:30:00Z", `"none"`})
	const used = "events of these rows without a usable argument or condition are left out: of amount 1 event; see skipped"
	for _, selected := range [][]string{
		{"total", "true", "from", "2015-05-17T00:00:00Z"}, {"from", "2015-05-17T00:00:00Z"}, {},
		{"to", "2015-05-19T00:00:00Z"}, {"step", "1d", "tz", "UTC"},
	} {
		r := s.Read(t, selected...)
		if len(r.Skipped) != 1 || r.Skipped[0].Events != 1 || !r.Skipped[0].Exact || len(r.Warnings) != 1 ||
			r.Warnings[0] != used {
			t.Errorf("%v: skipped %+v, warnings %q", selected, r.Skipped, r.Warnings)
		}
	}
}

// TestSkippedOfSomeWindowsIsExact checks that what was skipped in some windows of a range is exact when each of those
// with skipped events is, although the windows go on after now.
func TestSkippedOfSomeWindowsIsExact(t *testing.T) {
	s := servingtest.New(t)
	s.MaxRows = 20
	var purchases []amount
	for hour := time.Duration(1); hour <= 30; hour++ {
		purchases = append(purchases, amount{horizon.Start().Add(-hour * time.Hour).Format(time.RFC3339), `"none"`})
	}
	s.PutBase(t, horizon, purchases...)
	for _, selected := range [][]string{{}, {"to", "2027-01-01T00:00:00Z"}} {
		r := s.Read(t, append(selected, "step", "1mo")...)
		if len(r.Skipped) != 1 || r.Skipped[0].Events == 0 || r.Skipped[0].Events == 30 || !r.Skipped[0].Exact {
			t.Errorf("%v: skipped %+v", selected, r.Skipped)
		}
	}
}

// TestSkippedIsAddedUpOncePerStep checks that rows of several keys share what was skipped in their step: adding it up
// for each row takes minutes where many windows have skipped events.
func TestSkippedIsAddedUpOncePerStep(t *testing.T) {
	s := newPageViews(t)
	days := []amount{{"2026-11-20T09:30:00Z", `"none"`}, {"2026-11-21T09:30:00Z", `"none"`}}
	for _, path := range []string{"/a", "/b"} {
		s.base(t, path, "200", horizon, days...)
	}
	r, err := s.ask("step=1d")
	if err != nil || len(r.Rows) != 4 {
		t.Fatalf("%d rows, %v", len(r.Rows), err)
	}
	for i, other := range []int{2, 3} { // the rows of /b, after those of /a
		a, b := r.Rows[i].Skips, r.Rows[other].Skips
		if len(a) == 0 || len(b) == 0 || &a[0] != &b[0] {
			t.Errorf("the rows of %s skip %+v and %+v", r.Rows[i].Start, a, b)
		}
	}
	if a, b := r.Rows[0].Skips, r.Rows[1].Skips; &a[0] == &b[0] {
		t.Error("two steps share what was skipped")
	}
}

// TestSkippedWindowsAreBounded checks that an answer reads the skipped events of the whole range as long as MaxRows
// windows have any. Of more it reads MaxRows windows around now, or the first ones of the range, and says so.
func TestSkippedWindowsAreBounded(t *testing.T) {
	s := servingtest.New(t)
	s.MaxRows = 20
	at := func(hours time.Duration) string { return horizon.Start().Add(hours * time.Hour).Format(time.RFC3339) }
	var purchases []amount
	for hour := time.Duration(-200); hour < 2000; hour += 50 {
		purchases = append(purchases, amount{at(hour), `"none"`})
	}
	s.PutBase(t, horizon, purchases...)
	const (
		cut = "skipped covers only the windows from "
		now = cut + "2026-11-21T18:00:00Z to 2026-11-22T14:00:00Z, since"
	)
	for _, c := range []struct {
		name     string
		from, to string
		events   int64
		warning  string
	}{
		{"all", "", "", 1, now},
		{"past", "", at(-150), 1, ""},
		{"from the past on", at(-60), "", 1, now},
		{"up to the future", "", at(1000), 1, now},
		{"around now", at(-60), at(60), 3, ""},
		{"before all rows", at(-2000), at(-300), 0, ""},
		{"open, before all rows", "", at(-300), 0, ""},
		{"after all rows, open", at(2000), "", 0, ""},
		{"as many as can be", at(1000), at(1990), 20, ""},
		{"one more", at(950), at(1990), 1, cut + "2027-01-01T01:00:00Z to 2027-01-01T21:00:00Z, since"},
	} {
		t.Run(c.name, func(t *testing.T) {
			selected := []string{"step", "1mo"} // fewer rows than windows
			if c.from != "" {
				selected = append(selected, "from", c.from)
			}
			if c.to != "" {
				selected = append(selected, "to", c.to)
			}
			r := s.Read(t, selected...)
			var events int64
			for _, skip := range r.Skipped {
				events += skip.Events
			}
			var warning string
			for _, w := range r.Warnings {
				if strings.HasPrefix(w, cut) {
					warning, _, _ = strings.Cut(w, " the view")
				}
			}
			if events != c.events || warning != c.warning {
				t.Errorf("%d skipped events, want %d; warning %q, want %q", events, c.events, warning, c.warning)
			}
		})
	}
}
