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

	// maxDays is far longer than the longest window, and far too short to overflow.
	maxDays = 1000

	// outOfRange stands for a window that is negative or longer than maxDays. view.Check refuses it like any window out
	// of range.
	outOfRange = time.Duration(-1)
)

// parseWindow reads a window as a Go duration with d for days ("36h", "1d12h", "90s"), or as an ISO 8601 duration
// ("PT1H", "P1D"). problem says what is wrong with the text. view.Check decides whether the window is in range.
func parseWindow(text string) (window time.Duration, problem string) {
	if strings.HasPrefix(strings.TrimPrefix(text, "-"), "P") {
		return parseISOWindow(text)
	}
	// Go has no unit for days, so the days at the front are read separately.
	days, rest := int64(0), text
	digits, after, hasDays := strings.Cut(text, "d")
	if hasDays {
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || strings.HasPrefix(after, "-") || strings.HasPrefix(after, "+") {
			return 0, notOne("a duration", text)
		}
		days, rest = int64(n), after
	}
	var d time.Duration
	if rest != "" || !hasDays {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, notOne("a duration", text)
		}
	}
	if days > maxDays || d > maxDays*day {
		return outOfRange, ""
	}
	return d + time.Duration(days)*day, ""
}

func parseISOWindow(text string) (window time.Duration, problem string) {
	iso, err := duration.Parse(text)
	if err != nil || !strings.ContainsAny(text, "0123456789") {
		return 0, notOne("an ISO 8601 duration", text)
	}
	if iso.Years != 0 || iso.Months != 0 {
		return 0, fmt.Sprintf("the years and months of %q have no fixed length; give days, hours, minutes and seconds",
			spelling.Shorten(text))
	}
	// The fields are floats and may have any value. A value far out of range must not overflow.
	if iso.Negative || iso.Weeks*7+iso.Days+iso.Hours/24+iso.Minutes/(24*60)+iso.Seconds/(24*3600) > maxDays {
		return outOfRange, ""
	}
	return iso.ToTimeDuration(), ""
}

func notOne(kind, text string) string {
	return fmt.Sprintf("%q is not %s; %s", spelling.Shorten(text), kind, view.WindowExamples)
}
