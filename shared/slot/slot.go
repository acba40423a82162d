// Package slot divides arrival time for the layers. A slot is a half-open interval of arrival time, and the unit in
// which batch takes over from speed.
//
// An event's slot comes from its stamp alone: never from a clock after stamping, and never from a time that a store
// reports.
package slot

import (
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/event"
)

const day = 24 * time.Hour

// Slot is the start of an interval of arrival time, in Unix milliseconds, UTC. All slots of an archive have the same
// length, which the layout holds. As a bound, a Slot is exclusive: it is the first slot that is not covered.
type Slot int64

// Length is the length of every slot of an archive.
type Length time.Duration

// NewLength checks a slot length: whole seconds that divide 24 hours.
func NewLength(d time.Duration) (Length, error) {
	if d < time.Second || d > day || d%time.Second != 0 || day%d != 0 {
		return 0, fmt.Errorf("invalid slot length %s: must be whole seconds from 1s to 24h that divide 24h", d)
	}
	return Length(d), nil
}

// Beginning comes before every slot of an archive. As the end of what is covered it says that nothing is; as the start,
// that everything is.
const Beginning Slot = 0

func (l Length) millis() event.Millis { return event.Millis(time.Duration(l).Milliseconds()) }

// Of returns the slot in which the stamped event arrived.
func (l Length) Of(s event.Stamp) Slot { return l.at(s.Arrival()) }

// At returns the slot that contains the instant t. Use it to seal slots and to choose where a definition begins, never
// to place an event.
func (l Length) At(t time.Time) Slot { return l.at(event.MillisOf(t)) }

func (l Length) at(m event.Millis) Slot {
	n := m % l.millis()
	if n < 0 {
		n += l.millis()
	}
	return Slot(m - n)
}

// Next is the slot after s.
func (l Length) Next(s Slot) Slot { return s.Add(time.Duration(l)) }

// End is the first instant after s.
func (l Length) End(s Slot) time.Time { return l.Next(s).Start() }

// Sealed returns the exclusive end of the slots that batch may claim at the instant now: those with end + sealDelay <=
// now.
//
// Source: docs/design.md 3.2.
func (l Length) Sealed(now time.Time, sealDelay time.Duration) Slot { return l.At(now.Add(-sealDelay)) }

// Start is the first instant of s, as a time in UTC.
func (s Slot) Start() time.Time { return s.Millis().Time() }

// Millis is the first instant of s.
func (s Slot) Millis() event.Millis { return event.Millis(s) }

// Add returns s moved by d, which may be negative. A bound need not be the start of a slot.
func (s Slot) Add(d time.Duration) Slot { return Slot(s.Millis().Add(d)) }

// String is the slot's start, for example "2015-05-17T10:05:00Z".
func (s Slot) String() string { return s.Start().Format(time.RFC3339) }
