package serving_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/serving/servingtest"
)

// TestStepsAtTheEndsOfTheCalendar checks that no step begins or ends beyond the years that RFC 3339 can write: its row
// ends where the view's windows do.
func TestStepsAtTheEndsOfTheCalendar(t *testing.T) {
	const (
		begin, end = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
		last       = "9999-12-31T23:00:00Z" // the hour after it has no window: it ends beyond 9999
	)
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"0000-01-01T00:30:00Z", "1"}, amount{"9999-12-31T22:30:00Z", "2"})
	for _, c := range []struct{ step, zone, first, lastStart string }{
		{"1d", "UTC", "0000-01-02T00:00:00Z", "9999-12-31T00:00:00Z"},
		{"1w", "UTC", "0000-01-03T00:00:00Z", "9999-12-27T00:00:00Z"},
		{"1y", "UTC", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"},
		{"12h", "UTC", "0000-01-01T12:00:00Z", "9999-12-31T12:00:00Z"},
		{"1d", "Etc/GMT+5", "0000-01-01T05:00:00Z", "9999-12-31T05:00:00Z"},
		{"1mo", "Etc/GMT-9", "0000-01-31T15:00:00Z", "9999-12-31T15:00:00Z"},
	} {
		for _, selected := range [][]string{{}, {"from", begin}, {"to", end}, {"from", begin, "to", end}, {"total", "true"}} {
			r := s.Read(t, append(selected, "step", c.step, "tz", c.zone)...)
			var got [][2]string
			for _, row := range r.Rows {
				got = append(got, [2]string{row.Start.UTC().Format(time.RFC3339), row.End.UTC().Format(time.RFC3339)})
			}
			if diff := cmp.Diff([][2]string{{begin, c.first}, {c.lastStart, last}}, got); diff != "" {
				t.Errorf("%s in %s, %v (-want +got):\n%s", c.step, c.zone, selected, diff)
			}
			for _, warning := range r.Warnings {
				if strings.Contains(warning, "cuts the step") || strings.Contains(warning, "-0001") {
					t.Errorf("%s in %s, %v: %s", c.step, c.zone, selected, warning)
				}
			}
		}
	}
	filled := s.Read(t, "step", "1d", "fill", "true", "from", "9999-12-30T00:00:00Z", "to", end)
	if n := len(filled.Rows); n != 2 || filled.Rows[n-1].End.Format(time.RFC3339) != last {
		t.Errorf("rows are %v", servingtest.Rows(filled))
	}
}
