package settings

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
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

// LimitMemory has the garbage collector work harder as memory runs out, before Lambda ends the function for it: at nine tenths of what the
// function has. Where the environment says nothing of memory, nothing is limited.
func LimitMemory(lookup Lookup) error {
	const name = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	text, ok := lookup(name)
	if !ok {
		return nil
	}
	megabytes, err := strconv.ParseInt(text, 10, 32)
	if err != nil || megabytes < 1 {
		return fmt.Errorf("%s=%q: want a number of megabytes", name, text)
	}
	debug.SetMemoryLimit(megabytes << 20 / 10 * 9)
	return nil
}
