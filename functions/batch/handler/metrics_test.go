package handler_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/runs"
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

// TestRunLoad checks that the metric says which share of the memory a run takes, of its lines and its events, and that
// there is none without a run or with unknown memory.
func TestRunLoad(t *testing.T) {
	w, h, _ := newWorld(t)
	got := map[metrics.Name]int64{}
	h.Print = func(values ...metrics.Value) {
		for _, v := range values {
			if v.View == "" {
				got[v.Name] = v.Value
			}
		}
	}
	for i, test := range []struct{ memory, events int }{{0, 3}, {1, 0}, {1, 300}} {
		h.Batch.Lease.Memory = test.memory
		for n := range test.events {
			event := fmt.Sprintf(`{"specversion":"1.0","id":"%d of %d","source":"shop","type":"visit"}`, n, i)
			if _, err := w.Send(t.Context(), event); err != nil {
				t.Fatal(err)
			}
		}
		w.Wait(2*simulation.Slot + time.Minute)
		clear(got)
		if _, err := h.Handle(t.Context(), tick(t)); err != nil {
			t.Fatal(err)
		}
		head, err := w.Catalog.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := runs.Load(head, test.memory); got[metrics.RunLoad] != want || test.events > 3 && want < 10 {
			t.Errorf("%d events in %d MB: %d%%, want %d%%, of %d bytes", test.events, test.memory, got[metrics.RunLoad], want,
				head.Bytes)
		}
	}
}
