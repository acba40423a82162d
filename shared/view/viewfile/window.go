package viewfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sosodev/duration"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

const (
	day = 24 * time.Hour

	// maxDays is far longer than the longest window, and far too short to overflow. It stands for all that is longer,
	// and -1 for what is negative. view.Check refuses both.
	maxDays  = 1000
	negative = time.Duration(-1)
)

// parseWindow reads a window as a Go duration with w for weeks and d for days ("1w", "1d", "1h30m", "90s"), or as an
// ISO 8601 duration ("PT1H", "P1W"). problem says what is wrong with the text. view.Check decides whether there can be
// such a window.
func parseWindow(text string) (window time.Duration, problem string) {
	if strings.HasPrefix(strings.TrimPrefix(text, "-"), "P") {
		return parseISOWindow(text)
	}
	// Go has no units for weeks and days, so those at the front are read separately.
	weeks, rest, hasWeeks := leadingCount(text, "w")
	days, rest, hasDays := leadingCount(rest, "d")
	var d time.Duration
	if rest != "" || !hasWeeks && !hasDays {
		var err error
		if d, err = time.ParseDuration(rest); err != nil || (hasWeeks || hasDays) && strings.ContainsAny(rest[:1], "+-") {
			return 0, notOne("a duration", text)
		}
	}
	if days += 7 * weeks; days > maxDays || d > maxDays*day {
		return maxDays * day, ""
	}
	return d + time.Duration(days)*day, ""
}

// leadingCount reads digits and a unit at the front of a text. Without them, rest is the whole text.
func leadingCount(text, unit string) (count int64, rest string, ok bool) {
	digits, after, found := strings.Cut(text, unit)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !found || err != nil {
		return 0, text, false
	}
	return int64(n), after, true
}

func parseISOWindow(text string) (window time.Duration, problem string) {
	iso, err := duration.Parse(text)
	if err != nil || !strings.ContainsAny(text, "0123456789") {
		return 0, notOne("an ISO 8601 duration", text)
	}
	if iso.Years != 0 || iso.Months != 0 {
		return 0, fmt.Sprintf("the years and months of %q have no fixed length; "+
			"write P1D or P1W, and add up the rows of an answer", spelling.Shorten(text))
	}
	// The fields are floats and may have any value. A value far out of range must not overflow.
	if iso.Negative {
		return negative, ""
	}
	if iso.Weeks*7+iso.Days+iso.Hours/24+iso.Minutes/(24*60)+iso.Seconds/(24*3600) > maxDays {
		return maxDays * day, ""
	}
	return iso.ToTimeDuration(), ""
}

func notOne(kind, text string) string {
	return fmt.Sprintf("%q is not %s; %s", spelling.Shorten(text), kind, view.WindowExamples)
}
