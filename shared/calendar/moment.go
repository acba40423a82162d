package calendar

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/event"
)

// Moment is a time as people write it: a time of RFC 3339, a date, "now", or how long ago.
type Moment struct {
	at   *time.Time    // of a time of RFC 3339
	date *Date         // of a date
	back time.Duration // of any other: how long before now
}

// MomentExamples are the forms of a moment.
const MomentExamples = "write 2015-05-17T10:00:00Z, 2015-05-17 (its start in the time zone), now, or -24h (24 hours " +
	"ago; also w, d, m and s)"

// maxBack is the most that a moment may lie back from now. Whoever means more names the date.
const maxBack = 100 * 365 * day

var (
	dateForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	timeForm = regexp.MustCompile(`^\d{4,}-\d{2}|^\d{5,}$`)
	backForm = regexp.MustCompile(`^([-+])?(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$`)
)

// ParseMoment reads a moment. The error says what is wrong, as the end of a sentence about the text.
func ParseMoment(text string) (Moment, error) {
	if at, ok := event.ParseInstant(text); ok {
		return Moment{at: &at}, nil
	}
	parts := backForm.FindStringSubmatch(text)
	switch {
	case text == "now":
		return Moment{}, nil
	case dateForm.MatchString(text):
		midnight, ok := event.ParseInstant(text + "T00:00:00Z")
		if !ok {
			return Moment{}, errors.New(event.TimeFault([]byte(text)))
		}
		date := Date(midnight)
		return Moment{date: &date}, nil
	case timeForm.MatchString(text):
		return Moment{}, errors.New(event.TimeFault([]byte(text)))
	case len(text) > 1 && parts != nil && parts[1] == "":
		return Moment{}, fmt.Errorf("has no direction; write -%s for %[1]s ago", text)
	case len(text) > 1 && parts != nil && parts[1] == "+":
		return Moment{}, fmt.Errorf("lies ahead; write the date, or -%s for %[1]s ago", text[1:])
	case len(text) > 1 && parts != nil:
		return parseBack(parts[2:])
	}
	return Moment{}, errors.New("is not a time; " + MomentExamples)
}

// parseBack adds up the weeks, days, hours, minutes and seconds of a moment that is relative to now. Each has always
// the same length: -1d is 24 hours ago.
func parseBack(parts []string) (Moment, error) {
	var back time.Duration
	for i, unit := range []time.Duration{7 * day, day, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi(parts[i]) // at most nine digits; "" is none
		if time.Duration(n) > maxBack/unit {
			return Moment{}, errors.New("lies more than 100 years back; write the date, for example 1815-06-18")
		}
		back += time.Duration(n) * unit
	}
	return Moment{back: back}, nil
}

// At returns the instant of a moment, in UTC. A date begins in the zone. No instant lies before the year 0 of UTC,
// since no event does. A moment that is relative to now is a whole second.
func (m Moment) At(now time.Time, zone *time.Location) time.Time {
	switch {
	case m.at != nil:
		return *m.at
	case m.date != nil:
		at := StartOf(*m.date, zone)
		if least := event.MinTime.Time(); at.Before(least) {
			return least
		}
		return at
	}
	return now.Add(-m.back).UTC().Truncate(time.Second)
}
