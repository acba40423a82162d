package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/event"
)

// moment is a time as users write it: a time of RFC 3339, a day, "now", or how long ago.
type moment struct {
	text string        // RFC 3339; "" for a time relative to now
	back time.Duration // how long before now
}

// momentExamples are the forms of a moment.
const momentExamples = "write 2015-05-17T10:00:00Z, 2015-05-17 (its start in UTC), now, or -24h (24 hours ago; also " +
	"w, d, m and s)"

// maxBack is the most that a moment may lie back from now. Whoever means more names the day.
const maxBack = 100 * 365 * 24 * time.Hour

var (
	dayForm  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	backForm = regexp.MustCompile(`^-?(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$`)
	zoneless = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$`)
)

// parseMoment reads a moment. It leaves a time of RFC 3339 as it is, with all its digits.
func parseMoment(text string) (moment, error) {
	if _, ok := event.ParseTime([]byte(text)); ok {
		return moment{text: text}, nil
	}
	start := text + "T00:00:00Z"
	_, isDay := event.ParseTime([]byte(start))
	switch parts := backForm.FindStringSubmatch(text); {
	case isDay:
		return moment{text: start}, nil
	case dayForm.MatchString(text):
		return moment{}, fmt.Errorf("%q is no day of the calendar", text)
	case text == "now":
		return moment{}, nil
	case len(text) > 1 && parts != nil && text[0] != '-':
		return moment{}, fmt.Errorf("%q has no direction; write -%s for %s ago", text, text, text)
	case len(text) > 1 && parts != nil:
		return parseBack(text, parts[1:])
	case zoneless.MatchString(text):
		return moment{}, fmt.Errorf("%q names no time zone; %s", text, momentExamples)
	}
	return moment{}, fmt.Errorf("%q is not a time; %s", text, momentExamples)
}

// parseBack adds up the weeks, days, hours, minutes and seconds of a moment that is relative to now.
func parseBack(text string, parts []string) (moment, error) {
	var back time.Duration
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi(parts[i]) // at most nine digits; "" is none
		if time.Duration(n) > maxBack/unit {
			return moment{}, fmt.Errorf("%q lies more than 100 years back; write the day, for example 1815-06-18", text)
		}
		back += time.Duration(n) * unit
	}
	return moment{back: back}, nil
}

// at returns the moment in RFC 3339, with whole seconds if it is relative.
func (m moment) at(now time.Time) string {
	if m.text != "" {
		return m.text
	}
	return now.Add(-m.back).UTC().Format(time.RFC3339)
}

// joinMoments joins --from, --to and --window with a following "-24h", which would otherwise be taken for a flag.
func joinMoments(args []string) []string {
	var joined []string
	for _, arg := range args {
		last := len(joined) - 1
		if last >= 0 && slices.Contains([]string{"--from", "--to", "--window"}, joined[last]) && len(arg) > 1 &&
			strings.ContainsAny(arg[1:2], "0123456789") && arg[0] == '-' {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}
