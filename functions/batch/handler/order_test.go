package handler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/functions/batch/handler"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// killing kills the function that writes an item of a generation that nobody knows yet: its build.
type killing struct {
	viewstore.Base
	known map[lifecycle.GenerationID]bool
}

type killed struct{}

func (k killing) Put(ctx context.Context, item viewstore.BaseItem, loaded slot.Slot) error {
	if !k.known[item.Generation] {
		panic(killed{})
	}
	return k.Base.Put(ctx, item, loaded)
}

// handle is a tick of a new function, and says whether it was killed.
func handle(t *testing.T, w *simulation.World, h *handler.Handler) (isKilled bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, isKilled = r.(killed); !isKilled {
				panic(r)
			}
		}
	}()
	h.Batch, h.Sweep = w.Batch, w.Sweep
	if _, err := h.Handle(t.Context(), tick(t)); err != nil {
		t.Fatal(err)
	}
	return false
}

// TestSweepGoesOnWhileABuildIsKilled kills the build of a view at every tick. The sweep must still queue what the
// stream has lost, and sweep the runs that the stream has.
func TestSweepGoesOnWhileABuildIsKilled(t *testing.T) {
	w, h, _ := newWorld(t)
	handle(t, w, h)
	if err := w.DeliverAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	fail := func(memory.Call) memory.Fault { return memory.Fault{Err: errors.New("down")} }
	w.Stream.Hook, w.Queue.Hook = fail, fail
	if _, err := w.Send(t.Context(), `{"specversion":"1.0","id":"lost","source":"shop","type":"purchase",`+
		`"time":"2026-01-01T00:00:00Z","data":{"user":"u1","kind":"","amount":7}}`); err != nil {
		t.Fatal(err)
	}
	w.Stream.Hook, w.Queue.Hook = nil, nil
	known := map[lifecycle.GenerationID]bool{}
	views, err := w.Catalog.Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		for _, g := range v.Generations {
			known[g.ID] = true
		}
	}
	other := strings.Replace(simulation.Views, "- name: everything\n",
		"- name: everything\n    where: type != \"none\"\n", 1)
	if err := w.Deploy(other); err != nil {
		t.Fatal(err)
	}
	w.Wait(2 * simulation.Slot) // batch counts what the stream lacks
	kills, queued := 0, 0
	for i := range 30 {
		w.Batch.Base = killing{w.Base, known}
		if handle(t, w, h) {
			kills++
		}
		waiting, err := w.Queue.Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		queued += waiting
		if err := errors.Join(w.Republish(t.Context()), w.DeliverAll(t.Context()), w.Check(t.Context())); err != nil {
			t.Fatalf("tick %d: %v", i, err)
		}
		w.Wait(simulation.Slot)
		w.Restart()
	}
	swept, err := w.Catalog.Swept(t.Context())
	head, headErr := w.Catalog.Head(t.Context())
	if err := errors.Join(err, headErr); err != nil {
		t.Fatal(err)
	}
	if kills < 20 {
		t.Fatalf("only %d builds were killed, so the test tests nothing", kills)
	}
	if queued != 1 || swept+4 < head.N {
		t.Errorf("%d objects were queued, and run %d of %d is swept; want the one that was lost, and nearly all", queued,
			swept, head.N)
	}
}

// hanging is a catalog that the sweep gets no answer from.
type hanging struct{ catalog.Sweeps }

func (hanging) Swept(ctx context.Context) (uint64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// TestBatchGoesOnWhileTheSweepHangs checks that the sweep takes only its share of the time, and that its error is
// returned.
func TestBatchGoesOnWhileTheSweepHangs(t *testing.T) {
	w, h, _ := newWorld(t)
	h.Sweep.Sweeps = hanging{}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(w.Clock)) // the bubble's clock begins in another year
		const timeout = 15 * time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		answer, err := h.Handle(ctx, tick(t))
		if left, _ := ctx.Deadline(); time.Until(left) < timeout*7/10 {
			t.Errorf("%s are left for batch, want nearly three quarters of %s", time.Until(left), timeout)
		}
		if answer.Run != 1 || answer.Items == 0 {
			t.Errorf("answer is %+v, want the run of batch", answer)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), "sweep: ") {
			t.Errorf("error is %v, want that of the sweep", err)
		}
	})
}

// TestBatchGoesOnWhileTheSweepFails checks that batch makes its run although a store of the sweep fails.
func TestBatchGoesOnWhileTheSweepFails(t *testing.T) {
	w, h, _ := newWorld(t)
	lost := errors.New("lost on the way")
	w.Catalog.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "catalog.Swept" {
			return memory.Fault{Err: lost}
		}
		return memory.Fault{}
	}
	answer, err := h.Handle(t.Context(), tick(t))
	if !errors.Is(err, lost) || answer.Run != 1 || answer.Items == 0 {
		t.Errorf("answer is %+v, %v; want the run of batch, and the sweep's error", answer, err)
	}
}
