package calendar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/calendar"
)

// TestMoments checks what each form of a time is, as of noon of 2026-03-01, and in Berlin where that matters.
func TestMoments(t *testing.T) {
	now, berlin := instant("2026-03-01T12:00:00Z").Add(999*time.Millisecond), zone(t, "Europe/Berlin")
	for text, want := range map[string]string{
		"2026-03-01":                     "2026-02-28T23:00:00Z",
		"2026-07-01":                     "2026-06-30T22:00:00Z",
		"0001-01-01":                     "0000-12-31T23:06:32Z",
		"0000-01-01":                     "0000-01-01T00:00:00Z",
		"0001-01-01T00:00:00Z":           "0001-01-01T00:00:00Z",
		"now":                            "2026-03-01T12:00:00Z",
		"-24h":                           "2026-02-28T12:00:00Z",
		"-90m":                           "2026-03-01T10:30:00Z",
		"-7d":                            "2026-02-22T12:00:00Z",
		"-1w":                            "2026-02-22T12:00:00Z",
		"-1d12h":                         "2026-02-28T00:00:00Z",
		"-1w1d1h1m1s":                    "2026-02-21T10:58:59Z",
		"-36500d":                        "1926-03-26T12:00:00Z",
		"2026-03-01T02:00:00+02:00":      "2026-03-01T00:00:00Z",
		"2026-03-01t02:00:00z":           "2026-03-01T02:00:00Z",
		"2026-03-01T02:00:00.123456789Z": "2026-03-01T02:00:00.123456789Z",
	} {
		m, err := calendar.ParseMoment(text)
		if got := m.At(now, berlin).Format(time.RFC3339Nano); err != nil || got != want {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"24h":                  "has no direction; write -24h for 24h ago",
		"+24h":                 "lies ahead; write the date, or -24h for 24h ago",
		"2026-02-30":           "has day 30; 2026-02 has the days 01 to 28",
		"2026-13-01":           "has month 13; months are 01 to 12",
		"2026-03-01T10:00:00":  `years 0000 to 9999; did you mean "2026-03-01T10:00:00Z"? Z is UTC`,
		"2026-03-01 10:00":     `did you mean "2026-03-01T10:00:00Z"?`,
		"2026-03":              "is not an RFC 3339 time",
		"-36501d":              "lies more than 100 years back; write the date",
		"-":                    "is not a time; write 2015-05-17T10:00:00Z, 2015-05-17 (its start in the",
		"":                     "is not a time",
		"-1y":                  "is not a time",
		"-1mo":                 "is not a time",
		"-12h1d":               "is not a time",
		"--24h":                "is not a time",
		"tomorrow":             "is not a time",
		"NOW":                  "is not a time",
		"1772323200":           `did you mean "2026-03-01T00:00:00Z"?`,
		"2026-13-01T00:00:00Z": "has month 13",
	} {
		if _, err := calendar.ParseMoment(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
