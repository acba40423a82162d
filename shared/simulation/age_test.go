package simulation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
)

// kappaServes returns a world in which a Kappa generation of by_user serves, with some events in it.
func kappaServes(t *testing.T) life {
	t.Helper()
	w := running(t)
	if err := deployKappa(0)(w.World); err != nil {
		t.Fatal(err)
	}
	w.goOnWithReplay(t, needed, 2000)
	if !isKappa(t, w.World) {
		t.Fatal("no Kappa generation serves, so the test tests nothing")
	}
	return w
}

// askKappa queries the Kappa view for a user, and counts the purchases.
func askKappa(t *testing.T, w *simulation.World) serving.Result {
	t.Helper()
	u1 := serving.Selection{View: "by_user", Key: map[string][]string{"user": {"u1"}}}
	result, err := w.Serving.Read(context.Background(), u1)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// sweepFully runs the sweep until it has nothing more to do.
func sweepFully(t *testing.T, w life) {
	t.Helper()
	for range 10 {
		if err := steps(sweep, republish, w.deliver, wait(simulation.SweepAfter), tick, replay)(w.World); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCopyAfterSeenItemsExpired lets the sweep stand still for longer than seen items live. The sweep then finds no
// receipts, and cannot know any more what the stream has had. So it must not put these events into the stream: a new
// environment of speed would not know them, and would count them a second time, for ever.
func TestCopyAfterSeenItemsExpired(t *testing.T) {
	ctx := context.Background()
	w := kappaServes(t)
	if err := steps(send(31, 3100, 20), w.deliver, check)(w.World); err != nil {
		t.Fatal(err)
	}
	w.Wait(simulation.Settings().RetainSeen() + 24*time.Hour)
	w.Restart()
	// the expired items are deleted with the next writes
	if err := steps(send(32, 3200, 20), w.deliver, tick)(w.World); err != nil {
		t.Fatal(err)
	}
	sweepFully(t, w)
	w.Restart()
	sweepFully(t, w)
	if err := w.Check(ctx); err != nil {
		t.Error("events that were counted count again:", err)
	}
	head, err := w.Catalog.Head(ctx)
	swept, sweptErr := w.Catalog.Swept(ctx)
	if err := errors.Join(err, sweptErr); err != nil || swept+3 < head.N {
		t.Errorf("run %d of %d is swept, %v; want the runs that are too old passed by", swept, head.N, err)
	}
	if g := serves(t, w.World); g.Lacks == 0 {
		t.Errorf("generation %+v serves, want it marked: nobody knows any more whether it has everything", g)
	}
}

// TestRedrivenDeadLetters sends requests from the dead letters again, long after. Republish must refuse each with an
// error that names it, and put nothing into the stream.
func TestRedrivenDeadLetters(t *testing.T) {
	ctx := context.Background()
	w := kappaServes(t)
	if err := steps(send(31, 3100, 20), w.deliver)(w.World); err != nil {
		t.Fatal(err)
	}
	objects, _, err := w.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1000)
	if err != nil {
		t.Fatal(err)
	}
	letter := stream.Republish{Object: string(objects[len(objects)-1].Key), Lanes: w.Republisher.Lanes()}
	for _, c := range []struct {
		age time.Duration
		ok  bool
	}{{simulation.MaxStreamAge - time.Minute, true}, {2 * time.Minute, false},
		{simulation.Settings().RetainSeen(), false}} {
		w.Wait(c.age)
		w.Restart()
		more := send(uint64(c.age), int(c.age/time.Second)+10_000, 4) // the expired items are deleted with these
		if err := steps(more, w.deliver)(w.World); err != nil {
			t.Fatal(err)
		}
		err := w.Republisher.Republish(ctx, letter)
		if c.ok && err != nil || !c.ok && !errors.Is(err, ingest.ErrTooOld) {
			t.Errorf("%s later: %v, want it accepted: %v", c.age, err, c.ok)
		}
		if err := steps(w.deliver, check)(w.World); err != nil {
			t.Errorf("%s later: %v", c.age, err)
		}
	}
}

// TestLossThatGrowsOld loses events on their way to the stream, and every attempt to republish them, until they are too
// old. Then the sweep must pass the run by, and the Kappa view must say that it lacks events, and how far it is
// complete. A rebuild must have the events.
func TestLossThatGrowsOld(t *testing.T) {
	ctx := context.Background()
	w := kappaServes(t)
	sweepFully(t, w)
	if err := steps(lost(send(31, 3100, 20)), wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	head, err := w.Catalog.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.Queue.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "queue.Enqueue" {
			return memory.Fault{Err: errCrash}
		}
		return memory.Fault{}
	}
	w.Wait(time.Minute)
	if _, err := w.Sweep.Tick(ctx); !errors.Is(err, errCrash) {
		t.Fatalf("sweep: %v, want an error of the queue", err)
	}
	if g := serves(t, w.World); g.Lacks != 0 {
		t.Fatalf("generation %+v serves, although the events may still come", g)
	}
	w.Wait(simulation.MaxStreamAge)
	w.Queue.Hook = nil
	if err := steps(send(32, 3200, 20), w.deliver, tick, wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	sweepFully(t, w)
	g := serves(t, w.World)
	if g.Lacks == 0 || g.Lacks > head.N {
		t.Fatalf("generation %+v serves, want it to lack events from run %d on", g, head.N)
	}
	run, err := w.Catalog.Runs(ctx, g.Lacks-1, g.Lacks-1)
	if err != nil {
		t.Fatal(err)
	}
	result := askKappa(t, w.World)
	if complete := run[0].Horizon.Start(); !result.Complete.Equal(complete) ||
		!slices.ContainsFunc(result.Warnings, func(s string) bool { return strings.Contains(s, "rebuild the view") }) {
		t.Errorf("complete through %s, warnings %q; want it to stop at %s and a warning that says why",
			result.Complete, result.Warnings, complete)
	}
	if err := check(w.World); err == nil {
		t.Error("no event is missing, so the test tests nothing")
	}
	if err := operate(operations.Rebuild)(w.World); err != nil {
		t.Fatal(err)
	}
	w.Wait(simulation.Slot)
	for i := range 4 * needed {
		more := send(uint64(400+i), 40_000+10*i, 2)
		if err := steps(more, w.deliver, wait(simulation.Slot/2), turn)(w.World); err != nil {
			t.Fatal(err)
		}
	}
	if now := serves(t, w.World); now.ID == g.ID || now.Lacks != 0 {
		t.Fatalf("generation %+v serves, want another one that lacks nothing", now)
	}
	if err := check(w.World); err != nil {
		t.Error("rebuilt:", err)
	}
}
