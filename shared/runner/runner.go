// Package runner lets layers work in parallel without starting goroutines themselves: their caller passes a Runner. So
// the simulator controls every step with its own scheduler.
package runner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Runner calls do(0) to do(n-1), in any order and perhaps in parallel, and returns when all have returned; no goroutine
// outlives the call. Its error joins all errors. A failed call does not prevent the others.
type Runner func(n int, do func(i int) error) error

// Sequential is a Runner that calls do in order, one call at a time.
func Sequential(n int, do func(i int) error) error {
	var all []error
	for i := range n {
		if err := do(i); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Parallel returns a Runner that makes up to workers calls at a time.
func Parallel(workers int) Runner {
	return func(n int, do func(i int) error) error {
		if n < 2 || workers < 2 {
			return Sequential(n, do)
		}
		var (
			group sync.WaitGroup
			next  atomic.Int64
			lock  sync.Mutex
			all   []error
		)
		for range min(workers, n) {
			group.Go(func() {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					if err := do(i); err != nil {
						lock.Lock()
						all = append(all, err)
						lock.Unlock()
					}
				}
			})
		}
		group.Wait()
		return errors.Join(all...)
	}
}

// Repeater calls do beside the caller's work, once in each interval, until do returns false, ctx ends, or the caller
// calls stop. stop waits for a call of do that is under way, whose context it ends.
type Repeater func(ctx context.Context, every time.Duration, do func(ctx context.Context) (again bool)) (stop func())

// Repeat is a Repeater by the clock of this machine.
func Repeat(ctx context.Context, every time.Duration, do func(ctx context.Context) (again bool)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if !do(ctx) {
					return
				}
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}
