package serving_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
)

// TestMergedRowIsExact tells the story of the rule for merged rows: a step and a total are exact when they have ended
// by the horizon that was read with the pointer, no speed item took part, no part is ahead of that horizon, and the
// range does not cut them. The horizon is 11:00 of the 22nd at first.
func TestMergedRowIsExact(t *testing.T) {
	s := servingtest.New(t)
	check := func(when, total string, rows []string, parameters ...string) {
		t.Helper()
		a := s.Read(t, append([]string{"step", "1d", "total", "true"}, parameters...)...)
		if diff := cmp.Diff(rows, servingtest.Rows(a)); diff != "" {
			t.Errorf("%s: rows (-want +got): %s", when, diff)
		}
		if got := fmt.Sprintf("%s exact=%v", servingtest.Number(a.Total.States), a.Total.Exact); got != total {
			t.Errorf("%s: total is %s, want %s", when, got, total)
		}
	}
	s.PutBase(t, horizon, amount{"2026-11-21T10:30:00Z", "1"}, amount{"2026-11-22T09:30:00Z", "2"},
		amount{"2026-11-22T10:30:00Z", "4"})
	check("all hours with events have ended, and the day has not", "7 exact=false",
		[]string{"11-21T00:00 1 exact=true", "11-22T00:00 6 exact=false"})
	check("the day before alone", "1 exact=true", []string{"11-21T00:00 1 exact=true"}, "to", "2026-11-22T00:00:00Z")
	check("the hours that have ended", "6 exact=true", []string{"11-22T00:00 6 exact=false"},
		"from", "2026-11-22T00:00:00Z", "to", "2026-11-22T11:00:00Z")
	check("a range that cuts a day and an hour", "1 exact=false", []string{"11-21T00:00 1 exact=false"},
		"from", "2026-11-21T09:30:00Z", "to", "2026-11-22T00:00:00Z")
	check("a range that cuts a day between two hours", "1 exact=true", []string{"11-21T00:00 1 exact=false"},
		"from", "2026-11-21T09:00:00Z", "to", "2026-11-22T00:00:00Z")

	s.PutSpeed(t, horizon, amount{"2026-11-21T23:30:00Z", "8"})
	check("speed has a late event", "9 exact=false", []string{"11-21T00:00 9 exact=false"}, "to", "2026-11-22T00:00:00Z")
	// A run has moved the page of the 21st, and not yet the pointer.
	s.PutBase(t, horizon+slotMs, amount{"2026-11-21T10:30:00Z", "1"}, amount{"2026-11-21T23:30:00Z", "8"})
	check("a part is ahead", "9 exact=false", []string{"11-21T00:00 9 exact=false"}, "to", "2026-11-22T00:00:00Z")
	s.MoveTo(t, horizon+slotMs)
	check("the run is applied", "9 exact=true", []string{"11-21T00:00 9 exact=true"}, "to", "2026-11-22T00:00:00Z")
}

// TestStepWarns checks that an answer says which step a range cuts, in the zone of the question.
func TestStepWarns(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2026-11-21T22:30:00Z", "1"}, amount{"2026-11-21T23:30:00Z", "2"})
	a := s.Read(t, "step", "1d", "tz", "Europe/Berlin", "from", "2026-11-21T10:00:00Z", "to", "2026-11-22T10:30:00Z")
	checkRows(t, a, "11-20T23:00 1 exact=false", "11-21T23:00 2 exact=false")
	const rest = ": its row has only the windows that begin in the range, and is not exact"
	want := []string{
		"to=2026-11-22T11:30:00+01:00 cuts the window that begins at 2026-11-22T11:00:00+01:00: all of it is in the " +
			"answer, since it begins in the range",
		"from=2026-11-21T11:00:00+01:00 cuts the step of 1d that begins at 2026-11-21T00:00:00+01:00" + rest,
		"to=2026-11-22T11:30:00+01:00 cuts the step of 1d that begins at 2026-11-22T00:00:00+01:00" + rest,
	}
	if diff := cmp.Diff(want, a.Warnings); diff != "" {
		t.Error("warnings (-want +got):", diff)
	}
	whole := s.Read(t, "step", "1d", "tz", "Europe/Berlin", "from", "2026-11-20T23:00:00Z", "to", "2026-11-22T23:00:00Z")
	if len(whole.Warnings) > 0 {
		t.Errorf("whole days: warnings %q", whole.Warnings)
	}
}

