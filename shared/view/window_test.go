package view_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// possibleWindows are all windows that a definition may have.
func possibleWindows() []time.Duration {
	all := []time.Duration{week}
	for d := time.Second; d <= day; d += time.Second {
		if day%d == 0 {
			all = append(all, d)
		}
	}
	return all
}

func TestFormatWindow(t *testing.T) {
	for window, want := range map[time.Duration]string{
		time.Second: "PT1S", 90 * time.Second: "PT1M30S", 5 * time.Minute: "PT5M", time.Hour: "PT1H",
		36 * time.Hour: "P1DT12H", day: "P1D", week: "P1W", 366 * day: "P366D",
		time.Hour + time.Second: "PT1H1S", 0: "PT0S",
	} {
		if got := view.FormatWindow(window); got != want {
			t.Errorf("%s: got %s, want %s", window, got, want)
		}
	}
}

// Days begin at midnight in UTC, weeks on Monday, and shorter windows at whole multiples of their length in a day.
func TestWindowsBeginWherePeopleExpect(t *testing.T) {
	for _, c := range []struct {
		window    time.Duration
		at, start string
	}{
		{week, "2026-03-04T12:00:00Z", "2026-03-02T00:00:00Z"}, // a Wednesday
		{week, "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"}, // a Monday
		{week, "2026-03-01T23:59:59Z", "2026-02-23T00:00:00Z"}, // a Sunday
		{week, "1970-01-01T00:00:00Z", "1969-12-29T00:00:00Z"},
		{week, "1970-01-05T00:00:00Z", "1970-01-05T00:00:00Z"},
		{week, "1969-12-28T23:59:59Z", "1969-12-22T00:00:00Z"},
		{week, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"}, // a Monday
		{week, "2024-02-29T01:00:00+02:00", "2024-02-26T00:00:00Z"},
		{week, "2025-12-31T12:00:00Z", "2025-12-29T00:00:00Z"}, // week 1 of 2026
		{day, "2026-03-29T01:30:00+01:00", "2026-03-29T00:00:00Z"},
		{day, "2026-03-29T00:30:00+01:00", "2026-03-28T00:00:00Z"},
		{12 * time.Hour, "2026-03-01T13:00:00Z", "2026-03-01T12:00:00Z"},
		{48 * time.Minute, "2026-03-01T23:59:00Z", "2026-03-01T23:12:00Z"},
		{time.Hour, "1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z"},
	} {
		p := windowed(t, c.window, "count()")
		when, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		first := p.FirstWindowFrom(when)
		if p.Start(first).After(when) {
			first--
		}
		if got := p.Start(first).Format(time.RFC3339); got != c.start {
			t.Errorf("%s is in the %s from %s, want %s", c.at, c.window, got, c.start)
		}
		if length := p.End(first).Sub(p.Start(first)); length != c.window {
			t.Errorf("the window of %s has %s, want %s", c.at, length, c.window)
		}
	}
}

// A window that does not divide a day is refused with those that do and are nearest.
func TestImpossibleWindows(t *testing.T) {
	const longer = "a window longer than a day must be a week; write 1d or 1w, and add up the rows of an answer"
	divide := func(what, short, long string) string {
		return "a window must divide a day, so that each day begins with one, and " + what + " does not; write " + short +
			" or " + long
	}
	for window, want := range map[time.Duration]string{
		0:                       "a window must be at least a second; " + view.WindowExamples,
		-time.Hour:              "a window must be at least a second; " + view.WindowExamples,
		time.Millisecond:        "a window must be at least a second; " + view.WindowExamples,
		7 * time.Second:         divide("7s", "6s", "8s"),
		1500 * time.Millisecond: divide("1.5s", "1s", "2s"),
		7 * time.Minute:         divide("7m", "6m", "8m"),
		50 * time.Minute:        divide("50m", "48m", "1h"),
		5 * time.Hour:           divide("5h", "4h", "6h"),
		7 * time.Hour:           divide("7h", "6h", "8h"),
		23 * time.Hour:          divide("23h", "12h", "1d"),
		day - time.Millisecond:  divide("23h59m59.999s", "12h", "1d"),
		25 * time.Hour:          longer,
		36 * time.Hour:          longer,
		2 * day:                 longer,
		week + time.Second:      longer,
		2 * week:                longer,
		30 * day:                longer,
		366 * day:               longer,
	} {
		d := counting("")
		d.Window = window
		faults := view.Check(d)
		if len(faults) != 1 || faults[0].Text != want {
			t.Errorf("%s: got %v, want %s", window, faults, want)
		}
	}
	for _, window := range possibleWindows() {
		d := counting("")
		d.Window = window
		if faults := view.Check(d); len(faults) > 0 {
			t.Errorf("%s: %v", window, faults)
		}
	}
}
