package simulation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

// TestLateObjects lets an object land long after the end of its slot, at every place between two runs that list all of
// the look-back (an hour). In its first third the next run takes the object; after that, a run within ten slots does.
func TestLateObjects(t *testing.T) {
	for _, late := range []time.Duration{10, 19, 25, 40, 59} {
		for phase := range 10 {
			t.Run(fmt.Sprintf("%d min late, %d slots on", late, phase), func(t *testing.T) {
				landLate(t, late*time.Minute, phase)
			})
		}
	}
}

func landLate(t *testing.T, late time.Duration, phase int) {
	ctx := context.Background()
	w := newWorldAfter(t, phase)
	other := newWorldAfter(t, phase) // of the same times and identifiers
	var key archive.Key
	w.Archive.Hook = func(call memory.Call) memory.Fault {
		if call.Name == "archive.Put" {
			key = archive.Key(call.Key)
			return memory.Fault{Err: errCrash}
		}
		return memory.Fault{}
	}
	if err := send(2, 10, 10)(w); !isUnavailable(err) {
		t.Fatalf("ingest without an archive: %v, want it unavailable", err)
	}
	uninstall(w)
	if err := send(2, 10, 10)(other); err != nil {
		t.Fatal(err)
	}
	body, _, err := other.Archive.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := archive.ParseEventsKey(key)
	if err != nil {
		t.Fatal(err)
	}
	length := time.Duration(w.Batch.Layout.Slot)
	for lands := s.Start().Add(length + late); w.Clock.Before(lands); {
		w.Wait(min(length, lands.Sub(w.Clock)))
		tickOne(t, w)
	}
	if _, err := w.Archive.Put(ctx, key, body); err != nil {
		t.Fatal(err)
	}
	most := 10
	if late < w.Batch.Lookback/3 {
		most = 1
	}
	for n := 1; ; n++ {
		w.Wait(length)
		if tickOne(t, w) == 1 {
			break
		}
		if n == most {
			t.Fatalf("no run has taken the object in %d slots", n)
		}
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// newWorldAfter returns a world that serves and has passed some slots.
func newWorldAfter(t *testing.T, slots int) *simulation.World {
	t.Helper()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, send(1, 0, 10), deliver)(w); err != nil {
		t.Fatal(err)
	}
	for range slots {
		w.Wait(time.Duration(w.Batch.Layout.Slot))
		tickOne(t, w)
	}
	return w
}

// tickOne runs batch once and returns how many late objects it took.
func tickOne(t *testing.T, w *simulation.World) (late int64) {
	t.Helper()
	report, err := w.Tick(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range report.Runs {
		late += run.LateObjects
	}
	return late
}
