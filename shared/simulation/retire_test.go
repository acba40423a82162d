package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

// leaveOut deploys batch with a file that leaves by_user out. The world still checks the answers of all views.
func leaveOut(w *simulation.World) {
	w.Batch.Definitions = slices.DeleteFunc(slices.Clone(w.Batch.Definitions), func(d lifecycle.Definition) bool {
		return d.Name == "by_user"
	})
}

// TestRetired checks a view that the deployed file leaves out. Speed and batch must keep it current. When the file
// has the view again, the view continues without a gap. When it stays retired for long enough, it is dropped, but its
// entry in the catalog stays. When it is deployed after that, it begins anew.
func TestRetired(t *testing.T) {
	w := running(t)
	before := byUser(t, w.World)
	leaveOut(w.World)
	w.goOn(t, 4, 100)
	retired := byUser(t, w.World)
	g, _ := retired.Generation(before.Serving)
	head, err := w.Catalog.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if retired.Retired == 0 || retired.Serving != before.Serving || g.Run != head.N {
		t.Fatalf("the head is at run %d; the view that was left out is %+v", head.N, retired)
	}
	w.Restart()
	w.goOn(t, 2, 300)
	again := byUser(t, w.World)
	if again.Retired != 0 || again.Serving != before.Serving || len(again.Generations) != 1 {
		t.Fatalf("deployed again, the view is %+v", again)
	}

	leaveOut(w.World)
	w.goOn(t, 1, 400)
	w.Wait(simulation.RetainFor - 2*time.Minute)
	w.goOn(t, 1, 450)
	if v := byUser(t, w.World); v.Serving != before.Serving || v.IsGone() {
		t.Fatalf("shortly before its drop, the view is %+v", v)
	}
	w.Wait(simulation.RetainFor)
	for range 3 {
		if err := tick(w.World); err != nil {
			t.Fatal(err)
		}
		w.Wait(2 * time.Minute)
	}
	gone := byUser(t, w.World)
	if !gone.IsGone() || len(gone.Generations) > 0 || w.Base.Len(before.Serving) > 0 || gone.Revision <= again.Revision {
		t.Fatalf("the dropped view still has %d items: %+v", w.Base.Len(before.Serving), gone)
	}

	w.Restart()
	for i := range 6 {
		if err := steps(send(uint64(600+i), 600+10*i, 6), w.deliver, wait(simulation.Slot), tick)(w.World); err != nil {
			t.Fatal(err)
		}
	}
	w.goOn(t, 1, 700)
	if v := byUser(t, w.World); v.Retired != 0 || v.Serving == "" || v.Serving == before.Serving ||
		v.Revision <= gone.Revision {
		t.Errorf("deployed after its drop, the view is %+v", v)
	}
}

// TestRetireInTurn lets two versions of batch tick in turn; one leaves the view out. The view is retired and taken up
// each time. Nothing else may happen to it, however long this continues.
func TestRetireInTurn(t *testing.T) {
	w := running(t)
	before := byUser(t, w.World)
	for range 6 {
		leaveOut(w.World)
		w.goOn(t, 1, 100)
		w.Restart()
		w.Wait(simulation.RetainFor / 2)
		w.goOn(t, 1, 200)
	}
	if v := byUser(t, w.World); v.Retired != 0 || v.Serving != before.Serving || len(v.Generations) != 1 {
		t.Errorf("the view is %+v", v)
	}
}

// TestRetireKilled kills the tick that retires or drops a view at each of its writes, before and after the write is
// applied. The next tick must continue.
func TestRetireKilled(t *testing.T) {
	for _, applied := range []bool{false, true} {
		for n := range 3 {
			t.Run(fmt.Sprint(applied, n), func(t *testing.T) {
				w := running(t)
				killed := func() {
					puts := 0
					w.Catalog.Hook = func(call memory.Call) memory.Fault {
						if call.Name != "catalog.PutView" {
							return memory.Fault{}
						}
						if puts++; puts-1 < n {
							return memory.Fault{}
						}
						return memory.Fault{Err: errCrash, Applied: applied}
					}
					_, _ = w.Batch.Tick(context.Background())
					uninstall(w.World)
					w.Restart()
					leaveOut(w.World)
				}
				leaveOut(w.World)
				killed()
				w.goOn(t, 1, 100)
				if v := byUser(t, w.World); v.Retired == 0 || v.Serving == "" {
					t.Fatalf("the view is %+v", v)
				}
				w.Wait(2 * simulation.RetainFor)
				killed()
				if err := tick(w.World); err != nil {
					t.Fatal(err)
				}
				if v := byUser(t, w.World); !v.IsGone() {
					t.Errorf("the view is %+v", v)
				}
			})
		}
	}
}

// TestRetireNothing checks that a file without any view retires nothing, and drops no view that is retired.
func TestRetireNothing(t *testing.T) {
	w := running(t)
	leaveOut(w.World)
	w.goOn(t, 1, 100)
	w.Batch.Definitions = nil
	for range 3 {
		w.Wait(simulation.RetainFor)
		if _, err := w.Batch.Tick(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	views, err := w.Catalog.Views(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		if v.Serving == "" || (v.Retired != 0) != (v.Name == "by_user") {
			t.Errorf("the view is %+v", v)
		}
	}
}

// TestIdleTick checks that a tick without work reads the views once and the head once.
func TestIdleTick(t *testing.T) {
	w := running(t)
	for range 3 { // until every run is applied and no switch is left
		if err := tick(w.World); err != nil {
			t.Fatal(err)
		}
	}
	calls := map[string]int{}
	w.Catalog.Hook = func(call memory.Call) memory.Fault {
		calls[call.Name]++
		if call.Name == "catalog.PutView" {
			return memory.Fault{Err: errors.New("an idle tick writes")}
		}
		return memory.Fault{}
	}
	report, err := w.Batch.Tick(context.Background())
	uninstall(w.World)
	if err != nil || len(report.Runs) > 0 {
		t.Fatalf("the tick was not idle: %+v, %v", report, err)
	}
	if calls["catalog.Views"] != 1 || calls["catalog.Head"] != 1 || calls["catalog.View"] != 0 {
		t.Errorf("calls: %v", calls)
	}
}
