package event

import "time"

// Millis is an instant, in Unix milliseconds, UTC.
type Millis int64

// Never is the instant of what has not happened, in the fields that say so.
const Never Millis = 0

// MillisOf returns the instant t, rounded down.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time is m as a time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Add returns the instant d after m. What d has beyond whole milliseconds is left out.
func (m Millis) Add(d time.Duration) Millis { return m + Millis(d/time.Millisecond) }

// IsWithin reports whether m and other are at most d apart.
func (m Millis) IsWithin(d time.Duration, other Millis) bool {
	return m.Add(-d) <= other && other <= m.Add(d)
}
