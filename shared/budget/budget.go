// Package budget decides how much of its time an invocation may use. Lambda kills a function at its timeout without
// warning. So a function reserves time for its answer, and does not begin work that may not fit into the rest.
package budget

import (
	"context"
	"time"
)

// Reserve returns a context that ends this long before ctx's deadline, so that a function can still answer before
// Lambda kills it. Without a deadline in ctx, the result has none either.
//
// Source: Lambda Developer Guide: at its timeout Lambda ends a function without warning, together with its environment.
func Reserve(ctx context.Context, reserve time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// Share returns a context that ends when one part in so many of ctx's remaining time has passed. What works under it
// uses up its own time, and not that of what comes after it. Without a deadline in ctx, the result has none either.
func Share(ctx context.Context, parts int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(parts))
}

// Short reports whether another piece of work may not fit into the remaining time of ctx: less than half of the time at
// started is left. Without a deadline, work always fits.
func Short(ctx context.Context, started, now time.Time) bool { return Used(ctx, started, now, 2) }

// Used reports whether one part in so many of the time that ctx had at started is over. Without a deadline, none is.
func Used(ctx context.Context, started, now time.Time, parts int) bool {
	deadline, ok := ctx.Deadline()
	return ok && now.Sub(started)*time.Duration(parts) > deadline.Sub(started)
}
