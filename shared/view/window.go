package view

import (
	"fmt"
	"strings"
	"time"
)

// FormatWindow writes a window of whole seconds as an ISO 8601 duration in days, hours, minutes and seconds: "PT1H",
// "PT5M", "P1D", "P1DT12H".
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
