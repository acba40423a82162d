package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
)

// bothArchitectures are the views, with by_user as a Kappa view.
var bothArchitectures = kappaVariant(0)

// takenOver returns the world of a new stack that has taken over the archive of another one. The old stack had events
// in runs, events that no run had yet, and events that its stream had lost.
func takenOver(t *testing.T, views string) life {
	t.Helper()
	w := running(t)
	if err := w.Deploy(views); err != nil {
		t.Fatal(err)
	}
	w.goOnWithReplay(t, needed, 100)
	if err := steps(lost(send(21, 2100, 20)), send(22, 2200, 20), w.deliver)(w.World); err != nil {
		t.Fatal(err)
	}
	w.Wait(simulation.Slot)
	if err := w.TakeOver(); err != nil {
		t.Fatal(err)
	}
	w.deliver = once()
	return w
}

// TestTakeOver loses everything but the archive. A new stack takes the archive over, while clients send events and send
// old ones again. What the old stack had archived never enters the new stream. Every view then answers as the fold of
// the archive, live and exact, and so does a Kappa view.
func TestTakeOver(t *testing.T) {
	ctx := context.Background()
	w := takenOver(t, bothArchitectures)
	for i := range 10 {
		at := 5000 + 10*i
		again := func(w *simulation.World) error { // the originals arrived in the old stack
			_, err := w.Send(ctx, purchases(22, 2200, 20)[2*i:2*i+2]...)
			return err
		}
		if err := steps(send(uint64(at), at, 6), again, w.deliver, wait(simulation.Slot), turn)(w.World); err != nil {
			t.Fatalf("slot %d: %v", i, err)
		}
		if err := checkIfServing(ctx, w.World); err != nil {
			t.Fatalf("slot %d: %v", i, err)
		}
	}
	shards, err := w.Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, records := range shards {
		for _, r := range records {
			if !strings.HasPrefix(r.PartitionKey, "2.") {
				t.Errorf("record of lane %s", r.PartitionKey)
			}
		}
	}
	// A Kappa view is live once copies of events of the old stack can no longer come within the speed window.
	w.Wait(simulation.Settings().SpeedWindow)
	w.goOnWithReplaySoon(t, 2*needed, 7000)
	if !isKappa(t, w.World) {
		t.Error("no Kappa generation serves")
	}
}

// goOnWithReplaySoon is goOnWithReplay for a view that does not serve from the beginning.
func (w life) goOnWithReplaySoon(t *testing.T, slots, from int) {
	t.Helper()
	for i := range slots {
		at := from + 10*i
		if err := steps(send(uint64(at), at, 6), send(uint64(at), at, 2), w.deliver, wait(simulation.Slot),
			turn)(w.World); err != nil {
			t.Fatalf("slot %d: %v", i, err)
		}
		if err := checkIfServing(context.Background(), w.World); err != nil {
			t.Fatalf("slot %d: %v", i, err)
		}
	}
	if err := w.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestTakeOverPutsNothingOldIntoTheStream counts what the new stack's sweep queues of the old archive: nothing,
// although the new stream has no receipt of it, and the old stream had lost some. Republish refuses such an object,
// too.
func TestTakeOverPutsNothingOldIntoTheStream(t *testing.T) {
	w := takenOver(t, simulation.Views)
	old, err := w.World.Archive, error(nil)
	objects, _, err := old.List(context.Background(), "events/dt=", "events/dt>", 1)
	if err != nil || len(objects) == 0 {
		t.Fatal(objects, err)
	}
	queued := 0
	for range 10 {
		if err := steps(tick, wait(simulation.SweepAfter))(w.World); err != nil {
			t.Fatal(err)
		}
		report, err := w.Sweep.Tick(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		queued += report.Queued
	}
	head, err := w.Catalog.Head(context.Background())
	swept, sweptErr := w.Catalog.Swept(context.Background())
	if err := errors.Join(err, sweptErr); err != nil || queued > 0 || swept+3 < head.N || head.N == 0 {
		t.Errorf("%d objects queued, run %d of %d swept, %v", queued, swept, head.N, err)
	}
	err = w.Republisher.Republish(
		context.Background(), stream.Republish{Object: string(objects[0].Key), Lanes: w.Republisher.Lanes()},
	)
	if !errors.Is(err, ingest.ErrCannotRepublish) || !strings.Contains(err.Error(), "before layout 2 began") {
		t.Errorf("an object of the old stack: %v", err)
	}
}

// TestIngestBehindTheLayout plays an ingest whose clock is behind: it stamps an event with a slot before the new
// layout. The event is archived and counted, but not streamed.
func TestIngestBehindTheLayout(t *testing.T) {
	w := takenOver(t, simulation.Views)
	w.Ingest.Now = func() time.Time { return w.Clock.Add(-simulation.ClockMargin) }
	w.Clock = w.Clock.Truncate(simulation.Slot)
	if err := send(31, 3100, 20)(w.World); err != nil {
		t.Fatal(err)
	}
	shards, err := w.Records()
	if n := len(shards[0]) + len(shards[1]) + len(shards[2]); err != nil || n > 0 {
		t.Errorf("%d records in the stream, %v", n, err)
	}
	if err := steps(wait(time.Minute), tick, wait(time.Minute), tick, check)(w.World); err != nil {
		t.Error(err)
	}
}

// TestRestoredCatalog sets the catalog back to an earlier state over base items that stayed. Batch then makes other
// runs. It must refuse to add them to the items, whether the runs end behind the items' horizon or before it, and also
// when its environment remembers the lost runs. A rebuild ends this, in a generation of its own.
func TestRestoredCatalog(t *testing.T) {
	for _, test := range []struct {
		name string
		lost int             // runs that the restored catalog does not have
		runs []time.Duration // time until each run that it makes instead
	}{
		{"one run beyond", 3, []time.Duration{time.Minute}},
		{"in between", 3, []time.Duration{-15 * time.Second, time.Minute}},
		// One run was lost, so every item that the first new run touches is ahead of that run, at one horizon.
		{"below all items", 1, []time.Duration{-simulation.Slot, time.Minute}},
	} {
		for _, remembers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the environment remembers: %t", test.name, remembers), func(t *testing.T) {
				playRestoredCatalog(t, test.lost, test.runs, remembers)
			})
		}
	}
}

