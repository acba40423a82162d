package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
)

// reader gives speed the records of the stream in their order, so many at a time: it may stand still, and it may be
// slow.
type reader struct {
	*simulation.World
	read map[string]event.Sequence // by shard, the last that speed has read
}

func newReader(t testing.TB) *reader {
	t.Helper()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
		t.Fatal(err)
	}
	return &reader{w, map[string]event.Sequence{}}
}

// unread are the records of the stream that speed has not read, by shard.
func (r *reader) unread(t testing.TB) (all map[string][]stream.Record, n int) {
	t.Helper()
	all = map[string][]stream.Record{}
	for _, shard := range r.Stream.Shards() {
		found, _, err := r.Stream.Read(shard.ID, r.read[shard.ID], 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			all[shard.ID] = append(all[shard.ID], f.Record)
		}
		n += len(found)
	}
	return all, n
}

func (r *reader) waiting(t testing.TB) int {
	t.Helper()
	_, n := r.unread(t)
	return n
}

// readOn has speed read so many records, of each shard its share.
func (r *reader) readOn(t testing.TB, limit int) {
	t.Helper()
	all, n := r.unread(t)
	for id, records := range all {
		share := records[:min(len(records), (limit*len(records)+n-1)/n)]
		if err := r.Deliver(context.Background(), share); err != nil {
			t.Fatal(err)
		}
		r.read[id] = share[len(share)-1].Sequence
	}
}

// look is a tick of batch and one of the sweep, and says how many objects the sweep has queued.
func (r *reader) look(t testing.TB) int {
	t.Helper()
	if err := tick(r.World); err != nil {
		t.Fatal(err)
	}
	report, err := r.Sweep.Tick(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return report.Queued
}

// every has the sweep look ten times in SweepAfter.
const every = simulation.SweepAfter / 10

// TestSweepOfAStreamThatLags: a hundred requests wait in the stream while speed stands still. What waits is not lost:
// the sweep asks for one object of a lane at a time, to learn whether the lane can be read at all, and waits longer
// each time.
func TestSweepOfAStreamThatLags(t *testing.T) {
	r := newReader(t)
	for i := range 100 {
		if err := steps(send(uint64(i), 4*i, 4), wait(100*time.Millisecond))(r.World); err != nil {
			t.Fatal(err)
		}
	}
	r.Wait(time.Minute)
	queued := 0
	for range 100 {
		queued += r.look(t)
		r.Wait(every)
	}
	if queued > 16 {
		t.Errorf("%d objects queued while 100 wait and none is lost, want at most 16: 4 of each lane", queued)
	}
	if err := steps(republish)(r.World); err != nil {
		t.Fatal(err)
	}
	for r.waiting(t) > 0 {
		r.readOn(t, 100)
	}
	if err := steps(wait(time.Minute), tick, sweep, check)(r.World); err != nil {
		t.Error(err)
	}
	t.Logf("%d objects queued", queued)
}

// TestLagEnds: speed can read several times the load, stands still, and goes on. The lag ends, however long speed was
// away, whether the sweep's environment lives on or is a new one at each tick.
func TestLagEnds(t *testing.T) {
	for _, c := range []struct{ times, away int }{{2, 2}, {2, 3}, {2, 8}, {3, 4}, {3, 6}, {3, 8}, {5, 6}, {5, 8}} {
		for _, fresh := range []bool{false, true} {
			name := fmt.Sprintf("%d times the load, away for %d SweepAfter, fresh %v", c.times, c.away, fresh)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newReader(t)
				back := r.Clock.Add(time.Duration(c.away) * simulation.SweepAfter)
				worst := 0
				for i := range 400 {
					for n := range 3 {
						if err := send(uint64(i), 12*i+4*n, 4)(r.World); err != nil {
							t.Fatal(err)
						}
					}
					load := r.load()
					if !r.Clock.Before(back) {
						r.readOn(t, c.times*load)
					}
					if fresh {
						r.Restart()
					}
					r.look(t)
					if err := republish(r.World); err != nil {
						t.Fatal(err)
					}
					worst = max(worst, r.waiting(t))
					r.Wait(every)
				}
				left := r.waiting(t)
				t.Logf("%d records wait in the end, %d at their worst", left, worst)
				if left > 2*r.load() {
					t.Errorf("%d records wait in the end, want none but the last", left)
				}
			})
		}
	}
}

