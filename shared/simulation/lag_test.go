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

// reader feeds the records of the stream to speed in order, a limited number at a time. So it can stand still, and it
// can be slow.
type reader struct {
	*simulation.World
	read map[string]event.Sequence // the last record that speed has read, by shard
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

// unread returns the records that speed has not read, by shard, and their number.
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

// readOn lets speed read up to limit records, the same share of each shard.
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

// look runs a tick of batch and one of the sweep. It returns how many objects the sweep has queued.
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

// every lets the sweep run ten times in SweepAfter.
const every = simulation.SweepAfter / 10

// TestSweepOfAStreamThatLags lets a hundred requests wait in the stream while speed stands still. Waiting is not lost.
// The sweep may queue one object of a lane at a time, as a probe, and must wait longer each time.
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
		t.Errorf("%d objects queued while 100 wait and none is lost; maximum is 16, 4 per lane", queued)
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

// TestLagEnds lets speed stand still and then continue, several times faster than the load. The lag must end, however
// long speed was away, whether the sweep keeps its environment or has a new one at each tick.
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

// load is the average number of records that three requests of four events make.
func (r *reader) load() int { return 8 }

// TestLossEnds lets stream and queue refuse everything for a while, although events keep coming. Afterwards all lost
// events must be streamed, and none of them again and again.
func TestLossEnds(t *testing.T) {
	for _, away := range []int{2, 6} {
		for _, life := range []int{1, 60, 400} { // number of ticks that an environment of the sweep lives
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

// wantSwept waits until every run is swept, and compares the answers with the archive.
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

// TestQuietLoss loses everything, and then no further event comes that could show a loss. The sweep queues one object
// of each lane as a probe. The probe's receipt shows that all earlier objects of the run are lost.
func TestQuietLoss(t *testing.T) {
	r := newReader(t)
	for i := range 100 {
		if err := steps(lost(send(uint64(i), 4*i, 4)), wait(500*time.Millisecond))(r.World); err != nil {
			t.Fatal(err)
		}
	}
	ticks := r.wantSwept(t)
	t.Logf("everything is streamed after %d ticks", ticks)
	if ticks > 30 {
		t.Errorf("everything is streamed after %d ticks; maximum is 30", ticks)
	}
}

// TestSweepForgets lets many objects wait, more than the sweep could remember one by one. The sweep runs ten times in
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
				t.Errorf("%d objects wait and none is lost, but %d are queued; maximum is one per lane", n, queued)
			}
		})
	}
}