func playRestoredCatalog(t *testing.T, lost int, runs []time.Duration, remembers bool) {
	ctx := context.Background()
	w := running(t)
	// The run ends where the slot of now begins, and each lost run ends two slots later: events fill the first of them.
	w.Clock = w.Clock.Truncate(simulation.Slot).Add(simulation.Slot + simulation.SealDelay)
	if err := tick(w.World); err != nil {
		t.Fatal(err)
	}
	backup := w.Catalog.Copy()
	for i := range lost {
		if err := steps(send(uint64(i), 100*(i+1), 20), w.deliver, wait(2*simulation.Slot), tick)(w.World); err != nil {
			t.Fatal(err)
		}
	}
	warm := w.Batch
	w.Catalog = backup
	w.Restart()
	if remembers {
		warm.Catalog = backup
		w.Batch = warm
	}
	refused := 0
	for i, until := range runs {
		w.Wait(until)
		if err := tick(w.World); err != nil {
			refused++
			for _, part := range []string{"written under another catalog: rebuild the view", "where no run ends"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("run %d: %v, want %q in it", i, err, part)
				}
			}
		}
		if err := w.CheckExact(ctx); err != nil {
			t.Errorf("run %d: %v", i, err)
		}
	}
	if refused < len(runs) {
		t.Fatalf("batch has refused %d of %d runs for items of another catalog", refused, len(runs))
	}
	names := []view.Name{"by_user", "everything"}
	operateAll := func(o operations.Operation) {
		for _, name := range names {
			if _, err := w.Operations.Do(ctx, name, o, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	operateAll(operations.Rebuild)
	for i := range 4 {
		if err := steps(send(uint64(50+i), 1000+100*i, 20), w.deliver, wait(20*time.Second))(w.World); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Tick(ctx) // batch still refuses the generation that is being replaced
	}
	operateAll(operations.Drop)
	if err := steps(wait(time.Minute), tick, check)(w.World); err != nil {
		t.Error(err)
	}
}

// TestNewStreamOverKeptTables replaces the stream and keeps the tables. The numbers of the new stream begin again,
// lower than the applied positions of the items. The lanes of the new layout have other names, so nothing is taken for
// something that was applied before. The sweep passes the runs of the old stream: nobody may stream their objects.
func TestNewStreamOverKeptTables(t *testing.T) {
	w := running(t)
	if err := steps(lost(send(40, 400, 20)), wait(20*time.Second), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	before, err := w.Catalog.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	w.Stream = memory.NewStream(3)
	if err := w.NextLayout(); err != nil {
		t.Fatal(err)
	}
	w.deliver = once()
	w.goOn(t, 6, 4000)
	if err := steps(sweep, republish)(w.World); err != nil {
		t.Error(err)
	}
	if swept, err := w.Catalog.Swept(context.Background()); err != nil || swept < before.N {
		t.Errorf("run %d swept, %v; want at least %d", swept, err, before.N)
	}
	if _, err := w.Catalog.View(context.Background(), "by_user"); errors.Is(err, catalog.ErrNotFound) {
		t.Fatal(fmt.Errorf("the catalog was not kept: %w", err))
	}
}
