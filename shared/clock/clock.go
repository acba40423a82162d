// Package clock says by how much clocks may differ. Each function holds its own clock against the archive's store, and refuses to work when the two
// differ by too much; so no two functions' clocks differ by more than twice that.
package clock

import (
	"errors"
	"fmt"
	"time"
)

// Second is the unit in which the store tells its time: it may be later than it says by less than this.
//
// Source: RFC 9110, 5.6.7 and 6.6.1: the Date of an HTTP response is in whole seconds.
const Second = time.Second

// ErrMargin: the own clock and the store's differ by more than the margin. Trying again helps when the clock is right again.
var ErrMargin = errors.New("clock differs from the archive's by more than the margin")

// Margin bounds the difference between a function's clock and the store's. 0 is for a system that has one clock.
type Margin time.Duration

// Check compares the own clock with the store's, both read at the same moment. A store that tells no time gives the zero time, which passes.
//
// Errors: ErrMargin.
func (m Margin) Check(own, store time.Time) error {
	if off := own.Sub(store).Abs(); !store.IsZero() && off > time.Duration(m)+Second {
		return fmt.Errorf("%w: by %s, more than %s", ErrMargin, off, time.Duration(m))
	}
	return nil
}

// Apart bounds the difference between the clocks of any two functions that have passed Check.
func (m Margin) Apart() time.Duration { return 2 * (time.Duration(m) + Second) }
