package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
)

// lost is an ingest that dies between archive and stream: neither stream nor queue takes anything.
func lost(act func(*simulation.World) error) func(*simulation.World) error {
	return func(w *simulation.World) error {
		fail := func(memory.Call) memory.Fault { return memory.Fault{Err: errCrash} }
		w.Stream.Hook, w.Queue.Hook = fail, fail
		defer uninstall(w)
		return act(w)
	}
}

func sweep(w *simulation.World) error {
	_, err := w.Sweep.Tick(context.Background())
	return err
}

func republish(w *simulation.World) error { return w.Republish(context.Background()) }

// TestSweep: events that were archived and never streamed are found once their run is old enough, and streamed; batch counts them in any case.
func TestSweep(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, send(1, 0, 20), lost(send(2, 20, 20)), send(3, 40, 20), deliver, wait(simulation.Slot+simulation.Settle), tick)(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Fatal("batch alone:", err)
	}
	report, err := w.Sweep.Tick(ctx)
	if err != nil || report.Queued != 0 {
		t.Fatalf("a sweep of a run that is too young: %+v, %v; want nothing queued", report, err)
	}
	w.Wait(simulation.SweepAfter)
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Queued != 1 || report.Missing != 1 || report.Swept != 1 {
		t.Fatalf("sweep: %+v, %v; want the one object queued, and the run before it swept", report, err)
	}
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Queued != 0 || report.Missing != 1 {
		t.Fatalf("sweep right again: %+v, %v; want it not queued a second time", report, err)
	}
	if err := steps(republish, deliver)(w); err != nil {
		t.Fatal(err)
	}
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Missing != 0 || report.Swept != 2 {
		t.Fatalf("sweep after republish: %+v, %v; want every receipt there", report, err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestSweepOfWhatWasSlow: a record that was merely slow comes twice when the sweep is early, and counts once.
func TestSweepOfWhatWasSlow(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	// The first request's records lie in the stream while speed stands still; batch takes over the slot; more events come.
	if err := steps(serve, send(1, 0, 20), wait(time.Minute), tick, sweep, republish, send(2, 20, 20), deliver, deliver, sweep)(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Missing != 0 {
		t.Errorf("sweep once speed goes on: %+v, %v; want every receipt there", report, err)
	}
}

// TestSweepFindsHalfARequest: a lane's lines of one request stand in two records, of which the stream has one. The receipt of that one is none of the
// other.
func TestSweepFindsHalfARequest(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
		t.Fatal(err)
	}
	var events []string
	for i, e := range purchases(1, 0, 18) {
		events = append(events, strings.Replace(e, `"data":{`, fmt.Sprintf(`"data":{"much":"%d%s",`, i, strings.Repeat("x", 200_000)), 1))
	}
	if _, err := w.Send(ctx, events...); err != nil {
		t.Fatal(err)
	}
	shards, err := w.Records()
	if err != nil {
		t.Fatal(err)
	}
	halves := 0
	for _, records := range shards {
		var first []stream.Record // of each lane
		for _, r := range records {
			if !slices.ContainsFunc(first, func(f stream.Record) bool { return f.PartitionKey == r.PartitionKey }) {
				first = append(first, r)
			}
		}
		halves += len(records) - len(first)
		if len(first) > 0 {
			if err := w.Deliver(ctx, first); err != nil { // the others never came to the stream
				t.Fatal(err)
			}
		}
	}
	if halves == 0 {
		t.Fatal("no lane has two records: the test misses its point")
	}
	if err := steps(wait(time.Minute), tick, wait(simulation.SweepAfter))(w); err != nil {
		t.Fatal(err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Queued != 1 {
		t.Fatalf("sweep: %+v, %v; want the object queued", report, err)
	}
	if err := steps(republish, deliver)(w); err != nil {
		t.Fatal(err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Missing != 0 {
		t.Errorf("sweep after republish: %+v, %v; want every receipt there", report, err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestSweepWaitsForBatch: a run is real, and batch dies before it has applied it. A straggler of that run, streamed now, would be passed over by speed,
// being of a slot below the horizon, and its copy, which a client has sent again, be dropped as a duplicate of it: then nobody counted the event.
func TestSweepWaitsForBatch(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, lost(send(1, 0, 20)), wait(time.Minute))(w); err != nil {
		t.Fatal(err)
	}
	dies := crash{at: 0, watched: func(c memory.Call) bool {
		return c.Name == "base.Load" || c.Name == "base.Put" || c.Name == "catalog.PutView"
	}}
	dies.install(w)
	if err := tick(w); !errors.Is(err, errCrash) {
		t.Fatalf("tick: %v, want it to die once its run is real", err)
	}
	uninstall(w)
	w.Restart()
	w.Wait(2 * simulation.SweepAfter)
	if head, err := w.Catalog.Head(ctx); err != nil || head.N != 2 {
		t.Fatalf("head %+v, %v; want the second run real", head, err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Queued != 0 || report.Swept != 1 {
		t.Errorf("sweep before batch has applied the run: %+v, %v; want nothing queued of it", report, err)
	}
	if err := tick(w); err != nil {
		t.Fatal(err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Queued != 1 {
		t.Errorf("sweep once it has: %+v, %v; want the object queued", report, err)
	}
	if err := steps(republish, deliver)(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}
