package simulation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/simulation"
)

// tickEvery is the time between two ticks in these stories. A lease lasts for two of them.
const tickEvery = simulation.Slot / 2

// leased returns a life with leases.
func leased(t *testing.T) life {
	t.Helper()
	w := running(t)
	w.LeaseFor = 2 * tickEvery
	w.Restart()
	return w
}

func killAll(w *simulation.World) func() {
	return func() { (&crash{watched: func(memory.Call) bool { return true }}).install(w) }
}

// TestBuildGivenUp kills the build of one view at every tick. After three attempts batch gives it up and says why. All
// other work continues: another view changes its definition, and serves. The build begins again when an operator wants
// that, and when another definition is deployed; each time it reaches the head of then.
func TestBuildGivenUp(t *testing.T) {
	w := leased(t)
	before := entry(t, w.World, "everything").Serving
	b := newBadBuild(t, w)
	if err := w.Deploy(otherEverything(variant(1))); err != nil {
		t.Fatal(err)
	}
	b.goOn(t, 12, 100, killAll(w.World))
	if got := entry(t, w.World, "everything").Serving; got == before {
		t.Error("the changed definition of everything does not serve")
	}
	v := byUser(t, w.World)
	if b.refused != 3 || v.Held == "" || !strings.Contains(v.Failure, "ran out of time 3 times in a row; it reads") {
		t.Errorf("the build was killed %d times, and the view is %+v; want 3 attempts, and a reason", b.refused, v)
	}
	if g, ok := v.FirstInState(lifecycle.Announced, lifecycle.Building); ok {
		t.Errorf("generation %+v is still on its way", g)
	}
	if _, err := w.Operations.Do(t.Context(), "by_user", operations.Rebuild, ""); err != nil {
		t.Fatal(err)
	}
	b.goOn(t, 12, 400, killAll(w.World))
	if v := byUser(t, w.World); b.refused != 6 || v.Failure == "" || v.Rebuild != 0 {
		t.Errorf("after a rebuild: killed %d times, the view is %+v; want 3 more attempts", b.refused, v)
	}
	if err := w.Deploy(otherEverything(variant(2))); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 12, 800)
	head, err := w.Catalog.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v = byUser(t, w.World)
	if g, _ := v.Generation(v.Serving); v.Failure != "" || v.Held != "" || g.Run != head.N || b.isOld(g.ID) {
		t.Errorf("another definition: the view is %+v; want a new generation that serves at run %d", v, head.N)
	}
}

// isOld reports whether a generation was built before the builds failed.
func (b *badBuild) isOld(id lifecycle.GenerationID) bool { return !b.isNew(id) }

// TestFirstBuildGivenUp gives up the first build of a view. It answers nothing, and the sweep does not wait for it.
func TestFirstBuildGivenUp(t *testing.T) {
	w := leased(t)
	b := newBadBuild(t, w)
	if err := w.Deploy(variant(1)); err != nil {
		t.Fatal(err)
	}
	b.goOn(t, 12, 100, killAll(w.World))
	for range 2 {
		if err := steps(wait(2*simulation.SweepAfter), tick)(w.World); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Sweep.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	head, err := w.Catalog.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if swept, err := w.Catalog.Swept(t.Context()); err != nil || swept+10 < head.N || byUser(t, w.World).Failure == "" {
		t.Errorf("swept up to run %d of %d, %v; the view is %+v", swept, head.N, err, byUser(t, w.World))
	}
}

// TestKilledHolderDelaysTwoTicks kills batch while it makes a run, before it can give back its lease. The run is made
// at most two ticks later, and every answer stays right.
func TestKilledHolderDelaysTwoTicks(t *testing.T) {
	for _, call := range []string{"archive.List", "catalog.Append", "base.Put"} {
		t.Run(call, func(t *testing.T) {
			w := leased(t)
			if err := steps(send(2, 100, 10), w.deliver, wait(2*simulation.Slot))(w.World); err != nil {
				t.Fatal(err)
			}
			before, err := w.Catalog.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			dies := crash{watched: afterFirst(call)}
			dies.install(w.World)
			_, err = w.Tick(t.Context())
			if uninstall(w.World); !errors.Is(err, errCrash) {
				t.Fatalf("the tick that dies: %v", err)
			}
			killed := w.Clock
			w.Restart()
			for range 10 {
				w.Wait(tickEvery)
				report, err := w.Tick(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !report.Lease.Busy {
					break
				}
			}
			v := byUser(t, w.World)
			if g, _ := v.Generation(v.Serving); w.Clock.Sub(killed) != 2*tickEvery || g.Run <= before.N {
				t.Errorf("%s after the kill the view is at run %d; want it above run %d after %s", w.Clock.Sub(killed), g.Run,
					before.N, 2*tickEvery)
			}
			if err := w.Check(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// afterFirst watches a call, and every call after it.
func afterFirst(name string) func(memory.Call) bool {
	made := false
	return func(c memory.Call) bool {
		made = made || c.Name == name
		return made
	}
}

// TestRunAlwaysKilled kills batch each time it makes a run. A run is never given up: the attempts become rare, at most
// once in thirty leases, and once the cause has gone the run is made. All other work continues between the attempts: a
// view gets another definition, and is built.
func TestRunAlwaysKilled(t *testing.T) {
	w := leased(t)
	if err := steps(send(2, 100, 10), w.deliver, wait(2*simulation.Slot))(w.World); err != nil {
		t.Fatal(err)
	}
	if err := w.Deploy(variant(1)); err != nil {
		t.Fatal(err)
	}
	began, attempts, waited := w.Clock, 0, 0
	var last time.Time
	for w.Clock.Sub(began) < 100*w.LeaseFor {
		dies := crash{watched: afterFirst("archive.Put")}
		dies.install(w.World)
		report, err := w.Tick(t.Context())
		uninstall(w.World)
		if errors.Is(err, errCrash) {
			attempts, last = attempts+1, w.Clock
			w.Restart()
		} else if err != nil {
			t.Fatal(err)
		}
		if report.Lease.Waits {
			waited++
			if report.Lease.Killed < 2 || !report.Backlog {
				t.Errorf("a tick that waits reports %+v", report)
			}
		}
		w.Wait(tickEvery)
	}
	if attempts < 6 || attempts > 9 || waited == 0 {
		t.Errorf("%d attempts in %s, %d ticks waited", attempts, w.Clock.Sub(began), waited)
	}
	v := byUser(t, w.World)
	if g, ok := v.FirstInState(lifecycle.Building); !ok || g.Run == 0 {
		t.Errorf("the view is %+v; want the changed definition built, up to the head", v)
	}
	for w.Clock.Sub(last) < 33*w.LeaseFor {
		if err := tick(w.World); err != nil {
			t.Fatal(err)
		}
		w.Wait(tickEvery)
	}
	if err := w.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if g := serves(t, w.World); g.Horizon.Start().Before(w.Clock.Add(-3 * simulation.Slot)) {
		t.Errorf("after the cause has gone the view is at %s, and it is %s", g.Horizon, w.Clock)
	}
}
