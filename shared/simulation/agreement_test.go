package simulation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
)

// TestAgreement checks that answers do not depend on the horizon. Events come over several slots. Then batch takes over
// one slot after the other, and at each horizon every answer must equal the oracle's.
func TestAgreement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		w, err := newWorld(rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		if err := serve(w); err != nil {
			t.Fatal(err)
		}
		requests := rapid.IntRange(1, 8).Draw(t, "requests")
		for i := range requests {
			if err := send(rapid.Uint64().Draw(t, "events"), i*10, rapid.IntRange(1, 10).Draw(t, "n"))(w); err != nil {
				t.Fatal(err)
			}
			w.Wait(time.Duration(rapid.IntRange(0, 12_000).Draw(t, "ms")) * time.Millisecond)
		}
		if err := deliver(w); err != nil {
			t.Fatal(err)
		}
		for step := 0; ; step++ {
			if err := w.Check(ctx); err != nil {
				t.Fatalf("after %d ticks: %v", step, err)
			}
			if step > 20 {
				break
			}
			w.Wait(simulation.Slot / 2)
			if err := tick(w); err != nil {
				t.Fatal(err)
			}
		}
		if err := allExact(ctx, w); err != nil {
			t.Fatal(err)
		}
	})
}

// allExact checks that every row of the view everything is exact. Event times lie in the first minutes of the simulated
// day, so their hour has to end first.
func allExact(ctx context.Context, w *simulation.World) error {
	w.Wait(2 * time.Hour)
	if err := tick(w); err != nil {
		return err
	}
	answer, err := w.Ask(ctx, "everything", "")
	if err != nil {
		return err
	}
	if len(answer.Data) == 0 {
		return fmt.Errorf("no rows")
	}
	for _, row := range answer.Data {
		if !row.Exact || row.Parts.Speed != nil || row.Parts.Batch == nil {
			return fmt.Errorf("row %s is not exact from batch alone", row.Start)
		}
	}
	return w.Check(ctx)
}

// TestTakeover follows one row from speed to batch: its parts and its marks change, but its values never do.
func TestTakeover(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, send(1, 0, 30), deliver)(w); err != nil {
		t.Fatal(err)
	}
	before := ask(t, w)
	for _, row := range before.Data {
		if row.Exact || row.Parts.Batch != nil || row.Parts.Speed == nil {
			t.Errorf("row %s before batch: exact %v, parts %+v; want only a speed part, and not exact", row.Start, row.Exact,
				row.Parts)
		}
	}
	if err := steps(wait(simulation.Slot+simulation.SealDelay), tick)(w); err != nil {
		t.Fatal(err)
	}
	after := ask(t, w)
	for i, row := range after.Data {
		if row.Parts.Batch == nil || row.Parts.Speed != nil {
			t.Errorf("row %s after batch: parts %+v; want only a batch part", row.Start, row.Parts)
		}
		if got, want := fmt.Sprint(row.Values), fmt.Sprint(before.Data[i].Values); got != want {
			t.Errorf("row %s changed from %s to %s", row.Start, want, got)
		}
		// The answer covers two hours of event time. The later hour has not ended at two minutes past midnight.
		if ended := row.Start < "2026-01-01T00:00:00Z"; row.Exact != ended {
			t.Errorf("row %s exact is %v; its window has ended by the horizon: %v", row.Start, row.Exact, ended)
		}
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

func ask(t *testing.T, w *simulation.World) present.Answer {
	t.Helper()
	answer, err := w.Ask(context.Background(), "everything", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Data) != 2 {
		t.Fatalf("%d rows, want 2", len(answer.Data))
	}
	return answer
}
