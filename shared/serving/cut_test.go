package serving_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/serving/servingtest"
)

// TestRangeThatCutsWindows checks that an answer says which windows of an hour the ends of its range cut, and which of
// the two ways it takes.
func TestRangeThatCutsWindows(t *testing.T) {
	out := func(from, window string) string {
		return "from=" + from + " cuts the window that begins at " + window +
			": it is left out, since it begins before the range"
	}
	in := func(to, window string) string {
		return "to=" + to + " cuts the window that begins at " + window +
			": all of it is in the answer, since it begins in the range"
	}
	for _, c := range []struct {
		from, to   string
		rows, want []string
	}{
		{"", "", []string{"11-22T09:00 1 exact=true", "11-22T10:00 2 exact=true"}, []string{}},
		{"2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z", []string{"11-22T09:00 1 exact=true"}, []string{}},
		{"2026-11-22T11:00:00+02:00", "2026-11-22T12:00:00+02:00", []string{"11-22T09:00 1 exact=true"}, []string{}},
		{"2026-11-22T09:00:00.001Z", "", []string{"11-22T10:00 2 exact=true"},
			[]string{out("2026-11-22T09:00:00.001Z", "2026-11-22T09:00:00Z")}},
		{"2026-11-22T09:00:00.0000001Z", "", []string{"11-22T10:00 2 exact=true"},
			[]string{out("2026-11-22T09:00:00.0000001Z", "2026-11-22T09:00:00Z")}},
		{"2026-11-22T09:59:59Z", "", []string{"11-22T10:00 2 exact=true"},
			[]string{out("2026-11-22T09:59:59Z", "2026-11-22T09:00:00Z")}},
		{"", "2026-11-22T10:00:00.5Z", []string{"11-22T09:00 1 exact=true", "11-22T10:00 2 exact=true"},
			[]string{in("2026-11-22T10:00:00.5Z", "2026-11-22T10:00:00Z")}},
		{"2026-11-22T08:30:00Z", "2026-11-22T12:30:00+02:00",
			[]string{"11-22T09:00 1 exact=true", "11-22T10:00 2 exact=true"},
			[]string{
				out("2026-11-22T08:30:00Z", "2026-11-22T08:00:00Z"), in("2026-11-22T10:30:00Z", "2026-11-22T10:00:00Z"),
			}},
		{"2026-11-22T09:10:00Z", "2026-11-22T09:20:00Z", nil, []string{
			out("2026-11-22T09:10:00Z", "2026-11-22T09:00:00Z"),
		}},
		{"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", []string{"11-22T09:00 1 exact=true", "11-22T10:00 2 exact=true"},
			[]string{
				in("9999-12-31T23:59:59Z", "9999-12-31T23:00:00Z"),
			}},
	} {
		s := servingtest.New(t)
		s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "2"})
		var parameters []string
		for name, value := range map[string]string{"from": c.from, "to": c.to} {
			if value != "" {
				parameters = append(parameters, name, value)
			}
		}
		answer := s.Read(t, parameters...)
		checkRows(t, answer, c.rows...)
		if diff := cmp.Diff(c.want, answer.Warnings); diff != "" {
			t.Errorf("[%s, %s): warnings (-want +got): %s", c.from, c.to, diff)
		}
	}
}
