package serving_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
)

// TestStepsOfAYear asks for a year of windows in days, weeks, months, quarters and years of six zones: two with half
// hours, and two south of the equator. Each window has an event whose amount is the window's number. Every step must
// begin and end where Python's calendar and zoneinfo say, over both changes of the clock, and have the sum of the same
// windows (testdata/steps.py).
func TestStepsOfAYear(t *testing.T) {
	text, err := os.ReadFile("testdata/steps.golden")
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string][]string{} // steps by window, zone and step
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		golden[strings.Join(f[:3], " ")] = append(golden[strings.Join(f[:3], " ")], strings.Join(f[3:], " "))
	}
	if len(golden) != 30 || len(golden["3600s Europe/Berlin 1d"]) != 366 || len(golden["3600s UTC 1w"]) != 51 {
		t.Fatalf("the golden file has %d questions", len(golden))
	}
	fixtures := map[string]*servingtest.Fixture{"3600s": yearOf(t, time.Hour), "1800s": yearOf(t, 30*time.Minute)}
	for question, want := range golden {
		f := strings.Fields(question)
		a := fixtures[f[0]].Read(t, "step", f[2], "tz", f[1])
		var got []string
		for _, row := range a.Rows[1 : len(a.Rows)-1] { // the first and the last step are not whole
			got = append(got, fmt.Sprintf("%d %d %s", row.Start.Unix(), row.End.Unix(), servingtest.Number(row.States)))
			if !row.Exact {
				t.Errorf("%s: the row of %s is not exact", question, row.Start)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: steps (-want +got): %s", question, diff)
		}
	}
}

// yearOf returns a fixture whose view has windows of a length, with an event in each window of 367 days.
func yearOf(t *testing.T, window time.Duration) *servingtest.Fixture {
	s := servingtest.New(t)
	s.MaxRows = 20_000
	s.Program = s.Define(t, func(d *view.Definition) { d.Window = window })
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "g", Generations: []lifecycle.Generation{
		{ID: "g", Definition: s.Program.Hash, State: lifecycle.Serving, Run: 1, Horizon: horizon + 1000*24*12*slotMs},
	}})
	first := time.Date(2025, 12, 31, 12, 0, 0, 0, time.UTC)
	var all []amount
	for at := first; at.Before(first.AddDate(0, 0, 367)); at = at.Add(window) {
		all = append(all, amount{at.Add(window / 2).Format(time.RFC3339), fmt.Sprint(len(all))})
	}
	s.PutBase(t, horizon, all...)
	return s
}
