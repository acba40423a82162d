package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
)

// old lets batch make a run of the sent events, and lets the run grow old enough for the sweep.
var old = steps(wait(simulation.Slot+simulation.SealDelay), tick, wait(simulation.SweepAfter))

// wantQueued runs the sweep, which must queue the given number of objects.
func (r *reader) wantQueued(t testing.TB, want int) {
	t.Helper()
	if report, err := r.Sweep.Tick(context.Background()); err != nil || report.Queued != want {
		t.Errorf("sweep: %+v, %v; want %d queued", report, err, want)
	}
}

// late is how much later a request must arrive so that its receipt shows the loss of an earlier one.
const late = simulation.CommitWithin + 2*(simulation.ClockMargin+time.Second)

// TestSweepOfAnIngestWithASlowClock lets requests of an ingest with a slow clock wait in the stream. Speed has read a
// request with a later stamp that was put before them. Its receipt must not make them lost: of all waiting objects, the
// sweep may queue only the newest, as a probe.
func TestSweepOfAnIngestWithASlowClock(t *testing.T) {
	r := newReader(t)
	if err := send(1, 0, 20)(r.World); err != nil {
		t.Fatal(err)
	}
	r.readOn(t, 1000)
	r.Ingest.Now = func() time.Time { return r.Clock.Add(-simulation.ClockMargin) }
	for i := range 5 {
		if err := send(2, 20+20*i, 20)(r.World); err != nil {
			t.Fatal(err)
		}
	}
	r.Restart()
	if err := steps(wait(2*time.Second), send(3, 200, 20), old)(r.World); err != nil {
		t.Fatal(err)
	}
	r.wantQueued(t, 1)
}

// TestSweepOfHalfARequestThatWaits checks a request that is in two records of a lane. Speed has read one of them. Its
// receipt must not make the other one lost.
func TestSweepOfHalfARequestThatWaits(t *testing.T) {
	r := newReader(t)
	var events []string
	for i, e := range purchases(1, 0, 18) {
		events = append(events, strings.Replace(e, `"data":{`, fmt.Sprintf(`"data":{"much":"%d%s",`, i, strings.Repeat("x", 200_000)), 1))
	}
	if _, err := r.Send(context.Background(), events...); err != nil {
		t.Fatal(err)
	}
	all, n := r.unread(t)
	read := 0
	for _, records := range all {
		lanes := map[string]bool{}
		for _, record := range records {
			if lanes[record.PartitionKey] {
				continue
			}
			lanes[record.PartitionKey] = true
			if err := r.Deliver(context.Background(), []stream.Record{record}); err != nil {
				t.Fatal(err)
			}
			read++
		}
	}
	if read == n {
		t.Fatal("no lane has two records, so the test tests nothing")
	}
	if err := steps(wait(time.Second), send(3, 200, 20), old)(r.World); err != nil {
		t.Fatal(err)
	}
	r.wantQueued(t, 1)
}

// TestSweepWaitsForTheQueue checks that the sweep does not queue all lost objects while the republish queue has
// messages. It queues one all the same, since a message may fail for hours. It queues the others once the queue is
// empty.
func TestSweepWaitsForTheQueue(t *testing.T) {
	r := newReader(t)
	for i := range 10 {
		if err := lost(send(1, 20*i, 20))(r.World); err != nil {
			t.Fatal(err)
		}
	}
	if err := steps(wait(late+time.Second), send(3, 200, 20), deliver, old)(r.World); err != nil {
		t.Fatal(err)
	}
	if err := r.Queue.Enqueue(context.Background(), stream.Republish{Object: "events/any"}); err != nil {
		t.Fatal(err)
	}
	r.wantQueued(t, 1)
	r.wantQueued(t, 1)
	r.Queue.Take(10)
	r.wantQueued(t, 8)
	r.wantQueued(t, 0)
}

// TestProbesTakeTurns checks a quiet lane whose newest object cannot be read, so its probe never arrives. The sweep
// must probe the other objects in turn, and have them streamed.
func TestProbesTakeTurns(t *testing.T) {
	r := newReader(t)
	for i := range 5 {
		if err := steps(lost(send(1, 20*i, 20)), wait(100*time.Millisecond))(r.World); err != nil {
			t.Fatal(err)
		}
	}
	objects, _, err := r.Archive.List(context.Background(), archive.FirstEvent, archive.EndOfEvents, 10)
	if err != nil {
		t.Fatal(err)
	}
	newest := string(objects[len(objects)-1].Key)
	r.Archive.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "archive.Get" && c.Key == newest && r.Queue.Hook != nil {
			return memory.Fault{Err: errors.New("nobody can read it")}
		}
		return memory.Fault{}
	}
	if err := old(r.World); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := r.Sweep.Tick(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.Queue.Hook = func(memory.Call) memory.Fault { return memory.Fault{} } // while republish works
		for _, request := range r.Queue.Take(100) {
			if err := r.Republisher.Republish(context.Background(), request); (err != nil) != (request.Object == newest) {
				t.Fatal(request.Object, err)
			}
		}
		r.Queue.Hook = nil
		if err := steps(deliver, wait(simulation.SweepAfter))(r.World); err != nil {
			t.Fatal(err)
		}
	}
	report, err := r.Sweep.Tick(context.Background())
	if err != nil || report.Lost+report.Behind != 1 {
		t.Errorf("sweep: %+v, %v; want receipts of all objects but the one that cannot be read", report, err)
	}
}
