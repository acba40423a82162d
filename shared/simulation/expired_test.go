package simulation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

// drop lets all records leave the stream.
func drop(t *testing.T, w *simulation.World) {
	t.Helper()
	for _, shard := range w.Stream.Shards() {
		records, _, err := w.Stream.Read(shard.ID, "", 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(records); n > 0 {
			w.Stream.Trim(shard.ID, records[n-1].Sequence)
		}
	}
}

// deliverAll delivers everything that the stream holds, again and again.
func deliverAll(w *simulation.World) error { return w.DeliverAll(context.Background()) }

// TestExpiredUnread lets records leave the stream before speed reads them. The sweep must bring a Kappa view their
// events, and batch a Lambda view.
func TestExpiredUnread(t *testing.T) {
	w := life{kappaServes(t).World, deliverAll}
	if err := steps(send(31, 3100, 20))(w.World); err != nil {
		t.Fatal(err)
	}
	drop(t, w.World)
	if err := steps(send(32, 3200, 20), w.deliver, wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	if err := check(w.World); err == nil {
		t.Error("no event is missing, so the test tests nothing")
	}
	sweepFully(t, w)
	if err := check(w.World); err != nil {
		t.Error(err)
	}
	if g := serves(t, w.World); g.Lacks != 0 {
		t.Errorf("generation %+v serves, want it to lack nothing", g)
	}
}

// TestExpiredHalfApplied lets records leave the stream that speed has stored as seen, but could not apply. The receipts
// must not pass for delivered events: once it is certain that nobody brings the events, the Kappa view says that it
// lacks them.
func TestExpiredHalfApplied(t *testing.T) {
	ctx := context.Background()
	w := life{kappaServes(t).World, deliverAll}
	if err := steps(w.deliver, send(31, 3100, 20))(w.World); err != nil {
		t.Fatal(err)
	}
	w.Items.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "speed.Put" {
			return memory.Fault{Err: errCrash}
		}
		return memory.Fault{}
	}
	if err := w.DeliverAll(ctx); !errors.Is(err, simulation.ErrNotApplied) {
		t.Fatalf("deliver: %v, want that records are not applied", err)
	}
	w.Items.Hook = nil
	drop(t, w.World)
	if err := steps(wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	sweepFully(t, w)
	head, err := w.Catalog.Head(ctx)
	swept, sweptErr := w.Catalog.Swept(ctx)
	if err := errors.Join(err, sweptErr); err != nil || swept >= head.N {
		t.Fatalf("run %d of %d is swept, error %v; want the sweep to wait for what speed has begun", swept, head.N, err)
	}
	w.Wait(simulation.MaxStreamAge)
	if err := steps(send(32, 3200, 20), w.deliver, tick, wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	sweepFully(t, w)
	if g := serves(t, w.World); g.Lacks == 0 {
		t.Errorf("generation %+v serves, want it to say that it lacks events", g)
	}
	if err := check(w.World); err == nil {
		t.Error("no event is missing, so the test tests nothing")
	}
}

// TestAboutToExpire delivers records that the stream is about to drop. Speed must not begin one: the stream could drop
// it while speed works, and receipts would then keep the sweep from bringing its events back. It applies what it has
// begun before, but must not store that it did: the stream may have dropped the record by now.
func TestAboutToExpire(t *testing.T) {
	for name, begun := range map[string]bool{"not begun": false, "begun before": true} {
		t.Run(name, func(t *testing.T) {
			w := life{kappaServes(t).World, deliverAll}
			if err := steps(w.deliver, send(31, 3100, 20))(w.World); err != nil {
				t.Fatal(err)
			}
			puts := map[string]int{}
			fail := begun
			hook := func(call memory.Call) memory.Fault {
				puts[call.Name]++
				if call.Name == "speed.Put" && fail {
					return memory.Fault{Err: errCrash}
				}
				return memory.Fault{}
			}
			w.Items.Hook, w.Seen.Hook = hook, hook
			if begun {
				if err := w.DeliverAll(context.Background()); !errors.Is(err, simulation.ErrNotApplied) {
					t.Fatalf("deliver: %v, want that records are not applied", err)
				}
			}
			fail = false
			w.Wait(simulation.Settings().BeginWithin() + time.Second)
			clear(puts)
			if err := w.deliver(w.World); err != nil {
				t.Fatal(err)
			}
			if (puts["speed.Put"] > 0) != begun || puts["seen.Put"] > 0 || puts["seen.PutApplied"] > 0 {
				t.Errorf("speed wrote %v, want items only of what it had begun, and nothing else", puts)
			}
		})
	}
}

// TestPassedOverByAnotherClock delivers a record twice that is almost too old. A function whose clock is ahead passes
// it over, and applies a later record. Then a function whose clock is behind begins it, and the items skip it. That
// must not pass for an event that is applied.
func TestPassedOverByAnotherClock(t *testing.T) {
	ctx, margin := context.Background(), simulation.Settings().ClockMargin
	w := life{kappaServes(t).World, deliverAll}
	if err := steps(w.deliver, send(31, 3100, 20))(w.World); err != nil {
		t.Fatal(err)
	}
	w.Wait(simulation.Settings().BeginWithin() + margin/2)
	if err := send(32, 3200, 20)(w.World); err != nil {
		t.Fatal(err)
	}
	for _, off := range []time.Duration{margin / 2, -margin} {
		w.Restart()
		w.Speed.Now = func() time.Time { return w.Clock.Add(off) }
		if err := w.deliver(w.World); err != nil {
			t.Fatal(err)
		}
	}
	w.Restart()
	drop(t, w.World)
	if err := steps(wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	sweepFully(t, w)
	if err := check(w.World); err == nil {
		t.Error("no event is missing, so the test tests nothing")
	}
	head, err := w.Catalog.Head(ctx)
	swept, sweptErr := w.Catalog.Swept(ctx)
	if err := errors.Join(err, sweptErr); err != nil || swept >= head.N {
		t.Errorf("run %d of %d is swept, error %v; want the sweep to wait for the events", swept, head.N, err)
	}
}
