package runner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/runner"
)

// runners are all there are, by name.
func runners() map[string]runner.Runner {
	return map[string]runner.Runner{
		"sequential": runner.Sequential, "parallel 0": runner.Parallel(0), "parallel 1": runner.Parallel(1),
		"parallel 2": runner.Parallel(2),
		"parallel 8": runner.Parallel(8),
	}
}

func TestEveryCallIsMadeOnce(t *testing.T) {
	for name, run := range runners() {
		for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 1000} {
			var (
				lock sync.Mutex
				made []int
			)
			if err := run(n, func(i int) error {
				lock.Lock()
				defer lock.Unlock()
				made = append(made, i)
				return nil
			}); err != nil {
				t.Errorf("%s, %d calls: %v", name, n, err)
			}
			slices.Sort(made)
			want := make([]int, 0, n)
			for i := range n {
				want = append(want, i)
			}
			if !slices.Equal(made, want) {
				t.Errorf("%s, %d calls: made %v", name, n, made)
			}
		}
	}
}

func TestErrorsAreJoinedAndKeepNoCallFromBeingMade(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	for name, run := range runners() {
		var made atomic.Int64
		err := run(20, func(i int) error {
			made.Add(1)
			switch i {
			case 0:
				return first
			case 13:
				return fmt.Errorf("call %d: %w", i, second)
			}
			return nil
		})
		if !errors.Is(err, first) || !errors.Is(err, second) {
			t.Errorf("%s: error %v, want both", name, err)
		}
		if got := made.Load(); got != 20 {
			t.Errorf("%s: %d calls were made, want 20", name, got)
		}
	}
}

func TestSequentialGoesInOrder(t *testing.T) {
	for name, run := range map[string]runner.Runner{"sequential": runner.Sequential, "one worker": runner.Parallel(1)} {
		var order []int // without a lock: one call at a time
		err := run(5, func(i int) error {
			order = append(order, i)
			return fmt.Errorf("call %d", i)
		})
		if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, order); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if want := "call 0\ncall 1\ncall 2\ncall 3\ncall 4"; err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}

// TestWorkersAreBounded checks that while nothing moves, as many calls wait as there are workers, until fewer calls are
// left.
func TestWorkersAreBounded(t *testing.T) {
	for _, test := range []struct{ workers, calls int }{{3, 10}, {8, 5}, {2, 2}, {2, 3}} {
		synctest.Test(t, func(t *testing.T) {
			var (
				running  atomic.Int64
				release  = make(chan struct{})
				returned = make(chan error, 1)
			)
			go func() {
				returned <- runner.Parallel(test.workers)(test.calls, func(int) error {
					running.Add(1)
					defer running.Add(-1)
					<-release
					return nil
				})
			}()
			for left := test.calls; left > 0; left-- {
				synctest.Wait()
				if got, want := running.Load(), int64(min(test.workers, left)); got != want {
					t.Errorf("%d workers, %d of %d calls left: %d at once, want %d", test.workers, left, test.calls, got, want)
				}
				release <- struct{}{}
			}
			if err := <-returned; err != nil || running.Load() != 0 {
				t.Errorf("error %v, with %d calls still running", err, running.Load())
			}
		})
	}
}

// TestRepeat counts the calls of do in a minute: one in each 10 s, until do returns false or the caller stops.
func TestRepeat(t *testing.T) {
	for name, c := range map[string]struct{ last, want int }{"stopped": {100, 6}, "do returns false": {4, 4}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				stop := runner.Repeat(t.Context(), 10*time.Second, func(context.Context) bool { n++; return n < c.last })
				time.Sleep(65 * time.Second)
				stop()
				time.Sleep(time.Minute)
				if n != c.want {
					t.Errorf("%d calls, want %d", n, c.want)
				}
			})
		})
	}
}

// TestStopWaitsForTheCall stops while do is working: its context ends, and stop returns after do.
func TestStopWaitsForTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		stop := runner.Repeat(t.Context(), time.Second, func(ctx context.Context) bool {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return true
		})
		time.Sleep(2 * time.Second)
		stop()
		if !ended {
			t.Error("stop returned before do")
		}
	})
}
