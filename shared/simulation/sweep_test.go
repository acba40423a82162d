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

// lost runs act while neither the stream nor the queue takes anything, as if ingest died after its put.
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

// TestSweep checks that the sweep finds events that were archived but never streamed, and has them streamed. It does so
// once their run is old enough. Batch counts the events in any case.
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
		t.Fatalf("sweep of a run that is too young: %+v, %v; want nothing queued", report, err)
	}
	w.Wait(simulation.SweepAfter)
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Queued != 1 || report.Behind != 1 || report.Swept != 1 {
		t.Fatalf("sweep: %+v, %v; want one object queued and the run before it swept", report, err)
	}
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Queued != 0 || report.Behind != 1 {
		t.Fatalf("second sweep: %+v, %v; want nothing queued again", report, err)
	}
	if err := steps(republish, deliver)(w); err != nil {
		t.Fatal(err)
	}
	if report, err = w.Sweep.Tick(ctx); err != nil || report.Lost+report.Behind != 0 || report.Swept != 2 {
		t.Fatalf("sweep after republish: %+v, %v; want all receipts found", report, err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestSweepOfWhatWasSlow checks that a record that was only slow counts once, although an early sweep queues it again.
func TestSweepOfWhatWasSlow(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	// Speed stands still, so the first request's records wait in the stream. Batch takes over the slot; more events come.
	if err := steps(serve, send(1, 0, 20), wait(time.Minute), tick, sweep, republish, send(2, 20, 20), deliver, deliver,
		sweep)(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Lost+report.Behind != 0 {
		t.Errorf("sweep after speed: %+v, %v; want all receipts found", report, err)
	}
}

// TestSweepFindsHalfARequest checks a request of which a lane's lines are in two records. The stream has only one of
// these records. Its receipt must not stand for the other one.
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
		var first []stream.Record // the first record of each lane
		for _, r := range records {
			if !slices.ContainsFunc(first, func(f stream.Record) bool { return f.PartitionKey == r.PartitionKey }) {
				first = append(first, r)
			}
		}
		halves += len(records) - len(first)
		if len(first) > 0 {
			if err := w.Deliver(ctx, first); err != nil { // the other records never reached the stream
				t.Fatal(err)
			}
		}
	}
	if halves == 0 {
		t.Fatal("no lane has two records, so the test tests nothing")
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
		t.Errorf("sweep after republish: %+v, %v; want all receipts found", report, err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// dying runs a tick of batch that dies after it has committed a run, before it applies the run.
func dying(w *simulation.World) error {
	w.Restart()
	dies := crash{at: 0, watched: func(c memory.Call) bool { return c.Name == "base.Load" || c.Name == "base.Put" }}
	dies.install(w)
	defer w.Restart()
	defer uninstall(w)
	if err := tick(w); !errors.Is(err, errCrash) {
		return fmt.Errorf("tick: %w, want it to die after it has committed the run", err)
	}
	return nil
}

// TestSweepWaitsForBatch checks that the sweep does not queue a late object of a run that is committed but not applied.
// Speed would skip the object's events, since their slot is below the horizon, but remember them. Then it would drop a
// copy that a client sends again, and nobody would have counted the event.
func TestSweepWaitsForBatch(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
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
		t.Fatalf("head %+v, %v; want one run after %d", head, err, had.N)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Queued != 0 || report.Swept != had.N {
		t.Errorf("sweep before batch has applied the run: %+v, %v; want nothing queued", report, err)
	}
	if err := tick(w); err != nil {
		t.Fatal(err)
	}
	if report, err := w.Sweep.Tick(ctx); err != nil || report.Queued != 1 {
		t.Errorf("sweep after batch has applied the run: %+v, %v; want the object queued", report, err)
	}
	if err := steps(republish, deliver)(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestBuildReachesTheHead freezes a batch function at each of its reads of the views, after it has read the head.
// Another one commits a run and dies. The sweep does not wait for a generation that appears after it has looked. So the
// first function must build up to the head as it is by then, not as it had read it.
func TestBuildReachesTheHead(t *testing.T) {
	met := 0
	for n := range 5 {
		frozen, err := playBuildReachesTheHead(n)
		if err != nil {
			t.Errorf("frozen at read %d of the views: %v", n, err)
		}
		if frozen {
			met++
		}
	}
	if met < 2 {
		t.Errorf("only %d reads of the views were frozen: the test must freeze the read right before the build", met)
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
	builtBefore := map[string]bool{}
	ended := onCall(w, call{"catalog.Views", n}, func() error {
		frozen = true
		views, err := w.Catalog.Views(ctx)
		if err != nil {
			return err
		}
		for _, v := range views {
			builtBefore[string(v.Name)] = len(v.Generations) > 0 && v.Generations[0].Run > 0
		}
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
		if len(v.Generations) != 1 || v.Generations[0].Built != 2 && !builtBefore[string(v.Name)] {
			return frozen, fmt.Errorf("view %s: %+v, want it built up to run 2", v.Name, v.Generations)
		}
	}
	if err := steps(deliver, wait(time.Minute), tick)(w); err != nil {
		return frozen, err
	}
	return frozen, w.Check(ctx)
}
