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

// old lets the run of what was sent be made and grow old enough for the sweep.
var old = steps(wait(simulation.Slot+simulation.SealDelay), tick, wait(simulation.SweepAfter))

// wantQueued has the sweep look, and wants it to queue so many objects.
func (r *reader) wantQueued(t testing.TB, want int) {
	t.Helper()
	if report, err := r.Sweep.Tick(context.Background()); err != nil || report.Queued != want {
		t.Errorf("sweep: %+v, %v; want %d queued", report, err, want)
	}
}

// late is by how much a request has to have arrived later to tell of another one.
const late = simulation.CommitWithin + 2*(simulation.ClockMargin+time.Second)

// TestSweepOfAnIngestWithASlowClock: requests of an ingest whose clock is slow wait in the stream behind one that
// arrived, by its stamp, later than they did. That one tells nothing of them: of all that waits only the newest object
// is asked for.
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

// TestSweepOfHalfARequestThatWaits: of a request that stands in two records of a lane, speed has read one. It tells
// nothing of the other.
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
		t.Fatal("no lane has two records: the test misses its point")
	}
	if err := steps(wait(time.Second), send(3, 200, 20), old)(r.World); err != nil {
		t.Fatal(err)
	}
	r.wantQueued(t, 1)
}

// TestSweepWaitsForTheQueue: what was lost is known, and the republish queue has messages, behind which more would only
// wait. One object is queued all the same, since a message may fail for hours; once the queue is empty, all the others
// are.
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

// TestProbesTakeTurns: the newest object of a quiet lane cannot be read, so that it never comes. The others are asked
// for in their turn, and come.
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
		t.Errorf("sweep: %+v, %v; want everything there but the one object that cannot be read", report, err)
	}
}
