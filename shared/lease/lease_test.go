package lease_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/memory"
)

// world is a catalog, a clock, and functions that share both. Nothing renews a lease but what a test calls.
type world struct {
	t       *testing.T
	now     time.Time
	catalog memory.Catalog
	ids     byte
	renew   func(context.Context) bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, now: time.UnixMilli(1_795_555_500_000)}
}

const length = 2 * time.Minute

// keeper returns another function.
func (w *world) keeper() lease.Keeper {
	return lease.Keeper{
		Leases: &w.catalog, For: length, Memory: 2048, Now: func() time.Time { return w.now },
		NewID: func() (ulid.ULID, error) { w.ids++; return ulid.ULID{w.ids}, nil },
		Repeat: func(_ context.Context, every time.Duration, do func(context.Context) bool) (stop func()) {
			if every != length/4 {
				w.t.Errorf("the lease is renewed each %s, want %s", every, length/4)
			}
			w.renew = do
			return func() {}
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

var work = lease.Work{Name: "work"}

// hold does some work, and returns what became of it.
func (w *world) hold(work lease.Work, do func(ctx context.Context) error) lease.Held {
	w.t.Helper()
	held, err := w.keeper().Hold(w.t.Context(), work, do)
	if err != nil {
		w.t.Error(err)
	}
	return held
}

func (w *world) stored() catalog.Lease {
	w.t.Helper()
	l, err := w.catalog.Lease(w.t.Context(), work.Name)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func nothing(context.Context) error { return nil }

// kill is work that ends its function: the lease is not given back.
func (w *world) kill(work lease.Work) lease.Held {
	w.t.Helper()
	held := w.hold(work, func(context.Context) error {
		w.catalog.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errDown} }
		return nil
	})
	w.catalog.Hook = nil
	return held
}

var errDown = errors.New("the table is down")

// TestOneAtATime checks that a second function returns after one read while the first works, and works after it.
func TestOneAtATime(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		held := w.hold(work, func(context.Context) error {
			calls := 0
			w.catalog.Hook = func(memory.Call) memory.Fault { calls++; return memory.Fault{} }
			held := w.hold(work, func(context.Context) error { t.Error("two work at once"); return nil })
			if w.catalog.Hook = nil; !held.Busy || held.Worked() || calls != 1 {
				t.Errorf("the second: %+v, %d calls; want busy, 1 call", held, calls)
			}
			if l := w.stored(); l.Memory != 2048 || l.Holder == "" {
				t.Errorf("the lease is %+v", l)
			}
			return nil
		})
		if !held.Worked() || w.stored().IsBusy() {
			t.Errorf("%+v, then the lease is %+v; want it given back", held, w.stored())
		}
	}
}

// TestKilledHolder checks that a lease whose holder was killed is free after two minutes, and that the next holder
// knows of the kill, until it gives the lease back.
func TestKilledHolder(t *testing.T) {
	w := newWorld(t)
	w.kill(work)
	w.now = w.now.Add(length - time.Millisecond)
	if held := w.hold(work, nothing); !held.Busy {
		t.Errorf("before the lease has expired: %+v", held)
	}
	w.now = w.now.Add(time.Millisecond)
	if held := w.hold(work, nothing); !held.Worked() || held.Killed != 1 {
		t.Errorf("after the lease has expired: %+v, want it done after 1 kill", held)
	}
	if held := w.hold(work, nothing); !held.Worked() || held.Killed != 0 {
		t.Errorf("the next: %+v, want it done after no kill", held)
	}
}

// TestAlwaysKilled kills each attempt. Each waits longer than the one before, an hour at most.
func TestAlwaysKilled(t *testing.T) {
	w := newWorld(t)
	began := w.now
	var at []time.Duration
	for range 5 * 60 {
		if held := w.kill(work); held.Worked() {
			at = append(at, w.now.Sub(began))
			if held.Killed != len(at)-1 {
				t.Errorf("attempt %d: %+v", len(at), held)
			}
		} else if held.Busy == held.Waits {
			t.Errorf("%+v", held)
		}
		w.now = w.now.Add(time.Minute)
	}
	// two minutes until the lease expires, and the wait
	sum := time.Duration(0)
	for i, wait := range []time.Duration{0, 2, 4, 6, 10, 18, 34, 62, 62} {
		if sum += wait * time.Minute; i >= len(at) || at[i] != sum {
			t.Fatalf("attempts after %v; want number %d after %s", at, i+1, sum)
		}
	}
}

// TestTries checks that work is given up after its tries were killed, and begins again when it is about something else,
// or wanted anew.
func TestTries(t *testing.T) {
	w := newWorld(t)
	limited := lease.Work{Name: "work", Of: "g", Tries: 3}
	attempts := 0
	for range 60 {
		if w.kill(limited).Worked() {
			attempts++
		}
		w.now = w.now.Add(time.Minute)
	}
	if held := w.hold(limited, nothing); attempts != 3 || !held.GivenUp || held.Killed != 3 {
		t.Errorf("%d attempts, then %+v; want 3, then given up", attempts, held)
	}
	other := limited
	other.Of = "h"
	if held := w.kill(other); !held.Worked() || held.Killed != 0 {
		t.Errorf("about something else: %+v", held)
	}
	w.now = w.now.Add(length)
	for range 2 {
		w.kill(other)
		w.now = w.now.Add(time.Hour)
	}
	if held := w.hold(other, nothing); !held.GivenUp {
		t.Errorf("killed three times: %+v", held)
	}
	other.Anew = true
	if held := w.hold(other, nothing); !held.Worked() || held.Killed != 0 {
		t.Errorf("anew: %+v", held)
	}
}

// TestErrorIsNoKill checks that work which returns an error gives the lease back, and that no attempt counts as killed.
func TestErrorIsNoKill(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		held, err := w.keeper().Hold(t.Context(), work, func(context.Context) error { return errDown })
		if !errors.Is(err, errDown) || held.Killed != 0 || !held.Worked() {
			t.Errorf("%+v, %v", held, err)
		}
	}
}

