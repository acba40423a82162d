package simulation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
)

// once delivers what has not been delivered yet, as a stream does that nothing goes wrong with.
func once() func(*simulation.World) error {
	var done [][]stream.Record
	return func(w *simulation.World) error {
		shards, err := w.Records()
		if err != nil {
			return err
		}
		for i, records := range shards {
			if i == len(done) {
				done = append(done, nil)
			}
			if fresh := records[len(done[i]):]; len(fresh) > 0 {
				if err := w.Deliver(context.Background(), fresh); err != nil {
					return err
				}
			}
			done[i] = records
		}
		return nil
	}
}

// allServe says whether every view serves.
func allServe(w *simulation.World) (bool, error) {
	views, err := w.Catalog.Views(context.Background())
	for _, v := range views {
		if v.Serving == "" {
			return false, err
		}
	}
	return len(views) > 0, err
}

// TestFirstEventIsLive: on a stack that is new the first tick makes answers live from the first event on; no slot has
// to begin first.
func TestFirstEventIsLive(t *testing.T) {
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(unknown, tick, send(1, 0, 20), deliver)(w); err != nil {
		t.Fatal(err)
	}
	if is, err := allServe(w); !is || err != nil {
		t.Fatalf("the views serve after the first tick: %v, %v", is, err)
	}
	if err := w.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// act is something that happens to a world.
type act = func(*simulation.World) error

// happening is an act with a name. The world's records are delivered once, by the act that is handed in.
type happening struct {
	name string
	play func(deliver act) act
}

func (h happening) String() string { return h.name }

var (
	befores = []happening{
		{"new stack", func(act) act { return steps() }},
		{"with events", func(deliver act) act { return steps(send(9, 900, 20), deliver, wait(simulation.Slot/2)) }},
	}
	meanwhiles = []happening{
		{"events come", func(deliver act) act { return steps(send(1, 0, 20), deliver) }},
		{"a slot passes", func(act) act { return wait(simulation.Slot) }},
		{"a minute passes, with events", func(deliver act) act {
			return steps(send(1, 0, 10), deliver, wait(time.Minute), send(2, 10, 10), deliver)
		}},
		{"another tick", func(deliver act) act { return steps(send(1, 0, 10), deliver, tick, send(2, 10, 10), deliver) }},
	}
)

// TestAnnouncement interrupts the tick that announces the views at each of its calls, with events that come meanwhile,
// with time that passes, with another tick, on a stack that is new and on one that has events: from when a view serves,
// no event is missing from its answers.
func TestAnnouncement(t *testing.T) {
	late := 0
	calls := callsOf(4, "catalog.View", "catalog.PutView", "catalog.PutDefinition", "archive.List")
	for c := range triples(befores, meanwhiles, calls) {
		t.Run(c.String(), func(t *testing.T) { late += playAnnouncement(t, c.a, c.b, c.c) })
	}
	if late == 0 {
		t.Error("no announcement came too late: the test misses its point")
	}
}

// playAnnouncement plays one case, and says how many announcements came too late.
func playAnnouncement(t *testing.T, before, meanwhile happening, at call) (late int) {
	w, err := newWorld(1)
	deliver := once()
	if err == nil {
		err = steps(unknown, before.play(deliver))(w)
	}
	if err != nil {
		t.Fatal(err)
	}
	done := onCall(w, at, func() error { return meanwhile.play(deliver)(w) })
	ticked := tick(w)
	if err := errors.Join(ticked, done()); err != nil {
		t.Fatal(err)
	}
	late = countLate(t, w)
	for i := range 10 {
		if err := steps(send(uint64(10+i), 100+10*i, 5), deliver, wait(simulation.Slot/2), tick)(w); err != nil {
			t.Fatal(err)
		}
		is, err := allServe(w)
		if err == nil && is {
			err = w.Check(context.Background())
		}
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if i == 9 && !is {
			t.Error("the views do not serve")
		}
	}
	return late
}

// countLate counts the views that are still announced: their announcement was made again, or waits for the next tick.
func countLate(t *testing.T, w *simulation.World) (n int) {
	views, err := w.Catalog.Views(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		for _, g := range v.Generations {
			if g.State == lifecycle.Announced || g.LiveFrom > 0 {
				n++
			}
		}
	}
	return n
}
