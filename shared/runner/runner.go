// Package runner is how layers do several things at once without starting goroutines themselves: they are handed a Runner, so that the
// simulator keeps every step under its own scheduler.
package runner

import (
	"errors"
	"sync"
	"sync/atomic"
)

// Runner calls do(0) ... do(n-1), in any order and perhaps at once, and returns when all have returned: no goroutine outlives the call.
// Its error joins theirs. A failed call does not keep the others from being made.
type Runner func(n int, do func(i int) error) error

// Sequential calls one after another, in order.
func Sequential(n int, do func(i int) error) error {
	var all []error
	for i := range n {
		if err := do(i); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Parallel makes a Runner of up to workers calls at once.
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
