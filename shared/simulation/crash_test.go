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

// crash makes the n-th call of the named contracts the last that a function makes: it is lost, or its answer is, and
// every later call fails.
type crash struct {
	at      int
	applied bool
	only    bool // the function lives on: just this one call fails
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

// story is a history with one act that can crash anywhere.
type story struct {
	name   string
	before func(*simulation.World) error // what has happened
	act    func(*simulation.World) error // what crashes, and is done again by a new function
	after  func(*simulation.World) error // what follows, before the check
	must   []string                      // calls that the act makes
}

// TestCrashAnywhere kills each function before and after every call it makes to the world, once and again at the same
// call when a new one does the work, lets a last one do it, and checks every answer. It also loses each single call,
// and each single answer, without killing the function.
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
							t.Fatalf("call %d of %d, applied %v, function lives on %v, %d times: %v", at, boundaries, c.applied, c.only,
								times, err)
						}
						points++
					}
				}
			}
			t.Logf("%d calls x {lost, answer lost} x {killed there, lives on} x {once, twice}", boundaries)
		})
	}
	t.Logf("%d crash points survived", points)
}

// countCalls plays the story without a crash, and says how many calls the act makes.
func countCalls(t *testing.T, s story) int {
	var calls []string
	c := crash{at: -1, only: true, watched: func(call memory.Call) bool { calls = append(calls, call.Name); return true }}
	if err := play(s, c, 1); err != nil {
		t.Fatal("without a crash:", err)
	}
	for _, name := range s.must {
		if !slices.Contains(calls, name) {
			t.Fatalf("the act makes no call of %s: the story misses its point; it makes %v", name, calls)
		}
	}
	return len(calls)
}

// play plays a story in which each of the first functions that act crashes.
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
			return fmt.Errorf("the act failed otherwise than by the crash: %w", err)
		}
		if err := checkIfServing(ctx, w); err != nil {
			return fmt.Errorf("after the crash: %w", err)
		}
		w.Restart()
	}
	if err := s.act(w); err != nil {
		return fmt.Errorf("done again: %w", err)
	}
	if s.after != nil {
		if err := s.after(w); err != nil {
			return fmt.Errorf("after: %w", err)
		}
	}
	return w.Check(ctx)
}
