// Package budget is how much of its time an invocation may use. Lambda ends a function at its time-out without a word; so a function keeps some time to
// answer in, and begins no piece of work that may not fit into the rest.
package budget

import (
	"context"
	"time"
)

// Reserve ends a context this long before its deadline, so that a function answers by itself instead of being stopped in the middle. A context
// without a deadline has none after it.
//
// Source: Lambda Developer Guide: at its time-out a function is ended without a word, and its environment with it.
func Reserve(ctx context.Context, reserve time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// Short says whether another piece of work may not fit into the time that ctx leaves: less than half of what there was when the work was started. Without
// a deadline it always fits.
func Short(ctx context.Context, started, now time.Time) bool {
	deadline, ok := ctx.Deadline()
	return ok && deadline.Sub(now) < now.Sub(started)
}
