// Package clock limits how far clocks may differ. Each function compares its own clock with the archive store's, and
// refuses to work when they differ by more than a margin. So the clocks of two functions never differ by more than
// twice the margin.
package clock

import (
	"errors"
	"fmt"
	"time"
)

// Second is the resolution of the store's clock: the true time may be later than the reported one by less than this.
//
// Source: RFC 9110, 5.6.7 and 6.6.1: the Date of an HTTP response is in whole seconds.
const Second = time.Second

// ErrMargin means that the function's clock and the store's differ by more than the margin. Retrying helps only once
// the clock is right.
var ErrMargin = errors.New("clock differs from the archive's by more than the margin")

// Margin is the maximum difference between a function's clock and the store's. 0 is for a system with only one clock.
type Margin time.Duration

// Check compares the function's clock with the store's, both read at the same moment. A zero store time means that the
// store reported none; it passes.
//
// Errors: ErrMargin.
func (m Margin) Check(own, store time.Time) error {
	if off := own.Sub(store).Abs(); !store.IsZero() && off > time.Duration(m)+Second {
		return fmt.Errorf("%w: the difference is %s; the maximum is %s", ErrMargin, off, time.Duration(m))
	}
	return nil
}

// Apart returns the maximum difference between the clocks of two functions that passed Check.
func (m Margin) Apart() time.Duration { return 2 * (time.Duration(m) + Second) }
