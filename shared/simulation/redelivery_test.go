package simulation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
)

// TestRedelivery delivers the records of each shard several times: the same batch, a suffix, a half, or in other
// batches, to the same environment and to new ones. Once every record has been delivered, every answer must equal the
// oracle's, however often records are delivered again.
func TestRedelivery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		w, shards := streamed(t, rapid.IntRange(1, 6).Draw(t, "requests"))
		for _, records := range shards {
			for done := 0; done < len(records); {
				// A delivery starts at or before the first record that is not applied, as after a restart of the mapping.
				from := rapid.IntRange(0, done).Draw(t, "from")
				to := rapid.IntRange(done+1, len(records)).Draw(t, "to")
				if err := w.Deliver(ctx, records[from:to]); err != nil {
					t.Fatal(err)
				}
				done = to
				if rapid.Bool().Draw(t, "restart") {
					w.Restart()
				}
			}
		}
		if err := w.Check(ctx); err != nil {
			t.Fatal(err)
		}
		redeliver(t, w, shards)
		if err := w.Check(ctx); err != nil {
			t.Fatal("after redelivery:", err)
		}
	})
}

// streamed returns a world whose stream holds the records of some requests, by shard.
func streamed(t *rapid.T, requests int) (*simulation.World, [][]stream.Record) {
	w, err := newWorld(rapid.Uint64().Draw(t, "seed"))
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
		t.Fatal(err)
	}
	for i := range requests {
		// Some events are sent again, since clients retry. All copies are within the speed window.
		again := send(uint64(i/2), i/2*10, rapid.IntRange(1, 10).Draw(t, "again"))
		if err := steps(send(uint64(i), i*10, 10), wait(simulation.Slot/3), again, wait(time.Second))(w); err != nil {
			t.Fatal(err)
		}
	}
	shards, err := w.Records()
	if err != nil {
		t.Fatal(err)
	}
	return w, shards
}

func redeliver(t *rapid.T, w *simulation.World, shards [][]stream.Record) {
	for _, records := range shards {
		half := len(records) / 2
		for _, again := range [][]stream.Record{records, records[half:], records[:half], records} {
			if len(again) == 0 {
				continue
			}
			if rapid.Bool().Draw(t, "new environment") {
				w.Restart()
			}
			if err := w.Deliver(context.Background(), again); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestSpeedWindow checks that speed drops a copy that arrived within its window of an earlier one, in whatever
// environment, and counts a copy beyond the window.
func TestSpeedWindow(t *testing.T) {
	for _, c := range []struct {
		name  string
		waits []time.Duration // between the copies
		want  string          // copies counted, without batch
	}{
		{"at once", []time.Duration{0, time.Second}, "1"},
		{"just within", []time.Duration{time.Hour}, "1"},
		{"just beyond", []time.Duration{time.Hour + time.Millisecond}, "2"},
		{"dropped copies are remembered", []time.Duration{50 * time.Minute, 50 * time.Minute, 50 * time.Minute}, "1"},
	} {
		for _, environments := range []string{"one environment", "a new one each time", "all at the end"} {
			t.Run(c.name+", "+environments, func(t *testing.T) {
				if got := countCopies(t, c.waits, environments); got != c.want {
					t.Errorf("counted %s times, want %s", got, c.want)
				}
			})
		}
	}
}

func countCopies(t *testing.T, waits []time.Duration, environments string) string {
	t.Helper()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	one := `{"specversion":"1.0","id":"1","source":"s","type":"visit","time":"2026-01-01T00:00:00Z","data":{}}`
	all := []func(*simulation.World) error{serve}
	for _, d := range append([]time.Duration{0}, waits...) {
		all = append(all, wait(d), func(w *simulation.World) error {
			_, err := w.Send(context.Background(), one)
			return err
		})
		switch environments {
		case "one environment":
			all = append(all, deliver)
		case "a new one each time":
			all = append(all, deliver, func(w *simulation.World) error { w.Restart(); return nil })
		}
	}
	if err := steps(append(all, deliver)...)(w); err != nil {
		t.Fatal(err)
	}
	answer, err := w.Ask(context.Background(), "everything", "")
	if err != nil {
		t.Fatal(err)
	}
	return valuesOf(answer, "events")[0]
}

// TestFrozenTwin freezes a function before one of its writes. Another one does the same work and more. Then the first
// one thaws and continues.
func TestFrozenTwin(t *testing.T) {
	for frozen := range 40 {
		t.Run(fmt.Sprint(frozen), func(t *testing.T) {
			if err := playTwin(frozen); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func playTwin(frozen int) error {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		return err
	}
	if err := steps(serve, send(1, 0, 20), deliver, send(2, 20, 20))(w); err != nil {
		return err
	}
	first := w.Speed
	w.Restart()
	twin := w.Speed
	thaw := onCall(w, call{"speed.Put", frozen}, func() error {
		w.Speed = twin
		return steps(deliver, send(3, 40, 10), deliver)(w)
	})
	w.Speed = first
	if err := deliver(w); err != nil {
		return fmt.Errorf("thawed: %w", err)
	}
	if err := thaw(); err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	w.Speed = first
	if err := deliver(w); err != nil {
		return err
	}
	return w.Check(ctx)
}

// TestMemoryReachesBack checks a record that the sweep brings late. Its stamp is further back than the memory of the
// function, by less than the patience of the memory or by more. Speed must still find the copy that another environment
// has applied before.
func TestMemoryReachesBack(t *testing.T) {
	for _, late := range []time.Duration{40 * time.Minute, 5 * time.Hour} {
		t.Run(late.String(), func(t *testing.T) { memoryReachesBack(t, late) })
	}
}

func memoryReachesBack(t *testing.T, late time.Duration) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	deliver := once()
	// First the original events. Then their copies, which are archived but not streamed. Then a new environment, which
	// remembers one hour back from now.
	if err := steps(serve, send(1, 0, 20), deliver, wait(50*time.Minute), lost(send(1, 0, 20)),
		wait(late))(w); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	if err := steps(send(2, 20, 20), deliver)(w); err != nil {
		t.Fatal(err)
	}
	objects, _, err := w.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 10)
	if err != nil || len(objects) != 3 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	if err := w.Republisher.Republish(ctx,
		stream.Republish{Object: string(objects[1].Key), Lanes: w.Republisher.Lanes()}); err != nil {
		t.Fatal(err)
	}
	if err := deliver(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}
