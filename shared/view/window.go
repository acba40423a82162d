package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sosodev/duration"
)

const (
	day       = 24 * time.Hour
	minWindow = time.Second
	maxWindow = 366 * day
)

const windowExamples = "write for example 90s, 5m, 1h, 36h, 1d or PT1H, P1D"

// parseWindow reads a window as Go writes durations, with d for days besides ("36h", "1d12h", "90s"), or as ISO 8601 does ("PT1H", "P1D").
func parseWindow(text string) (time.Duration, []fault) {
	if strings.HasPrefix(strings.TrimPrefix(text, "-"), "P") {
		return parseISOWindow(text)
	}
	// A day is no unit of Go's: it is taken off the front.
	days, rest := int64(0), text
	digits, after, hasDays := strings.Cut(text, "d")
	if hasDays {
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || strings.HasPrefix(after, "-") || strings.HasPrefix(after, "+") {
			return 0, faultf(0, "%q is not a duration; %s", shorten(text), windowExamples)
		}
		days, rest = int64(n), after
	}
	var d time.Duration
	if rest != "" || !hasDays {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, faultf(0, "%q is not a duration; %s", shorten(text), windowExamples)
		}
	}
	if days > int64(maxWindow/day) {
		return 0, windowOutOfRange()
	}
	d += time.Duration(days) * day
	return d, checkWindow(d)
}

func parseISOWindow(text string) (time.Duration, []fault) {
	iso, err := duration.Parse(text)
	if err != nil || !strings.ContainsAny(text, "0123456789") {
		return 0, faultf(0, "%q is not an ISO 8601 duration; %s", shorten(text), windowExamples)
	}
	if iso.Years != 0 || iso.Months != 0 {
		return 0, faultf(0, "the years and months of %q have no fixed length; give days, hours, minutes and seconds", shorten(text))
	}
	// The fields are floats, and may be anything: what is far out of range must not overflow.
	if iso.Negative || iso.Weeks*7+iso.Days+iso.Hours/24+iso.Minutes/(24*60)+iso.Seconds/(24*3600) > float64(2*maxWindow/day) {
		return 0, windowOutOfRange()
	}
	d := iso.ToTimeDuration()
	return d, checkWindow(d)
}

func checkWindow(d time.Duration) []fault {
	switch {
	case d < minWindow || d > maxWindow:
		return windowOutOfRange()
	case d%time.Second != 0:
		return faultf(0, "the window %s is not a whole number of seconds; %s", d, windowExamples)
	}
	return nil
}

func windowOutOfRange() []fault {
	return faultf(0, "a window is at least 1 second and at most 366 days; %s", windowExamples)
}

// FormatWindow writes a window of whole seconds as an ISO 8601 duration in days, hours, minutes and seconds: "PT1H", "PT5M", "P1D", "P1DT12H".
func FormatWindow(window time.Duration) string {
	var out strings.Builder
	out.WriteByte('P')
	if days := window / day; days != 0 {
		fmt.Fprintf(&out, "%dD", days)
	}
	window %= day
	if window == 0 && out.Len() > 1 {
		return out.String()
	}
	out.WriteByte('T')
	for _, unit := range []struct {
		length time.Duration
		letter byte
	}{{time.Hour, 'H'}, {time.Minute, 'M'}} {
		if n := window / unit.length; n != 0 {
			fmt.Fprintf(&out, "%d%c", n, unit.letter)
		}
		window %= unit.length
	}
	if window != 0 || strings.HasSuffix(out.String(), "T") {
		fmt.Fprintf(&out, "%dS", window/time.Second)
	}
	return out.String()
}