// TestStepsThatCutWindows checks that a step which begins inside a window is refused where the window has events or is
// asked for, with what would do, and only there.
func TestStepsThatCutWindows(t *testing.T) {
	s := servingtest.New(t)
	try := func(parameters ...string) string {
		t.Helper()
		_, err := s.Try(parameters...)
		var wrong *serving.ParameterError
		if err == nil {
			return ""
		}
		if !errors.As(err, &wrong) {
			t.Fatal(err)
		}
		return wrong.Parameter + ": " + wrong.Detail
	}
	const india = "tz: step=1d in tz=Asia/Kolkata begins at %s, inside the window of 1h that begins at %s; a view with " +
		"windows of 30m would do, or tz=UTC"
	for _, c := range []struct {
		what, want string
		parameters []string
	}{
		{"nothing is asked for", "", []string{"step", "1d", "tz", "Asia/Kolkata"}},
		{"a range", fmt.Sprintf(india, "2026-11-21T18:30:00Z", "2026-11-21T18:00:00Z"),
			[]string{"step", "1d", "tz", "Asia/Kolkata", "from", "2026-11-22T00:00:00Z"}},
		{"hours of India over hours of UTC", "tz: step=1h in tz=Asia/Kolkata begins at 2026-11-21T23:30:00Z, inside the " +
			"window of 1h that begins at 2026-11-21T23:00:00Z; a view with windows of 30m would do, or tz=UTC",
			[]string{"step", "1h", "tz", "Asia/Kolkata", "from", "2026-11-22T00:00:00Z"}},
		{"Kathmandu", "tz: step=1d in tz=Asia/Kathmandu begins at 2026-11-21T18:15:00Z, inside the window of 1h that " +
			"begins at 2026-11-21T18:00:00Z; a view with windows of 15m would do, or tz=UTC",
			[]string{"step", "1d", "tz", "Asia/Kathmandu", "to", "2026-11-22T00:00:00Z"}},
		{"before the zone had whole minutes", "tz: step=1d in tz=Europe/Berlin begins at 1889-12-31T23:06:32Z, inside the " +
			"window of 1h that begins at 1889-12-31T23:00:00Z; a view with windows of 8s would do, or tz=UTC",
			[]string{"step", "1d", "tz", "Europe/Berlin", "from", "1890-01-01T00:00:00Z"}},
		{"shorter than a window", "step: step=15m is shorter than the view's windows, which are 1h long",
			[]string{"step", "15m"}},
		{"no multiple", "step: step=1h30m is no multiple of the view's windows, which are 1h long", []string{"step", "90m"}},
	} {
		if got := try(c.parameters...); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"})
	if got := try("step", "1d", "tz", "Asia/Kolkata"); got != "" {
		t.Errorf("an hour in the middle of a day: %s", got)
	}
	s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-21T18:10:00Z", "1"})
	if got, want := try("step", "1d", "tz", "Asia/Kolkata"),
		fmt.Sprintf(india, "2026-11-21T18:30:00Z", "2026-11-21T18:00:00Z"); got != want {
		t.Errorf("the hour in which the day changes: %s, want %s", got, want)
	}
}

// TestFill checks that fill gives a row for each window or step of a range, with the values of empty states, and that
// it says which of them are exact: those that have ended.
func TestFill(t *testing.T) {
	s := servingtest.New(t)
	checkRows(t, s.Read(t, "fill", "true"))
	checkRows(t, s.Read(t, "fill", "true", "to", "2026-11-22T09:00:00Z"))
	checkRows(t, s.Read(t, "fill", "true", "from", "2026-11-22T10:00:00Z", "to", "2026-11-22T12:00:00Z"),
		"11-22T10:00 null exact=true", "11-22T11:00 null exact=false")
	s.PutBase(t, horizon, amount{"2026-11-22T08:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "2"})
	checkRows(t, s.Read(t, "fill", "true"),
		"11-22T08:00 1 exact=true", "11-22T09:00 null exact=true", "11-22T10:00 2 exact=true")
	checkRows(t, s.Read(t, "fill", "true", "from", "2026-11-22T06:30:00Z", "to", "2026-11-22T10:00:00Z"),
		"11-22T07:00 null exact=true", "11-22T08:00 1 exact=true", "11-22T09:00 null exact=true")
	checkRows(t, s.Read(t, "fill", "true", "step", "1d", "from", "2026-11-20T00:00:00Z", "to", "2026-11-24T00:00:00Z"),
		"11-20T00:00 null exact=true", "11-21T00:00 null exact=true", "11-22T00:00 3 exact=false",
		"11-23T00:00 null exact=false")
	checkRows(t, s.Read(t, "fill", "true", "step", "6h", "tz", "Europe/Berlin", "from", "2026-11-22T00:00:00Z"),
		"11-21T23:00 null exact=false", "11-22T05:00 3 exact=true")

	apia := s.Read(t, "fill", "true", "step", "1d", "tz", "Pacific/Apia", "from", "2011-12-29T10:00:00Z",
		"to", "2011-12-31T10:00:00Z")
	checkRows(t, apia, "12-29T10:00 null exact=true", "12-30T10:00 null exact=true")
}

// TestFillIsBounded checks that fill is refused before anything is read where the ends of the range give too many rows,
// and afterwards where the events do.
func TestFillIsBounded(t *testing.T) {
	s := servingtest.New(t)
	s.MaxRows = 24
	day := []string{"fill", "true", "from", "2026-11-21T00:00:00Z", "to", "2026-11-22T00:00:00Z"}
	if a := s.Read(t, day...); len(a.Rows) != 24 {
		t.Errorf("%d rows, want 24", len(a.Rows))
	}
	day[len(day)-1] = "9999-12-31T23:00:00Z"
	s.Calls = nil
	_, err := s.Try(day...)
	const want = "view by_user: too many windows: with fill=true the selection has more than 24 rows; narrow from and " +
		"to, or ask for longer steps"
	if !errors.Is(err, serving.ErrTooManyWindows) || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	if calls := strings.Join(s.Calls, " "); strings.Contains(calls, "base") || strings.Contains(calls, "speed") {
		t.Errorf("calls are %s", calls)
	}
	s.PutBase(t, horizon, amount{"1970-01-01T00:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "2"})
	if _, err := s.Try("fill", "true"); !errors.Is(err, serving.ErrTooManyWindows) {
		t.Errorf("error is %v, want ErrTooManyWindows", err)
	}
	if a := s.Read(t, "step", "1y"); len(a.Rows) != 2 {
		t.Errorf("rows are %v", servingtest.Rows(a))
	}
}

// TestStepParts checks that the halves of a step are those of its windows.
func TestStepParts(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "2"})
	s.PutSpeed(t, horizon, amount{"2026-11-22T10:40:00Z", "4"}, amount{"2026-11-22T11:30:00Z", "8"})
	row := s.Read(t, "step", "1d").Rows[0]
	got := []string{servingtest.Number(row.States), servingtest.Number(row.Batch), servingtest.Number(row.Speed)}
	if diff := cmp.Diff([]string{"15", "3", "12"}, got); diff != "" {
		t.Error("states, batch, speed (-want +got):", diff)
	}
}

// BenchmarkYearIntoDays reads the base items of a year of hours, of one key with an event in each, and merges them into
// the days of Berlin.
func BenchmarkYearIntoDays(b *testing.B) {
	for _, step := range []string{"", "1d", "1mo"} {
		b.Run("step="+step, func(b *testing.B) {
			s := servingtest.New(b)
			s.MaxRows = 10_000
			var all []amount
			for at := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC); len(all) < 365*24; at = at.Add(time.Hour) {
				all = append(all, amount{at.Format(time.RFC3339), "12.34"})
			}
			s.PutBase(b, horizon, all...)
			items := len(servingtest.PagesOf(b, s.Program, view.Key("u"), all...))
			s.Hook(nil)
			parameters := []string{}
			if step != "" {
				parameters = []string{"step", step, "tz", "Europe/Berlin"}
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Read(b, parameters...)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(items), "µs/item")
		})
	}
}
