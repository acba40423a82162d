package lease_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/memory"
)

var build = lease.Work{Name: work.Name, Of: "g", Tries: 3}

// attempt is a function that works until a test ends it. Only one goroutine runs at a time.
type attempt struct {
	world *world
	ctx   context.Context
	renew func(context.Context) bool
	ends  chan error // the result of the work
	done  chan error // the result of Hold
}

// begin begins an attempt, which must get the lease with the given count of kills.
func (w *world) begin(ctx context.Context, killed int) *attempt {
	w.t.Helper()
	a := &attempt{world: w, ends: make(chan error), done: make(chan error)}
	began := make(chan struct{})
	var held lease.Held
	go func() {
		var err error
		held, err = w.keeper().Hold(ctx, build, func(ctx context.Context) error {
			a.ctx, a.renew = ctx, w.renew
			close(began)
			return <-a.ends
		})
		a.done <- err
	}()
	select {
	case <-began:
		if got := w.stored().Killed; got != killed {
			w.t.Errorf("an attempt begins after %d kills, want %d", got, killed)
		}
	case err := <-a.done:
		w.t.Fatalf("an attempt does not begin: %+v, %v", held, err)
	}
	return a
}

// throttle lets the renewals fail for longer than the lease lasts.
func (a *attempt) throttle() {
	a.world.t.Helper()
	a.world.catalog.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errDown} }
	for range 5 {
		a.world.now = a.world.now.Add(length / 4)
		if !a.renew(a.ctx) {
			a.world.t.Error("a throttled renewal ends the work")
		}
	}
	a.world.catalog.Hook = nil
}

// end ends the work with a result.
func (a *attempt) end(result error) error {
	a.ends <- result
	return <-a.done
}

// stop renews a lease that is lost, so that the work stops.
func (a *attempt) stop() {
	a.world.t.Helper()
	if a.renew(a.ctx) || a.ctx.Err() == nil {
		a.world.t.Error("the renewal does not see that the lease is lost")
	}
	if err := a.end(a.ctx.Err()); !errors.Is(err, context.Canceled) {
		a.world.t.Errorf("error %v, want that the work was canceled", err)
	}
}

// wantKilled checks the stored count of kills.
func (w *world) wantKilled(want int) {
	w.t.Helper()
	if got := w.stored(); got.Killed != want {
		w.t.Errorf("the lease is %+v, want %d kills", got, want)
	}
}

// TestThrottledIsNoKill throttles the renewals of each holder until another one takes the lease. Nobody is killed, so
// each holder that ends takes its count back, however it ends, and a good build is not given up.
func TestThrottledIsNoKill(t *testing.T) {
	for name, end := range map[string]func(*attempt){
		"finishes":     func(a *attempt) { _ = a.end(nil) },
		"fails":        func(a *attempt) { _ = a.end(errDown) },
		"is not alone": (*attempt).stop,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.begin(t.Context(), 0)
			for range 2 * build.Tries {
				before.throttle()
				next := w.begin(t.Context(), 1)
				end(before)
				w.wantKilled(0)
				if !next.renew(next.ctx) {
					t.Error("the holder loses its lease to one that takes its count back")
				}
				w.wantKilled(0)
				before = next
			}
			if err := before.end(nil); err != nil || w.stored().IsBusy() {
				t.Errorf("error %v, and the lease is %+v; want it given back", err, w.stored())
			}
		})
	}
}

// TestThrottledAtOnce throttles three holders, none of which has ended when a fourth function looks. The fourth waits
// before it gives the work up, and that is long enough for the others to take their counts back.
func TestThrottledAtOnce(t *testing.T) {
	w := newWorld(t)
	var all []*attempt
	for n := range build.Tries {
		if n == build.Tries-1 {
			w.now = w.now.Add(length) // the wait after two kills
		}
		a := w.begin(t.Context(), n)
		a.throttle()
		all = append(all, a)
	}
	if held := w.hold(build, nothing); !held.Waits || held.Killed != build.Tries {
		t.Errorf("a fourth: %+v, want it to wait after 3 kills", held)
	}
	all[0].stop()
	all[1].stop()
	w.wantKilled(0)
	w.now = w.now.Add(time.Hour)
	if held := w.hold(build, nothing); !held.Worked() || held.Killed != 1 {
		t.Errorf("while one is still frozen: %+v, want the work done after 1 kill", held)
	}
	if err := all[2].end(nil); err != nil {
		t.Error(err)
	}
	w.wantKilled(0)
}

// TestOutOfTimeStaysCounted checks that a holder which has lost its lease, and then runs out of time, takes nothing
// back: its work would never end.
func TestOutOfTimeStaysCounted(t *testing.T) {
	w := newWorld(t)
	slow := w.begin(limited{t.Context(), w.now.Add(length)}, 0)
	slow.throttle()
	next := w.begin(t.Context(), 1)
	if err := slow.end(context.DeadlineExceeded); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	w.wantKilled(1)
	if err := next.end(nil); err != nil {
		t.Error(err)
	}
}

// TestOtherWorkKeepsItsCount checks that a holder takes nothing out of the count of other work under the same lease.
func TestOtherWorkKeepsItsCount(t *testing.T) {
	w := newWorld(t)
	slow := w.begin(t.Context(), 0)
	slow.throttle()
	other := build
	other.Of = "h"
	w.kill(other)
	w.now = w.now.Add(length)
	w.kill(other)
	w.wantKilled(1)
	slow.stop()
	w.wantKilled(1)
}

// TestMoreMemory checks that work which was given up begins again once the function has more memory.
func TestMoreMemory(t *testing.T) {
	w := newWorld(t)
	for range build.Tries {
		w.kill(build)
		w.now = w.now.Add(time.Hour)
	}
	if held := w.hold(build, nothing); !held.GivenUp {
		t.Errorf("killed three times: %+v, want the work given up", held)
	}
	k := w.keeper()
	k.Memory *= 4
	held, err := k.Hold(t.Context(), build, nothing)
	if err != nil || !held.Worked() || held.Killed != 0 {
		t.Errorf("with four times the memory: %+v, %v; want the work done after no kill", held, err)
	}
}