// load is how many records three requests of four events make, on average.
func (r *reader) load() int { return 8 }

// TestLossEnds: stream and queue refuse everything for a while, and the load goes on behind it. All that was lost
// comes, and nothing comes again and again.
func TestLossEnds(t *testing.T) {
	for _, away := range []int{2, 6} {
		for _, life := range []int{1, 60, 400} { // ticks for which an environment of the sweep lives
			t.Run(fmt.Sprintf("lost for %d SweepAfter, environments of %d ticks", away, life), func(t *testing.T) {
				t.Parallel()
				r := newReader(t)
				back := r.Clock.Add(time.Duration(away) * simulation.SweepAfter)
				for i := range 400 {
					act := steps(send(uint64(i), 12*i, 4), send(uint64(i), 12*i+4, 4), send(uint64(i), 12*i+8, 4))
					if r.Clock.Before(back) {
						act = lost(act)
					}
					if err := act(r.World); err != nil {
						t.Fatal(err)
					}
					r.readOn(t, 2*r.load())
					if i%life == 0 {
						r.Restart()
					}
					r.look(t)
					if err := republish(r.World); err != nil {
						t.Fatal(err)
					}
					r.Wait(every)
				}
				t.Logf("%d records wait in the end", r.waiting(t))
				if left := r.waiting(t); left > 2*r.load() {
					t.Errorf("%d records wait in the end, want none but the last", left)
				}
				for r.waiting(t) > 0 {
					r.readOn(t, 100)
				}
				r.wantSwept(t)
			})
		}
	}
}

// wantSwept waits until every run is swept, and holds the answers against the archive.
func (r *reader) wantSwept(t testing.TB) (ticks int) {
	t.Helper()
	ctx := context.Background()
	r.Wait(time.Minute)
	for ticks = 0; ; ticks++ {
		r.look(t)
		if err := steps(republish, deliver)(r.World); err != nil {
			t.Fatal(err)
		}
		swept, err := r.Catalog.Swept(ctx)
		runs, runsErr := r.Catalog.Runs(ctx, 1, 1<<30)
		if err := errors.Join(err, runsErr); err != nil {
			t.Fatal(err)
		}
		for len(runs) > 0 && runs[len(runs)-1].Objects == 0 {
			runs = runs[:len(runs)-1]
		}
		if int(swept) >= len(runs) {
			break
		}
		if ticks > 100 {
			t.Fatalf("run %d of %d is swept after %d ticks", swept, len(runs), ticks)
		}
		r.Wait(every)
	}
	if err := r.Check(ctx); err != nil {
		t.Error(err)
	}
	return ticks
}

// TestQuietLoss: everything is lost, and then nothing comes any more that could tell. The sweep asks for one object of
// each lane, and learns from it of all the others of the run.
func TestQuietLoss(t *testing.T) {
	r := newReader(t)
	for i := range 100 {
		if err := steps(lost(send(uint64(i), 4*i, 4)), wait(500*time.Millisecond))(r.World); err != nil {
			t.Fatal(err)
		}
	}
	ticks := r.wantSwept(t)
	t.Logf("all is there after %d ticks", ticks)
	if ticks > 30 {
		t.Errorf("all is there after %d ticks, want at most 30", ticks)
	}
}

// TestSweepForgets: more objects wait than anybody would remember one by one, and the sweep looks ten times in
// SweepAfter.
func TestSweepForgets(t *testing.T) {
	for _, n := range []int{1_000, 9_000, 12_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newReader(t)
			for i := range n {
				if err := send(1, i, 1)(r.World); err != nil {
					t.Fatal(err)
				}
			}
			r.Wait(simulation.Slot + simulation.SealDelay)
			if err := tick(r.World); err != nil {
				t.Fatal(err)
			}
			r.Wait(simulation.SweepAfter)
			queued := 0
			for range 10 {
				report, err := r.Sweep.Tick(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				queued += report.Queued
				r.Wait(every / 2)
			}
			t.Logf("%d objects wait: %d queued", n, queued)
			if queued > 4 {
				t.Errorf("%d objects wait and none is lost: %d are queued, want at most one of each lane", n, queued)
			}
		})
	}
}
