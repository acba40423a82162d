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

// TestSweep: events that were archived and never streamed are found once their run is old enough, and streamed; batch
// counts them in any case.
func TestSweep(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, send(1, 0, 20), lost(send(2, 20, 20)), send(3, 40, 20), deliver,
		wait(simulation.Slot+simulation.SealDelay), tick)(w); err != nil {
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
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Queued != 1 || report.Behind != 1 || report.Swept != 1 {
		t.Fatalf("sweep: %+v, %v; want the one object queued, and the run before it swept", report, err)
	}
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Queued != 0 || report.Behind != 1 {
		t.Fatalf("sweep right again: %+v, %v; want it not queued a second time", report, err)
	}
	if err := steps(republish, deliver)(w); err != nil {
		t.Fatal(err)
	}
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Lost+report.Behind != 0 || report.Swept != 2 {
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
	if err := steps(serve, send(1, 0, 20), wait(time.Minute), tick, sweep, republish, send(2, 20, 20), deliver, deliver,
		sweep)(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Lost+report.Behind != 0 {
		t.Errorf("sweep once speed goes on: %+v, %v; want every receipt there", report, err)
	}
}

// TestSweepFindsHalfARequest: a lane's lines of one request stand in two records, of which the stream has one. The
// receipt of that one is none of the other.
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
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Lost+report.Behind != 0 {
		t.Errorf("sweep after republish: %+v, %v; want every receipt there", report, err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// dying is a tick of a batch function that dies once its run is real, before it has applied it to anything.
func dying(w *simulation.World) error {
	w.Restart()
	dies := crash{at: 0, watched: func(c memory.Call) bool { return c.Name == "base.Load" || c.Name == "base.Put" }}
	dies.install(w)
	defer w.Restart()
	defer uninstall(w)
	if err := tick(w); !errors.Is(err, errCrash) {
		return fmt.Errorf("tick: %w, want it to die once its run is real", err)
	}
	return nil
}

// TestSweepWaitsForBatch: a run is real, and batch dies before it has applied it. A late object of that run, streamed
// now, would be passed over by speed, being of a slot below the horizon, and its copy, which a client has sent again,
// be dropped as a duplicate of it: then nobody counted the event.
func TestSweepWaitsForBatch(t *testing.T) { sweepWaits(t, serve) }

// TestSweepWaitsForTheFirstBuild: the same, and nothing of a view is built yet, so it does not answer. What is built
// first may have been planned before the run was: streamed now, the run's late objects would show in its answers and be
// gone again until it has applied the run itself.
func TestSweepWaitsForTheFirstBuild(t *testing.T) { sweepWaits(t, steps()) }

// sweepWaits has batch die with a run that is real and not applied: the sweep leaves the run alone until it is.
func sweepWaits(t *testing.T, before func(*simulation.World) error) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := before(w); err != nil {
		t.Fatal(err)
	}
	had, err := w.Catalog.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(lost(send(1, 0, 20)), wait(time.Minute), dying, wait(2*simulation.SweepAfter))(w); err != nil {
		t.Fatal(err)
	}
	if head, err := w.Catalog.Head(ctx); err != nil || head.N != had.N+1 {
		t.Fatalf("head %+v, %v; want one more run than %d", head, err, had.N)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Queued != 0 || report.Swept != had.N {
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

// TestBuildReachesTheHead: a batch function is frozen at any reading of the views, with the head in its hands that it
// has read before; others make a run and die. What the first one then builds, the sweep may not have waited for, if it
// appeared after the sweep had looked; so it is built up to the head as it is by then.
func TestBuildReachesTheHead(t *testing.T) {
	met := 0
	for n := range 5 {
		frozen, err := playBuildReachesTheHead(n)
		if err != nil {
			t.Errorf("frozen at reading %d of the views: %v", n, err)
		}
		if frozen {
			met++
		}
	}
	if met < 2 {
		t.Errorf("the views are read %d times: the test misses its point, which is the reading right before the build", met)
	}
}

func playBuildReachesTheHead(n int) (frozen bool, err error) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		return false, err
	}
	if err := steps(send(1, 0, 20), wait(time.Minute), dying)(w); err != nil {
		return false, err
	}
	first := w.Batch
	ended := onCall(w, call{"catalog.Views", n}, func() error {
		frozen = true
		return steps(send(2, 20, 20), wait(time.Minute), dying)(w)
	})
	if _, err := first.Tick(ctx); err != nil {
		return frozen, err
	}
	if err := ended(); err != nil || !frozen {
		return frozen, err
	}
	views, err := w.Catalog.Views(ctx)
	if err != nil {
		return frozen, err
	}
	for _, v := range views {
		if len(v.Generations) != 1 || v.Generations[0].Built != 2 {
			return frozen, fmt.Errorf("view %s: %+v, want it built up to run 2", v.Name, v.Generations)
		}
	}
	if err := steps(deliver, wait(time.Minute), tick)(w); err != nil {
		return frozen, err
	}
	return frozen, w.Check(ctx)
}
