package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
)

// notApplied loses some events of a run that batch commits, and dies before it applies the run.
func notApplied(seed uint64, from int) func(*simulation.World) error {
	return steps(lost(send(seed, from, 20)), wait(time.Minute), dying, wait(2*simulation.SweepAfter))
}

// edit changes the catalog entry of a view by hand.
func edit(t *testing.T, w *simulation.World, name view.Name, change func(*lifecycle.View)) {
	t.Helper()
	v := entry(t, w, name)
	change(&v)
	if err := w.Catalog.PutView(context.Background(), v); err != nil {
		t.Fatal(err)
	}
}

// behindOneRun returns a world whose views serve and lack the last run, of which the stream has lost events.
func behindOneRun(t *testing.T) (w *simulation.World, last uint64) {
	t.Helper()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, notApplied(1, 0))(w); err != nil {
		t.Fatal(err)
	}
	head, err := w.Catalog.Head(context.Background())
	if err != nil || head.N < 2 {
		t.Fatalf("head %+v, %v; want a second run", head, err)
	}
	return w, head.N
}

// TestSweepNotesNothingInVain checks that the sweep writes no view while any view holds it back, in whatever order the
// views come.
func TestSweepNotesNothingInVain(t *testing.T) {
	w, last := behindOneRun(t)
	edit(t, w, "by_user", func(v *lifecycle.View) {
		lacking := v.Generations[0]
		lacking.ID, lacking.State, lacking.Run = "lacking", lifecycle.Building, 0
		v.Generations[0].Run = last
		v.Generations = append(v.Generations, lacking)
	})
	before := entry(t, w, "by_user")
	report, err := w.Sweep.Tick(context.Background())
	if after := entry(t, w, "by_user"); err != nil || report.Queued != 0 || after.Revision != before.Revision {
		t.Errorf("queued %d, %v; by_user is %+v, want it unchanged", report.Queued, err, after)
	}
	edit(t, w, "everything", func(v *lifecycle.View) { v.Generations[0].Run = last })
	report, err = w.Sweep.Tick(context.Background())
	if g, _ := entry(t, w, "by_user").Generation("lacking"); err != nil || report.Queued != 1 || g.AnswersFrom != last {
		t.Errorf("once nothing holds it back: queued %d, %v; noted in %+v", report.Queued, err, g)
	}
}

// TestSweepLooksAgainAfterItsNote checks that the sweep queues nothing when a generation that did not answer begins to
// answer without the run right before the sweep notes that it must not.
func TestSweepLooksAgainAfterItsNote(t *testing.T) {
	w, last := behindOneRun(t)
	edit(t, w, "everything", func(v *lifecycle.View) { v.Generations[0].Run = last })
	edit(t, w, "by_user", func(v *lifecycle.View) {
		v.Serving, v.Generations[0].State, v.Generations[0].Run = "", lifecycle.Building, 0
	})
	frozen := false
	ended := onCall(w, call{"catalog.View", 0}, func() error {
		frozen = true
		edit(t, w, "by_user", func(v *lifecycle.View) { v.Generations[0].Run = last - 1 })
		return nil
	})
	report, err := w.Sweep.Tick(context.Background())
	if err != nil || ended() != nil || !frozen || report.Queued != 0 {
		t.Errorf("frozen %v; queued %d, %v; by_user answers without the run", frozen, report.Queued, err)
	}
}

// TestSweepReadsTheViewsAfterTheHead freezes the sweep before it reads the head. Meanwhile generations begin, are built
// and serve, and batch commits a run that they lack. The sweep must see that they lack it.
func TestSweepReadsTheViewsAfterTheHead(t *testing.T) {
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views(t, w) {
		edit(t, w, v.Name, func(v *lifecycle.View) { v.Generations = nil })
	}
	first := w.Sweep
	ended := onCall(w, call{"catalog.Head", 0}, func() error { return steps(serve, notApplied(1, 0))(w) })
	report, err := first.Tick(t.Context())
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	head, readErr := w.Catalog.Head(t.Context())
	if err != nil || readErr != nil || report.Queued != 0 || report.Swept != head.N-1 || head.N < 2 {
		t.Errorf("%+v, %v; head %+v, %v; want nothing queued of the last run", report, err, head, readErr)
	}
}

// TestSweepReadsTheViewsOnce checks that a tick of the sweep reads the views once, however many runs it queues objects
// of, and that its errors say what it was about to note.
func TestSweepReadsTheViewsOnce(t *testing.T) {
	w := fourLost(t)
	reads := 0
	w.Catalog.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "catalog.Views" {
			reads++
		}
		return memory.Fault{}
	}
	report, err := w.Sweep.Tick(t.Context())
	if got := fmt.Sprint(reads, report.Queued, err); got != "1 4 <nil>" {
		t.Errorf("reads of the views, objects queued, error: %s; want 1 4 <nil>", got)
	}
}

// fourLost returns a world of which the stream has certainly lost an object of each of four runs.
func fourLost(t *testing.T) *simulation.World {
	t.Helper()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := steps(lost(send(uint64(i), 20*i, 5)), wait(time.Minute), tick)(w); err != nil {
			t.Fatal(err)
		}
	}
	// A later request that has been read shows that the records of the others are lost.
	if err := steps(wait(time.Minute), send(9, 900, 40), deliver, wait(2*simulation.SweepAfter))(w); err != nil {
		t.Fatal(err)
	}
	return w
}

// hanging is a queue whose calls hang, after the first, until the caller's time is over.
type hanging struct {
	stream.Queue
	taken *int
}

func (h hanging) Enqueue(ctx context.Context, r stream.Republish) error {
	if *h.taken++; *h.taken > 1 {
		<-ctx.Done()
		return ctx.Err()
	}
	return h.Queue.Enqueue(ctx, r)
}

// punctual is a catalog that writes no waits once the caller's time is over.
type punctual struct{ catalog.Sweeps }

func (p punctual) PutWaits(ctx context.Context, w catalog.SweepWaits) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.Sweeps.PutWaits(ctx, w)
}

// TestSweepNotesWhatItQueuedThoughTheQueueHangs checks that the sweep keeps time to note what it has queued. Otherwise
// each tick queued the same object again while the queue hangs at a later one.
func TestSweepNotesWhatItQueuedThoughTheQueueHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fourLost(t)
		w.Sweep.Queue, w.Sweep.Sweeps = hanging{w.Queue, new(int)}, punctual{w.Catalog}
		ctx, cancel := context.WithDeadline(t.Context(), w.Clock.Add(time.Minute))
		defer cancel()
		report, err := w.Sweep.Tick(ctx)
		waits, readErr := w.Catalog.Waits(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || report.Queued != 1 || readErr != nil || len(waits.Waits) == 0 {
			t.Errorf("queued %d, %v; noted %+v, %v", report.Queued, err, waits, readErr)
		}
	})
}
