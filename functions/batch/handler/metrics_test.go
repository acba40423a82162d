package handler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/simulation"
)

// TestSkippedPerView checks that a view's metric counts a skipped event once, although a run is applied twice and a
// copy of the event arrives again; and that a view without skipped events has no metric.
func TestSkippedPerView(t *testing.T) {
	w, h, _ := newWorld(t)
	got := map[string]int64{}
	h.Print = func(values ...metrics.Value) {
		for _, v := range values {
			if v.Name == metrics.Skipped {
				got[v.View] += v.Value
			}
		}
	}
	if _, err := h.Handle(t.Context(), tick(t)); err != nil {
		t.Fatal(err)
	}
	if len(got) > 0 {
		t.Errorf("no event was skipped, and metrics say %v", got)
	}
	const event = `{"specversion":"1.0","id":"no user","source":"shop","type":"purchase",` +
		`"time":"2026-01-01T00:00:00Z","data":{"kind":"","amount":7}}`
	if _, err := w.Send(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	w.Wait(2 * simulation.Slot)
	down := errors.New("down")
	w.Catalog.Hook = func(call memory.Call) memory.Fault {
		if call.Name == "catalog.PutView" {
			return memory.Fault{Err: down}
		}
		return memory.Fault{}
	}
	if _, err := h.Handle(t.Context(), tick(t)); !errors.Is(err, down) {
		t.Fatal(err)
	}
	w.Catalog.Hook = nil
	if _, err := h.Handle(t.Context(), tick(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Send(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	w.Wait(2*simulation.Slot + time.Minute)
	if _, err := h.Handle(t.Context(), tick(t)); err != nil {
		t.Fatal(err)
	}
	if got["by_user"] != 1 || len(got) != 2 {
		t.Errorf("skipped per view is %v; want 1 of by_user, and no other view", got)
	}
}
