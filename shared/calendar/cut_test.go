package calendar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/calendar"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := calendar.LoadZone(name)
	if err != nil {
		t.Fatal(name, err)
	}
	return z
}

func step(t testing.TB, text string) calendar.Step {
	t.Helper()
	s, err := calendar.ParseStep(text)
	if err != nil {
		t.Fatal(text, err)
	}
	return s
}

func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err) // a test writes it right
	}
	return at
}

// stepsFrom lists n steps from the one that holds an instant: the start by the local clock, and the length
// in hours, or in minutes below an hour.
func stepsFrom(s calendar.Steps, t time.Time, n int) []string {
	var all []string
	for range n {
		start, end := s.At(t)
		all = append(all, start.In(s.Zone).Format("2006-01-02T15:04Z07:00")+" "+
			strings.TrimSuffix(strings.TrimSuffix(end.Sub(start).String(), "m0s"), "h0"))
		t = end
	}
	return all
}

// TestChangesOfTheClock checks steps over every kind of change: days of 23 and 25 hours, midnights that do not exist or
// come twice, a date that never was, and changes of half an hour.
func TestChangesOfTheClock(t *testing.T) {
	for _, c := range []struct {
		name, zone, step, at string
		want                 []string
	}{
		{"a day of 23 hours", "Europe/Berlin", "1d", "2026-03-28T12:00:00Z",
			[]string{"2026-03-28T00:00+01:00 24", "2026-03-29T00:00+01:00 23", "2026-03-30T00:00+02:00 24"}},
		{"a day of 25 hours", "Europe/Berlin", "1d", "2026-10-24T12:00:00Z",
			[]string{"2026-10-24T00:00+02:00 24", "2026-10-25T00:00+02:00 25", "2026-10-26T00:00+01:00 24"}},
		{"a week of 167 hours, from Monday", "Europe/Berlin", "1w", "2026-03-29T21:59:59Z",
			[]string{"2026-03-23T00:00+01:00 167", "2026-03-30T00:00+02:00 168"}},
		{"quarters south of the equator", "Australia/Sydney", "1q", "2026-04-04T00:00:00Z",
			[]string{"2026-04-01T00:00+11:00 2185", "2026-07-01T00:00+10:00 2208", "2026-10-01T00:00+10:00 2207"}},
		{"years, of which one is a leap year", "America/New_York", "1y", "2024-07-01T00:00:00Z",
			[]string{"2024-01-01T00:00-05:00 8784", "2025-01-01T00:00-05:00 8760"}},
		{"months", "UTC", "1mo", "2026-02-28T23:59:59Z",
			[]string{"2026-02-01T00:00Z 672", "2026-03-01T00:00Z 744"}},
		{"a midnight that does not exist", "America/Santiago", "1d", "2026-09-05T12:00:00Z",
			[]string{"2026-09-05T00:00-04:00 24", "2026-09-06T01:00-03:00 23", "2026-09-07T00:00-03:00 24"}},
		{"a midnight that does not exist, where time.Date gives the day before", "America/Sao_Paulo", "1d",
			"2018-11-03T12:00:00Z",
			[]string{"2018-11-03T00:00-03:00 24", "2018-11-04T01:00-02:00 23", "2018-11-05T00:00-02:00 24"}},
		{"an hour before midnight that comes twice", "America/Santiago", "1d", "2026-04-04T12:00:00Z",
			[]string{"2026-04-04T00:00-03:00 25", "2026-04-05T00:00-04:00 24"}},
		{"a midnight that comes twice: the clock goes from 00:01 back to 23:01", "America/St_Johns", "1d",
			"2006-10-28T12:00:00Z",
			[]string{"2006-10-28T00:00-02:30 24", "2006-10-29T00:00-02:30 25", "2006-10-30T00:00-03:30 24"}},
		{"in the second part of the day before", "America/St_Johns", "1d", "2006-10-29T03:15:00Z",
			[]string{"2006-10-29T00:00-02:30 25", "2006-10-30T00:00-03:30 24"}},
		{"a date that never was", "Pacific/Apia", "1d", "2011-12-29T12:00:00Z",
			[]string{"2011-12-29T00:00-10:00 24", "2011-12-31T00:00+14:00 24", "2012-01-01T00:00+14:00 24"}},
		{"hours of an hour that comes twice", "Europe/Berlin", "1h", "2026-10-24T23:30:00Z",
			[]string{"2026-10-25T01:00+02:00 1", "2026-10-25T02:00+02:00 1", "2026-10-25T02:00+01:00 1",
				"2026-10-25T03:00+01:00 1"}},
		{"hours of an hour that does not exist", "Europe/Berlin", "1h", "2026-03-29T00:30:00Z",
			[]string{"2026-03-29T01:00+01:00 1", "2026-03-29T03:00+02:00 1"}},
		{"6h by the local clock, on days of 25 and of 23 hours", "Europe/Berlin", "6h", "2026-10-24T21:59:00Z",
			[]string{"2026-10-24T18:00+02:00 6", "2026-10-25T00:00+02:00 7", "2026-10-25T06:00+01:00 6"}},
		{"6h, the short one", "Europe/Berlin", "6h", "2026-03-29T02:00:00Z",
			[]string{"2026-03-29T00:00+01:00 5", "2026-03-29T06:00+02:00 6"}},
		{"2h, which comes twice", "Europe/Berlin", "2h", "2026-10-25T00:30:00Z",
			[]string{"2026-10-25T02:00+02:00 1", "2026-10-25T02:00+01:00 2",
				"2026-10-25T04:00+01:00 2"}},
		{"a change of half an hour forth, in steps of an hour", "Australia/Lord_Howe", "1h", "2026-10-03T14:30:00Z",
			[]string{"2026-10-04T01:00+10:30 1", "2026-10-04T02:30+11:00 30", "2026-10-04T03:00+11:00 1"}},
		{"a change of half an hour back, in steps of an hour", "Australia/Lord_Howe", "1h", "2026-04-04T14:30:00Z",
			[]string{"2026-04-05T01:00+11:00 1h30", "2026-04-05T02:00+10:30 1"}},
		{"before the zone had whole minutes", "Europe/Berlin", "1d", "1893-03-30T12:00:00Z",
			[]string{"1893-03-30T00:00+00:53 24", "1893-03-31T00:00+00:53 24", "1893-04-01T00:06+01:00 23h53m28s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps := calendar.Steps{Step: step(t, c.step), Zone: zone(t, c.zone)}
			if diff := cmp.Diff(c.want, stepsFrom(steps, instant(c.at), len(c.want))); diff != "" {
				t.Error("steps (-want +got):", diff)
			}
		})
	}
}