// limited has a deadline by the world's clock.
type limited struct {
	context.Context
	deadline time.Time
}

func (l limited) Deadline() (time.Time, bool) { return l.deadline, true }

// TestOutOfTime checks that work which outlasts its invocation counts as killed, even if it returns in the end.
func TestOutOfTime(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		ctx := limited{t.Context(), w.now.Add(time.Minute)}
		held, err := w.keeper().Hold(ctx, work, func(context.Context) error {
			w.now = w.now.Add(time.Minute)
			return context.DeadlineExceeded
		})
		if !errors.Is(err, context.DeadlineExceeded) || held.Killed != n {
			t.Errorf("attempt %d: %+v, %v", n+1, held, err)
		}
		w.now = w.now.Add(time.Hour)
	}
}

// TestRenewed checks that a lease is renewed for as long as the work takes, and that its revision only grows.
func TestRenewed(t *testing.T) {
	w := newWorld(t)
	token := int64(0)
	w.hold(work, func(context.Context) error {
		for range 30 {
			w.now = w.now.Add(length / 4)
			if !w.renew(t.Context()) {
				t.Error("the lease is lost")
			}
			if l := w.stored(); l.Revision <= token || l.Until.Time() != w.now.Add(length).UTC() {
				t.Errorf("the lease is %+v after revision %d", l, token)
			}
			token = w.stored().Revision
		}
		return nil
	})
}

// TestFrozenHolder freezes a holder for longer than its lease lasts. Another one works meanwhile. When the first
// continues, its renewal finds that the lease is lost, and the context of its work ends. It does not give back what it
// does not hold.
func TestFrozenHolder(t *testing.T) {
	w := newWorld(t)
	_, err := w.keeper().Hold(t.Context(), work, func(ctx context.Context) error {
		renew := w.renew
		w.now = w.now.Add(length)
		w.hold(work, func(context.Context) error {
			if renew(ctx) || ctx.Err() == nil {
				t.Error("the frozen holder does not see that it has lost the lease")
			}
			return nil
		})
		w.kill(work)
		return ctx.Err()
	})
	if err == nil || !w.stored().IsBusy() {
		t.Errorf("error %v, and the lease is %+v; want it held by the last one", err, w.stored())
	}
}

// TestLostAnswers loses answers of the first and the last write. The function sees that its write was applied.
func TestLostAnswers(t *testing.T) {
	for name, fault := range map[string]memory.Fault{
		"an error": {Err: errDown, Applied: true}, "a conflict, after a retry": {Err: catalog.ErrConflict, Applied: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			puts := 0
			w.catalog.Hook = func(c memory.Call) memory.Fault {
				if c.Name != "catalog.PutLease" {
					return memory.Fault{}
				}
				if puts++; puts == 1 {
					return fault
				}
				return memory.Fault{}
			}
			held := w.hold(work, func(ctx context.Context) error {
				if other := w.hold(work, nothing); !other.Busy {
					t.Errorf("another: %+v", other)
				}
				return nil
			})
			if !held.Worked() || w.stored().IsBusy() {
				t.Errorf("%+v, and the lease is %+v", held, w.stored())
			}
		})
	}
}

// TestWithoutLease checks that work is done without a lease when the lease cannot be read or written, and when there
// are no leases.
func TestWithoutLease(t *testing.T) {
	for _, call := range []string{"catalog.Lease", "catalog.PutLease"} {
		w := newWorld(t)
		w.catalog.Hook = func(c memory.Call) memory.Fault {
			if c.Name == call {
				return memory.Fault{Err: errDown}
			}
			return memory.Fault{}
		}
		if did := false; !w.hold(work, func(context.Context) error { did = true; return nil }).Worked() || !did {
			t.Errorf("%s fails: the work is not done", call)
		}
	}
	did := false
	held, err := lease.Keeper{}.Hold(t.Context(), work, func(context.Context) error { did = true; return nil })
	if !did || held != (lease.Held{}) || err != nil {
		t.Errorf("no leases: %+v, %v", held, err)
	}
}
