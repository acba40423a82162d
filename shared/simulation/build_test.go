package simulation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// refusing is a store that refuses items of some generations, so their build fails.
type refusing struct {
	viewstore.Base
	refused func(lifecycle.GenerationID) bool
	then    func()
}

var errRefused = errors.New("the item is refused")

func (r refusing) Put(ctx context.Context, item viewstore.BaseItem, loaded slot.Slot) error {
	if r.refused(item.Generation) {
		r.then()
		return errRefused
	}
	return r.Base.Put(ctx, item, loaded)
}

func entry(t *testing.T, w *simulation.World, name view.Name) lifecycle.View {
	t.Helper()
	v, err := w.Catalog.View(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// otherEverything returns views in which the definition of everything has another text, but the same meaning.
func otherEverything(views string) string {
	return strings.Replace(views, "- name: everything\n", "- name: everything\n    where: type != \"none\"\n", 1)
}

// badBuild is a life in which builds of by_user fail: the store refuses the first item, and then something happens to
// the function.
type badBuild struct {
	life
	known   []lifecycle.GenerationID // generations of by_user that were built before
	refused int
}

func newBadBuild(t *testing.T, w life) *badBuild {
	t.Helper()
	b := &badBuild{life: w}
	for _, g := range byUser(t, w.World).Generations {
		b.known = append(b.known, g.ID)
	}
	return b
}

// goOn lets some slots pass. In each, the function that builds fails by fault, a new one takes its place, and the
// answers stay correct.
func (b *badBuild) goOn(t *testing.T, slots, from int, fault func()) {
	t.Helper()
	for i := range 2 * slots {
		at := from + 10*i
		if err := steps(send(uint64(at), at, 6), b.deliver, wait(simulation.Slot/2))(b.World); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		b.World.Batch.Base = refusing{b.World.Base, b.isNew, func() { b.refused++; fault() }}
		if _, err := b.Tick(context.Background()); err != nil && !errors.Is(err, errRefused) && !errors.Is(err, errCrash) {
			t.Fatalf("step %d: %v", i, err)
		}
		uninstall(b.World)
		b.Restart()
		if err := b.Check(context.Background()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

func (b *badBuild) isNew(id lifecycle.GenerationID) bool {
	v, err := b.Catalog.View(context.Background(), "by_user")
	_, isPurchaser := v.Generation(id)
	return err != nil || isPurchaser && !slices.Contains(b.known, id)
}

// TestBuildAlwaysKilled kills the build of one view at every tick. All other work must continue: generations switch,
// and a retained one is dropped and deleted.
func TestBuildAlwaysKilled(t *testing.T) {
	w := running(t)
	original := entry(t, w.World, "everything").Serving
	if err := w.Deploy(otherEverything(variant(0))); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 6, 100)
	other := entry(t, w.World, "everything").Serving
	if other == original {
		t.Fatal("the changed definition of everything does not serve")
	}
	b := newBadBuild(t, w)
	if err := w.Deploy(variant(1)); err != nil { // by_user gets another definition, everything its original one
		t.Fatal(err)
	}
	kill := func() { (&crash{watched: func(memory.Call) bool { return true }}).install(w.World) }
	b.goOn(t, 4, 300, kill)
	if got := entry(t, w.World, "everything").Serving; got != original {
		t.Errorf("generation %s of everything serves, want the original, %s", got, original)
	}
	w.Wait(simulation.RetainFor)
	b.goOn(t, 1, 500, kill)
	w.Wait(2 * time.Minute)
	b.goOn(t, 1, 600, kill)
	if g, ok := entry(t, w.World, "everything").Generation(other); ok || w.Base.Len(other) > 0 {
		t.Errorf("the retained generation is still %+v with %d items, want it deleted", g, w.Base.Len(other))
	}
	g, ok := byUser(t, w.World).FirstInState(lifecycle.Building)
	if !ok || g.Run != 0 || b.refused < 8 {
		t.Errorf("the build was killed %d times and is now %+v: the test tests nothing", b.refused, g)
	}
}

// TestBuildAlwaysFails lets the build of one view fail at every tick. Another view that is built in the same pass must
// serve.
func TestBuildAlwaysFails(t *testing.T) {
	w := running(t)
	before := entry(t, w.World, "everything").Serving
	b := newBadBuild(t, w)
	if err := w.Deploy(otherEverything(variant(1))); err != nil {
		t.Fatal(err)
	}
	b.goOn(t, 6, 100, func() {})
	if got := entry(t, w.World, "everything").Serving; got == before {
		t.Error("the changed definition of everything does not serve")
	}
	g, ok := byUser(t, w.World).FirstInState(lifecycle.Building)
	if !ok || g.Run != 0 || b.refused == 0 {
		t.Errorf("%d items were refused and the build is now %+v: the test tests nothing", b.refused, g)
	}
}

// limited is a context with a deadline by the world's clock.
type limited struct {
	context.Context
	deadline time.Time
}

func (l limited) Deadline() (time.Time, bool) { return l.deadline, true }

// TestBuildWaitsForTime checks that a tick which has spent most of its time on runs leaves the build to the next tick.
// Each object takes a second to read, and a function is killed after twenty seconds.
func TestBuildWaitsForTime(t *testing.T) {
	const longest = 20 * time.Second
	w := running(t)
	sends := func(n, from int) {
		t.Helper()
		for i := range n {
			if err := steps(send(uint64(from+i), from+10*i, 3), w.deliver, wait(time.Second))(w.World); err != nil {
				t.Fatal(err)
			}
		}
	}
	limitedTick := func() bool {
		deadline := w.Clock.Add(longest)
		w.Archive.Hook = func(call memory.Call) memory.Fault {
			if call.Name == "archive.Get" && strings.HasPrefix(call.Key, "events/dt=") {
				w.Wait(time.Second)
			}
			if w.Clock.After(deadline) {
				return memory.Fault{Err: errCrash}
			}
			return memory.Fault{}
		}
		defer uninstall(w.World)
		report, err := w.Batch.Tick(limited{context.Background(), deadline})
		if err != nil {
			t.Errorf("%v, %s after the tick began", err, w.Clock.Sub(deadline.Add(-longest)))
		}
		return report.Backlog
	}
	sends(5, 100)
	if err := steps(wait(2*simulation.Slot), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	sends(12, 200)
	w.Wait(2 * simulation.Slot)
	if err := w.Deploy(variant(1)); err != nil {
		t.Fatal(err)
	}
	if !limitedTick() {
		t.Error("the tick without time for the build reports no backlog")
	}
	if g, ok := byUser(t, w.World).FirstInState(lifecycle.Building); !ok || g.Run != 0 {
		t.Errorf("the generation is %+v, want it not built yet", g)
	}
	if limitedTick() {
		t.Error("the tick with enough time reports a backlog")
	}
	if g, ok := byUser(t, w.World).FirstInState(lifecycle.Building); ok && g.Run == 0 {
		t.Errorf("the generation is %+v, want it built", g)
	}
	if err := w.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// endless is a store in which the deletion of a generation never ends, and each page of it takes a second.
type endless struct {
	viewstore.Base
	page func()
}

func (e endless) Drop(context.Context, lifecycle.GenerationID, string) (string, error) {
	e.page()
	return "more", nil
}

// TestBuildWaitsForNoDeletion checks that deleting a large generation leaves each tick the time to begin a build. The
// generation is given up in one tick, dated in the next, and its grace is over before the one that deletes and builds.
func TestBuildWaitsForNoDeletion(t *testing.T) {
	w := running(t)
	if err := w.Deploy(otherEverything(variant(0))); err != nil {
		t.Fatal(err)
	}
	w.goOn(t, 6, 100)
	w.Wait(simulation.RetainFor)
	if err := steps(tick, tick, wait(5*time.Minute))(w.World); err != nil {
		t.Fatal(err)
	}
	g, ok := entry(t, w.World, "everything").FirstInState(lifecycle.Dropping)
	if !ok || g.Since == event.Never {
		t.Fatalf("the generation is %+v, want it given up and dated", g)
	}
	if err := w.Deploy(otherEverything(variant(1))); err != nil {
		t.Fatal(err)
	}
	pages := 0
	w.Batch.Base = endless{w.Base, func() { pages++; w.Wait(time.Second) }}
	report, err := w.Batch.Tick(limited{context.Background(), w.Clock.Add(20 * time.Second)})
	if err != nil || report.Backlog || pages == 0 {
		t.Errorf("%v, backlog %v, %d pages deleted; want a tick that deletes and leaves nothing", err, report.Backlog, pages)
	}
	if g, ok := byUser(t, w.World).FirstInState(lifecycle.Building); !ok || g.Run == 0 {
		t.Errorf("after %d pages, the new generation of by_user is %+v, want it built", pages, g)
	}
}
