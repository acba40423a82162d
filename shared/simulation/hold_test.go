package simulation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

// TestFirstBuildBehindTheSweep checks that a first generation does not answer before it has every run that the sweep
// has queued. A batch function freezes while it builds the first generations from run 1. Another batch makes run 2 and
// dies. The sweep waits for no view that is not built, so it queues what the stream has lost of both runs. The frozen
// function then builds from run 1 alone. If that generation answered, a late object of run 2 would show in its answers,
// and would disappear while run 2 is applied.
func TestFirstBuildBehindTheSweep(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(lost(send(1, 0, 20)), wait(time.Minute), dying)(w); err != nil {
		t.Fatal(err)
	}
	frozen, queued := w.Batch, 0
	ended := onCall(w, call{"catalog.Runs", 0}, func() error {
		if err := steps(lost(send(2, 20, 20)), wait(time.Minute), dying, send(3, 40, 20), deliver,
			wait(2*simulation.SweepAfter))(w); err != nil {
			return err
		}
		report, err := w.Sweep.Tick(ctx)
		queued = report.Queued
		return err
	})
	if _, err := frozen.Tick(ctx); err != nil {
		t.Fatal(err)
	}
	if err := ended(); err != nil || queued != 2 {
		t.Fatalf("%v, and %d objects are queued, want those of both runs", err, queued)
	}
	for _, v := range views(t, w) {
		if g, ok := v.Answering(); ok || v.Generations[0].Run != 1 {
			t.Errorf("view %s: %+v answers: %v; want it built up to run 1, and no answer yet", v.Name, g, ok)
		}
	}
	if err := steps(republish, deliver, tick)(w); err != nil {
		t.Fatal(err)
	}
	for _, v := range views(t, w) {
		if g, ok := v.Answering(); !ok || g.Run < 2 {
			t.Errorf("view %s: %+v answers: %v; want it to answer with run 2", v.Name, g, ok)
		}
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

func views(t *testing.T, w *simulation.World) []lifecycle.View {
	t.Helper()
	all, err := w.Catalog.Views(context.Background())
	if err != nil || len(all) == 0 {
		t.Fatalf("%d views, %v", len(all), err)
	}
	return all
}

// TestNeverBuiltHoldsNoSweep checks that a view that cannot be built does not hold the sweep. The store refuses one of
// the view's items at every tick. The sweep still brings the other views what the stream has lost. Once the store takes
// the item, the view has everything.
func TestNeverBuiltHoldsNoSweep(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	b := &badBuild{life: life{w, once()}}
	if err := steps(lost(send(1, 0, 20)), send(2, 20, 20), b.deliver, wait(time.Minute))(w); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		b.World.Batch.Base = refusing{w.Base, b.isNew, func() { b.refused++ }}
		if _, err := w.Tick(ctx); !errors.Is(err, errRefused) {
			t.Fatalf("tick %d: %v, want the build refused", i, err)
		}
		if err := steps(sweep, republish, b.deliver, wait(simulation.SweepAfter/2))(w); err != nil {
			t.Fatalf("tick %d: %v", i, err)
		}
		w.Restart()
	}
	swept, err := w.Catalog.Swept(ctx)
	if err != nil || swept == 0 {
		t.Errorf("run %d is swept, %v; want the first at least, whose lost objects have come", swept, err)
	}
	if g := byUser(t, w).Generations[0]; g.Run != 0 {
		t.Errorf("the story misses its point: what cannot be built has come to %+v", g)
	}
	if err := steps(tick, tick, check)(w); err != nil {
		t.Error("once it can be built:", err)
	}
}

// TestOneViewHoldsNoOther checks that batch brings a view up to the head at each tick while the catalog entry or the
// items of another view fail. The failing view catches up when its store works again.
func TestOneViewHoldsNoOther(t *testing.T) {
	for _, by := range []string{"catalog.PutView", "catalog.View", "base.Put"} {
		t.Run(by, func(t *testing.T) {
			ctx := context.Background()
			w := running(t)
			behind := byUser(t, w.World).Generations[0]
			for i := range 6 {
				wait := wait(simulation.Slot + simulation.SealDelay)
				if err := steps(send(uint64(i), 100+10*i, 6), w.deliver, wait)(w.World); err != nil {
					t.Fatal(err)
				}
				refuse := func(c memory.Call) memory.Fault {
					if c.Name == by && c.Key == "by_user" {
						return memory.Fault{Err: errRefused}
					}
					return memory.Fault{}
				}
				w.Catalog.Hook = refuse
				isBehind := func(id lifecycle.GenerationID) bool { return by == "base.Put" && id == behind.ID }
				w.Batch.Base = refusing{w.Base, isBehind, func() {}}
				report, err := w.Tick(ctx)
				if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "view by_user") {
					t.Fatalf("tick %d: %v, want the error, and the view in it", i, err)
				}
				uninstall(w.World)
				w.Restart()
				if g := entry(t, w.World, "everything").Generations[0]; g.Run != report.Head.N {
					t.Errorf("tick %d: the other view is at run %d of %d", i, g.Run, report.Head.N)
				}
				if g := byUser(t, w.World).Generations[0]; g.Run != behind.Run {
					t.Errorf("the story misses its point: what fails has come to %+v", g)
				}
			}
			if err := steps(tick, check)(w.World); err != nil {
				t.Error("once nothing fails:", err)
			}
		})
	}
}
