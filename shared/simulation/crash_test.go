package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

var errCrash = errors.New("the function was killed here")

// crash makes the n-th call of the watched contracts the last one of a function. The call or its answer is lost, and
// every later call fails.
type crash struct {
	at      int
	applied bool
	only    bool // only this call fails; the function continues
	made    int
	watched func(memory.Call) bool
}

func (c *crash) hook(call memory.Call) memory.Fault {
	if !c.watched(call) {
		return memory.Fault{}
	}
	n := c.made
	c.made++
	switch {
	case n == c.at:
		return memory.Fault{Err: errCrash, Applied: c.applied}
	case n > c.at && !c.only:
		return memory.Fault{Err: errCrash}
	}
	return memory.Fault{}
}

func (c *crash) install(w *simulation.World) {
	w.Archive.Hook, w.Stream.Hook, w.Queue.Hook, w.Catalog.Hook = c.hook, c.hook, c.hook, c.hook
	w.Base.Hook, w.Items.Hook, w.Seen.Hook = c.hook, c.hook, c.hook
}

func uninstall(w *simulation.World) {
	w.Archive.Hook, w.Stream.Hook, w.Queue.Hook, w.Catalog.Hook = nil, nil, nil, nil
	w.Base.Hook, w.Items.Hook, w.Seen.Hook = nil, nil, nil
}

// story is a sequence of acts. One of them can crash at any call.
type story struct {
	name   string
	before func(*simulation.World) error // what happened before
	act    func(*simulation.World) error // the act that crashes; a new function repeats it
	after  func(*simulation.World) error // what happens after it, before the check
	must   []string                      // calls that the act must make
}

// TestCrashAnywhere kills each function before and after every call that it makes, once, and twice at the same call.
// Then a last function does the work, and every answer must be right. The test also loses each single call and each
// single answer without killing the function.
func TestCrashAnywhere(t *testing.T) {
	points := 0
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			boundaries := countCalls(t, s)
			for at := range boundaries {
				for _, c := range []crash{{at: at}, {at: at, applied: true}, {at: at, only: true},
					{at: at, only: true, applied: true}} {
					for times := 1; times <= 2; times++ {
						c.watched = func(memory.Call) bool { return true }
						if err := play(s, c, times); err != nil {
							t.Fatalf("call %d of %d, applied %v, function continues %v, %d times: %v", at, boundaries, c.applied, c.only,
								times, err)
						}
						points++
					}
				}
			}
			t.Logf("%d calls x {lost, answer lost} x {killed, not killed} x {once, twice}", boundaries)
		})
	}
	t.Logf("%d crash points survived", points)
}

// countCalls plays the story without a crash, and returns the number of calls that the act makes.
func countCalls(t *testing.T, s story) int {
	var calls []string
	c := crash{at: -1, only: true, watched: func(call memory.Call) bool { calls = append(calls, call.Name); return true }}
	if err := play(s, c, 1); err != nil {
		t.Fatal("without a crash:", err)
	}
	for _, name := range s.must {
		if !slices.Contains(calls, name) {
			t.Fatalf("the act must call %s; it calls %v", name, calls)
		}
	}
	return len(calls)
}

// play plays a story in which the act crashes the given number of times.
func play(s story, crashes crash, times int) error {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		return err
	}
	if err := s.before(w); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	for range times {
		c := crashes
		c.install(w)
		err = s.act(w)
		uninstall(w)
		if err != nil && !errors.Is(err, errCrash) && !errors.Is(err, simulation.ErrNotApplied) && !isUnavailable(err) {
			return fmt.Errorf("the act failed, but not by the crash: %w", err)
		}
		if err := checkIfServing(ctx, w); err != nil {
			return fmt.Errorf("after the crash: %w", err)
		}
		w.Restart()
	}
	if err := s.act(w); err != nil {
		return fmt.Errorf("repeated: %w", err)
	}
	if s.after != nil {
		if err := s.after(w); err != nil {
			return fmt.Errorf("after: %w", err)
		}
	}
	return w.Check(ctx)
}
