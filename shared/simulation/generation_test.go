package simulation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/simulation"
)

// variant returns the views with another text of by_user's definition that means the same, so that one oracle checks
// all of them. 0 is the original.
func variant(n int) string {
	if n == 0 {
		return simulation.Views
	}
	return strings.Replace(simulation.Views, `data.kind != "test"`, fmt.Sprintf(`data.kind != "test" && data.kind != "kind %d"`, n), 1)
}

func deploy(n int) func(*simulation.World) error {
	return func(w *simulation.World) error { return w.Deploy(variant(n)) }
}

// byUser returns by_user's entry in the catalog. The tests change this view.
func byUser(t *testing.T, w *simulation.World) lifecycle.View {
	t.Helper()
	v, err := w.Catalog.View(context.Background(), "by_user")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func serves(t *testing.T, w *simulation.World) lifecycle.Generation {
	t.Helper()
	v := byUser(t, w)
	g, ok := v.Generation(v.Serving)
	if !ok || g.State != lifecycle.Serving {
		t.Fatalf("generation %+v serves", g)
	}
	return g
}

// textServing returns the text of the definition that serves.
func textServing(t *testing.T, w *simulation.World) string {
	t.Helper()
	text, err := w.Catalog.Definition(context.Background(), serves(t, w).Definition)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// life is a world in which each record is delivered once. A definition that was not live at the first delivery would
// count a record at its second one.
type life struct {
	*simulation.World
	deliver func(*simulation.World) error
}

// goOn plays some slots of normal life. Events and copies come, batch ticks, and every answer must be right after each
// step.
func (w life) goOn(t *testing.T, slots, from int) {
	t.Helper()
	for i := range 2 * slots {
		at := from + 10*i
		if err := steps(send(uint64(at), at, 6), send(uint64(at), at, 2), w.deliver, wait(simulation.Slot/2),
			tick)(w.World); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if err := w.Check(context.Background()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

func running(t *testing.T) life {
	t.Helper()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	deliver := once()
	if err := steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick)(w); err != nil {
		t.Fatal(err)
	}
	return life{w, deliver}
}

// TestChange changes a definition. The new generation is built from all history while the old one answers. Then the new
// one serves; the old one is kept current, and dropped at the end with all its items. Every answer must be right
// meanwhile.
func TestChange(t *testing.T) {
	w := running(t)
	old := serves(t, w.World)
	if err := w.Deploy(variant(1)); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 6, 100)
	changed := serves(t, w.World)
	if changed.Definition == old.Definition {
		t.Fatal("the old definition still serves")
	}
	if g, ok := byUser(t, w.World).Generation(old.ID); !ok || g.State != lifecycle.Retained || g.Run != changed.Run {
		t.Errorf("the old generation is %+v, want it retained and at run %d", g, changed.Run)
	}
	if n := w.Base.Len(old.ID); n == 0 {
		t.Error("the old generation has no items left")
	}
	w.Wait(simulation.RetainFor)
	w.goOn(t, 2, 300)
	if n := w.Base.Len(old.ID); n == 0 {
		t.Error("the old generation's items are deleted at once, although a query may still read them")
	}
	w.Wait(2 * time.Minute)
	w.goOn(t, 2, 400)
	if _, ok := byUser(t, w.World).Generation(old.ID); ok {
		t.Error("the old generation is still there")
	}
	if n := w.Base.Len(old.ID); n != 0 {
		t.Errorf("%d items of the old generation are still there", n)
	}
}

// TestDescription checks that a description that changes alone reaches the catalog at the next tick. It begins no
// generation, and later ticks write nothing.
func TestDescription(t *testing.T) {
	w := running(t)
	before := byUser(t, w.World)
	const name = "  - name: by_user\n"
	described := strings.Replace(simulation.Views, name, name+"    description: Purchases\n", 1)
	if err := w.Deploy(described); err != nil {
		t.Fatal(err)
	}
	if err := steps(tick, tick)(w.World); err != nil {
		t.Fatal(err)
	}
	want := before
	want.Description, want.Revision = "Purchases", before.Revision+1
	if diff := cmp.Diff(want, byUser(t, w.World)); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
}

// TestChangeBack deploys the definition before again while its generation is retained. It must serve at the next tick,
// with all events that have come since.
func TestChangeBack(t *testing.T) {
	w := running(t)
	old := serves(t, w.World)
	if err := w.Deploy(variant(1)); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 6, 100)
	if err := steps(deploy(0), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	if got := serves(t, w.World); got.ID != old.ID {
		t.Errorf("generation %+v serves, want the one before", got)
	}
	if err := w.Check(context.Background()); err != nil {
		t.Error(err)
	}
	w.goOn(t, 3, 300)
}

// TestChangedAgain changes a definition again before its generation serves, however far it has come. The generation
// must be given up for the next one, and nothing of it may remain.
func TestChangedAgain(t *testing.T) {
	for c := range pairs([]int{0, 2}, []int{0, 1, 2, 3}) {
		t.Run(fmt.Sprintf("after %d slots to %d", c.b, c.a), func(t *testing.T) { playChangedAgain(t, c.a, c.b) })
	}
}

// playChangedAgain deploys variant 1 and, so many slots later, the next one.
func playChangedAgain(t *testing.T, next, slots int) {
	w := running(t)
	if err := steps(deploy(1), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	old := byUser(t, w.World).Generations
	w.goOn(t, slots, 100)
	if err := w.Deploy(variant(next)); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 6, 300)
	w.Wait(simulation.RetainFor)
	w.goOn(t, 2, 600)
	w.Wait(2 * time.Minute)
	w.goOn(t, 2, 700)
	v := byUser(t, w.World)
	if len(v.Generations) != 1 {
		t.Errorf("%d generations are left: %+v", len(v.Generations), v.Generations)
	}
	for _, g := range old {
		if g.ID != v.Serving && w.Base.Len(g.ID) != 0 {
			t.Errorf("%d items of generation %+v are left", w.Base.Len(g.ID), g)
		}
	}
	if text := textServing(t, w.World); strings.Contains(text, `kind 1`) {
		t.Errorf("the definition that serves is %s", text)
	}
}

// TestTenChanges changes the definition ten times in a row while events come. Every answer must be right.
func TestTenChanges(t *testing.T) {
	w := running(t)
	for n := 1; n <= 10; n++ {
		if err := w.Deploy(variant(n)); err != nil {
			t.Fatal(err)
		}
		w.goOn(t, 4, 1000*n)
		if text := textServing(t, w.World); !strings.Contains(text, fmt.Sprintf(`kind %d`, n)) {
			t.Errorf("after change %d the definition that serves is %s", n, text)
		}
		if v := byUser(t, w.World); len(v.Generations) > 4 {
			t.Errorf("after change %d there are %d generations", n, len(v.Generations))
		}
	}
}

// TestTwoVersionsOfBatch lets two versions of batch tick in turn, as during a deployment. Each wants its own
// definition. Every answer must be right meanwhile, and the new version's definition must serve in the end.
func TestTwoVersionsOfBatch(t *testing.T) {
	w := running(t)
	for i := range 6 {
		if err := w.Deploy(variant(i % 2)); err != nil {
			t.Fatal(err)
		}
		w.goOn(t, 1, 100+100*i)
	}
	if err := w.Deploy(variant(1)); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 6, 1000)
	if text := textServing(t, w.World); !strings.Contains(text, `kind 1`) {
		t.Errorf("the definition that serves is %s", text)
	}
}

// TestChangeInterrupted freezes the tick that announces, builds, switches or drops at each of its calls, while another
// tick does all the work and life continues. Then it thaws.
func TestChangeInterrupted(t *testing.T) {
	calls := callsOf(3, "catalog.View", "catalog.Views", "catalog.PutView", "catalog.PutDefinition",
		"base.Load", "base.Put", "base.Drop", "archive.Get")
	for c := range pairs([]int{0, 1, 3}, calls) {
		t.Run(fmt.Sprint(c.a, " slots later, ", c.b), func(t *testing.T) { playChange(t, c.a, c.b) })
	}
}

// playChange freezes the tick that comes the given number of slots after a change.
func playChange(t *testing.T, slots int, at call) {
	w := running(t)
	if err := w.Deploy(variant(1)); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, slots, 100)
	if slots == 3 {
		if err := steps(wait(simulation.RetainFor), tick, wait(2*time.Minute))(w.World); err != nil {
			t.Fatal(err)
		}
	}
	done := onCall(w.World, at, func() error {
		return steps(tick, send(7, 700, 10), w.deliver, wait(2*simulation.Slot), tick, wait(simulation.Slot), tick)(w.World)
	})
	frozenErr := tick(w.World)
	if err := done(); err != nil {
		t.Fatal(err)
	}
	if frozenErr != nil {
		t.Logf("the frozen tick: %v", frozenErr)
	}
	if err := w.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 5, 800)
	if text := textServing(t, w.World); !strings.Contains(text, `kind 1`) {
		t.Errorf("the definition that serves is %s", text)
	}
}