// TestEveryInstantIsInOneStep walks a year of every zone, and the years in which zones changed most, in steps of a day
// and of six hours: each step ends where the next one begins, holds both its ends' instants, and begins at a date or a
// multiple of its own.
func TestEveryInstantIsInOneStep(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe",
		"America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu", "Antarctica/Troll", "UTC"} {
		for _, text := range []string{"15m", "1h", "6h", "1d", "1w", "1mo"} {
			steps := calendar.Steps{Step: step(t, text), Zone: zone(t, name)}
			at, until := instant("2005-12-01T00:00:00Z"), instant("2007-02-01T00:00:00Z")
			if text == "1d" || text == "1w" {
				until = instant("2027-01-01T00:00:00Z")
			}
			for at, _ = steps.At(at); at.Before(until); {
				start, end := steps.At(at)
				last, after := steps.At(end.Add(-time.Nanosecond))
				if !start.Equal(at) || !end.After(at) || !last.Equal(start) || !after.Equal(end) {
					t.Fatalf("%s in %s: at %s it is [%s, %s), and at its end [%s, %s)", text, name, at, start, end, last, after)
				}
				at = end
			}
		}
	}
}

// TestZones checks every zone of the database, and that names which come close to one are told.
func TestZones(t *testing.T) {
	for name, want := range map[string]string{
		"":              "is no IANA time zone; write one such as Europe/Berlin, America/New_York or UTC",
		"Local":         "is no IANA time zone; write one such as Europe/Berlin, America/New_York or UTC",
		"Factory":       "is no IANA time zone",
		"+02:00":        "is no IANA time zone; write one such as Europe/Berlin",
		"Berlin":        "is no IANA time zone; did you mean Europe/Berlin?",
		"europe/berlin": "is no IANA time zone; did you mean Europe/Berlin?",
		"new york":      "is no IANA time zone; did you mean America/New_York?",
		"Europe/Berln":  "is no IANA time zone; did you mean Europe/Berlin?",
		"utc":           "is no IANA time zone; did you mean UTC?",
		"Europe/":       "is no IANA time zone",
		"../etc/passwd": "is no IANA time zone",
	} {
		if _, err := calendar.LoadZone(name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	if z := zone(t, "Europe/Berlin"); z.String() != "Europe/Berlin" {
		t.Errorf("the zone is called %s", z)
	}
}

func TestParseStep(t *testing.T) {
	for text, want := range map[string]string{
		"1d": "1d P1D", "P1D": "1d P1D", "1w": "1w P1W", "P1W": "1w P1W", "1mo": "1mo P1M", "P1M": "1mo P1M",
		"1q": "1q P3M", "P3M": "1q P3M", "1y": "1y P1Y", "15m": "15m PT15M", "PT15M": "15m PT15M", "1h": "1h PT1H",
		"60m": "1h PT1H", "90m": "1h30m PT1H30M", "6h": "6h PT6H", "30s": "30s PT30S", "86400s": "1d P1D",
	} {
		s := step(t, text)
		if got := s.String() + " " + s.ISO(); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":       "is no step; write 1d, 1w, 1mo, 1q or 1y, or a length that divides a day, such as 15m, 1h or 6h",
		"day":    "is no step; write 1d",
		"24h":    "is no step; write 1d",
		"7d":     "is no step; write 1w",
		"1M":     "is no step; write 1mo",
		"3mo":    "is no step; write 1q",
		"2d":     "is no step; write 1d, 1w",
		"7h":     "does not divide a day; write 6h or 8h",
		"50m":    "does not divide a day; write 48m or 1h",
		"7s":     "does not divide a day; write 6s or 8s",
		"25h":    "is longer than a day; write 1d, 1w",
		"0h":     "is no length of time",
		"-1h":    "is no length of time",
		"1500ms": "has fractions of a second",
		"1d12h":  "is no step",
		"0":      "is no step",
	} {
		if s, err := calendar.ParseStep(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %s, %v, want %s", text, s, err, want)
		}
	}
}
