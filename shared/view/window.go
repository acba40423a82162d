package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/view/engine"
)

// checkWindow says what is wrong with the length of a window; empty: nothing. Windows begin where people expect it: at
// midnight and at the start of hours and minutes, and weeks on Monday. Other lengths would begin anywhere, so a file
// that is to be deployed cannot have them (strict).
func checkWindow(d time.Duration, strict bool) string {
	switch {
	case !strict && d >= time.Second && d <= longestWindow && d%time.Second == 0:
		return ""
	case d < time.Second:
		return "a window must be at least a second; " + WindowExamples
	case d == week || d <= day && day%d == 0 && d%time.Second == 0:
		return ""
	case d > day:
		return "a window longer than a day must be a week; write 1d or 1w, and add up the rows of an answer"
	}
	unit := time.Second
	for _, larger := range []time.Duration{time.Minute, time.Hour} {
		if d > larger {
			unit = larger
		}
	}
	shorter, longer := d.Truncate(unit), d.Truncate(unit)+unit
	for day%shorter != 0 {
		shorter -= unit
	}
	for day%longer != 0 {
		longer += unit
	}
	return fmt.Sprintf("a window must divide a day, so that each day begins with one, and %s does not; write %s or %s",
		WriteWindow(d), WriteWindow(shorter), WriteWindow(longer))
}

// WriteWindow writes a window of whole seconds as a views file does: "48m", "1h30m", "1d", "1w".
func WriteWindow(d time.Duration) string {
	switch d {
	case day:
		return "1d"
	case week:
		return "1w"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// longestWindow is the longest window that any release has accepted.
const longestWindow = 366 * day

// windowOrigin returns where window 0 begins, in Unix milliseconds. The rules say it for weeks. All other windows begin
// at the Unix epoch, a midnight.
func windowOrigin(window time.Duration, rules engine.Rules) int64 {
	if window == week {
		return rules.Weeks.Milliseconds()
	}
	return 0
}

// FormatWindow writes a window of whole seconds as an ISO 8601 duration in days, hours, minutes and seconds, or as one
// week: "PT1H", "PT5M", "P1D", "P1W".
func FormatWindow(window time.Duration) string {
	if window == week {
		return "P1W"
	}
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
