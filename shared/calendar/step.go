package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Step is a length of time in a calendar. The zero Step is none.
type Step struct {
	days, months int           // of a step of whole days
	length       time.Duration // of a shorter step; it divides a day
}

const day = 24 * time.Hour

// StepExamples are the steps that there are.
const StepExamples = "write 1d, 1w, 1mo, 1q or 1y, or a length that divides a day, such as 15m, 1h or 6h"

// named are the steps of whole days, as people and as ISO 8601 write them. The first two texts are the step's own.
func named() []struct {
	step  Step
	texts []string
} {
	return []struct {
		step  Step
		texts []string
	}{
		{Step{days: 1}, []string{"1d", "P1D", "24h", "1440m", "day", "daily"}},
		{Step{days: 7}, []string{"1w", "P1W", "7d", "P7D", "168h", "week", "weekly"}},
		{Step{months: 1}, []string{"1mo", "P1M", "1M", "month", "monthly", "30d"}},
		{Step{months: 3}, []string{"1q", "P3M", "3mo", "quarter", "quarterly"}},
		{Step{months: 12}, []string{"1y", "P1Y", "12mo", "4q", "year", "yearly", "365d"}},
	}
}

// ParseStep reads a step: "1d", "1w", "1mo", "1q", "1y", or a length that divides a day, such as "15m" or "6h". It
// reads ISO 8601 as well: "P1D", "PT6H". The error says what is wrong, as the end of a sentence about the text.
func ParseStep(text string) (Step, error) {
	for _, n := range named() {
		for i, known := range n.texts {
			switch {
			case text == known && i < 2:
				return n.step, nil
			case text == known:
				return Step{}, fmt.Errorf("is no step; write %s", n.texts[0])
			}
		}
	}
	return parseLength(text)
}

func parseLength(text string) (Step, error) {
	goes := text
	if iso, isISO := strings.CutPrefix(text, "PT"); isISO {
		goes = strings.ToLower(iso)
	}
	length, err := time.ParseDuration(goes)
	switch {
	case err != nil || goes == "0":
		return Step{}, errors.New("is no step; " + StepExamples)
	case length <= 0:
		return Step{}, errors.New("is no length of time; " + StepExamples)
	case length%time.Second != 0:
		return Step{}, errors.New("has fractions of a second; a step has whole seconds")
	case length == day:
		return Step{days: 1}, nil
	case length > day:
		return Step{}, errors.New("is longer than a day; " + StepExamples)
	case day%length != 0:
		return Step{}, fmt.Errorf("does not divide a day; write %s or %s", Step{length: divisor(length, -1)},
			Step{length: divisor(length, 1)})
	}
	return Step{length: length}, nil
}

// divisor returns the next length that divides a day, up or down, in whole minutes where the length has them.
func divisor(length time.Duration, sign time.Duration) time.Duration {
	unit := time.Second
	if length > time.Minute {
		unit = time.Minute
	}
	length = length.Truncate(unit)
	for length += max(sign, 0) * unit; day%length != 0; {
		length += sign * unit
	}
	return length
}

// Exists reports whether s is a step at all.
func (s Step) Exists() bool { return s != Step{} }

// Length returns the length of a step that divides a day. Steps of days have lengths that vary, and return 0.
func (s Step) Length() time.Duration { return s.length }

// Least returns the length of the shortest such step where no clock changes: a month of 28 days.
func (s Step) Least() time.Duration { return s.length + time.Duration(s.days+28*s.months)*day }

// String writes a step as ParseStep reads it.
func (s Step) String() string { return s.write(0) }

// ISO writes a step as ISO 8601: "P1D", "PT6H".
func (s Step) ISO() string { return s.write(1) }

func (s Step) write(form int) string {
	for _, n := range named() {
		if n.step == s {
			return n.texts[form]
		}
	}
	out := []string{"", "PT"}[form]
	for _, unit := range []struct {
		length  time.Duration
		letters string
	}{{time.Hour, "hH"}, {time.Minute, "mM"}, {time.Second, "sS"}} {
		if n := s.length / unit.length; n != 0 {
			out += strconv.FormatInt(int64(n), 10) + unit.letters[form:form+1]
		}
		s.length %= unit.length
	}
	return out
}
