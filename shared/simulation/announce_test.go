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

// once returns an act that delivers each record once, as a healthy stream does.
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

// allServe reports whether every view serves.
func allServe(w *simulation.World) (bool, error) {
	views, err := w.Catalog.Views(context.Background())
	for _, v := range views {
		if v.Serving == "" {
			return false, err
		}
	}
	return len(views) > 0, err
}

// TestFirstEventIsLive checks that on a new stack, the first tick makes the views serve, live from the first event on.
// No new slot has to begin first.
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

// act is something that happens in a world.
type act = func(*simulation.World) error

// happening is an act with a name. It delivers records with the act that it gets, which delivers each record once.
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

// TestAnnouncement freezes the tick that announces the views at each of its calls. Meanwhile events come, time passes,
// or another tick runs, on a new stack and on one that has events. From the moment that a view serves, its answers must
// miss no event.
func TestAnnouncement(t *testing.T) {
	late := 0
	calls := callsOf(4, "catalog.View", "catalog.PutView", "catalog.PutDefinition", "archive.List")
	for c := range triples(befores, meanwhiles, calls) {
		t.Run(c.String(), func(t *testing.T) { late += playAnnouncement(t, c.a, c.b, c.c) })
	}
	if late == 0 {
		t.Error("no announcement came too late, so the test tests nothing")
	}
}

// playAnnouncement plays one case, and returns how many announcements came too late.
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

// countLate counts the views that are still announced: their announcement was repeated, or waits for the next tick.
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
