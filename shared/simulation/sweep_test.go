package simulation_test

import (
	"context"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
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
