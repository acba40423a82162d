package calendar

import "time"

// Steps are the steps of one kind in one time zone. They follow one another without a gap.
type Steps struct {
	Step Step
	Zone *time.Location
}

// At returns the step that holds an instant: [start, end).
//
// A day begins at the first instant whose local date it is, so midnight may not exist, or come twice. A date that never
// was has no step. Weeks begin on Monday. Months, quarters and years begin with their first day.
//
// A step that is shorter than a day begins whenever the local clock shows a multiple of it, or leaps over one. So 6h
// begins at 0, 6, 12 and 18 o'clock on every day, also on one of 23 or 25 hours, and an hour that comes twice is two
// steps of 1h.
func (s Steps) At(t time.Time) (start, end time.Time) {
	if s.Step.length > 0 {
		return s.lastCut(t).UTC(), s.nextCut(t).UTC()
	}
	first := s.Step.firstDate(dateOf(t.In(s.Zone)))
	start = StartOf(first, s.Zone)
	for {
		first = s.Step.nextDate(first)
		end = StartOf(first, s.Zone)
		if t.Before(end) {
			return start, end
		}
		start = end // t lies in a later step than its local date says: the date came twice, or never was
	}
}

// Date is a day of a calendar, as midnight of that day in UTC.
type Date time.Time

func dateOf(local time.Time) Date {
	return Date(time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC))
}

// firstDate returns the first date of the step that holds a date.
func (s Step) firstDate(d Date) Date {
	t := time.Time(d)
	switch {
	case s.days == 7:
		return Date(t.AddDate(0, 0, -(int(t.Weekday())+6)%7))
	case s.days > 0:
		return d
	}
	month := int(t.Month()) - 1
	return Date(time.Date(t.Year(), time.Month(month-month%s.months+1), 1, 0, 0, 0, 0, time.UTC))
}

// nextDate returns the first date of the step after the one that begins with a date.
func (s Step) nextDate(first Date) Date { return Date(time.Time(first).AddDate(0, s.months, s.days)) }

// StartOf returns the first instant whose local date is d. If there never was such a date, it is the first instant of
// the next date.
func StartOf(d Date, zone *time.Location) time.Time {
	const most = 26 * time.Hour // more than any zone is ahead of UTC, or behind it
	midnight := time.Time(d)
	for t := midnight.Add(-most); t.Before(midnight.Add(most)); {
		_, offset := t.In(zone).Zone()
		_, until := boundsOf(t.In(zone))
		begins := midnight.Add(-time.Duration(offset) * time.Second)
		at := begins
		if at.Before(t) {
			at = t
		}
		if at.Before(begins.Add(day)) && (until.IsZero() || at.Before(until)) {
			return at.UTC()
		}
		if until.IsZero() {
			break
		}
		t = until
	}
	return StartOf(Date(midnight.AddDate(0, 0, 1)), zone)
}

// lastCut returns the last instant, not after t, at which a step begins that is shorter than a day.
func (s Steps) lastCut(t time.Time) time.Time {
	for {
		since, _ := boundsOf(t.In(s.Zone))
		switch at := s.multiple(t); {
		case since.IsZero() || !at.Before(since):
			return at
		case s.cuts(since):
			return since
		}
		t = since.Add(-1)
	}
}

// nextCut returns the first instant after t at which a step begins that is shorter than a day.
func (s Steps) nextCut(t time.Time) time.Time {
	for {
		_, until := boundsOf(t.In(s.Zone))
		switch at := s.multiple(t).Add(s.Step.length); {
		case until.IsZero() || at.Before(until):
			return at
		case s.cuts(until):
			return until
		}
		t = until
	}
}

// cuts reports whether a step begins at the instant at which the zone's offset changes: the local clock then shows a
// multiple of the step, or has leapt over one.
func (s Steps) cuts(change time.Time) bool {
	before := s.multiples(change.Add(-1))
	return s.multiple(change).Equal(change) || s.multiples(change) > before
}

// multiple returns when the local clock last showed a multiple of the step, up to t. It takes the offset at t for all
// times.
func (s Steps) multiple(t time.Time) time.Time {
	seconds, length := s.local(t), s.seconds()
	return time.Unix(t.Unix()-(seconds-floor(seconds, length)*length), 0)
}

// multiples counts the steps from the Unix epoch to t on the local clock.
func (s Steps) multiples(t time.Time) int64 { return floor(s.local(t), s.seconds()) }

func (s Steps) seconds() int64 { return int64(s.Step.length / time.Second) }

// local returns the local clock at t, in seconds since it showed the Unix epoch.
func (s Steps) local(t time.Time) int64 {
	_, offset := t.In(s.Zone).Zone()
	return t.Unix() + int64(offset)
}

// boundsOf returns an interval [since, until) around t in which the zone's offset does not change; a zero end is open.
// On the last day of a leap year, Time.ZoneBounds of Go 1.26 returns an end that is not after t: tzset in
// time/zoneinfo.go counts 365 days to the end of each year. An hour is then within the last days of the year.
func boundsOf(t time.Time) (since, until time.Time) {
	since, until = t.ZoneBounds()
	if !until.IsZero() && !until.After(t) {
		until = t.Add(time.Hour)
	}
	return since, until
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
