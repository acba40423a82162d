package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
)

// TestFirstBuildBehindTheSweep checks that a first generation does not answer before it has every run that the sweep
// has queued. A batch function freezes while it builds the first view from run 1. Another batch makes run 2 and dies.
// The sweep waits for no view that is not built, so it queues what the stream has lost of both runs. The frozen
// function then builds the view from run 1 alone. If that generation answered, a late object of run 2 would show in its
// answers, and would disappear while run 2 is applied.
func TestFirstBuildBehindTheSweep(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(lost(send(1, 0, 20)), wait(time.Minute), dying)(w); err != nil {
		t.Fatal(err)
	}
	frozen, queued := w.Batch, 0
	ended := onCall(w, call{"catalog.Runs", 0}, func() error {
		if err := steps(lost(send(2, 20, 20)), wait(time.Minute), dying, send(3, 40, 20), deliver,
			wait(2*simulation.SweepAfter))(w); err != nil {
			return err
		}
		report, err := w.Sweep.Tick(ctx)
		queued = report.Queued
		return err
	})
	if _, err := frozen.Tick(ctx); err != nil {
		t.Fatal(err)
	}
	if err := ended(); err != nil || queued != 2 {
		t.Fatalf("%v, and %d objects are queued, want those of both runs", err, queued)
	}
	v := views(t, w)[0]
	if g, ok := v.Answering(); ok || v.Generations[0].Run != 1 {
		t.Errorf("view %s: %+v answers: %v; want it built up to run 1, and no answer yet", v.Name, g, ok)
	}
	if err := steps(republish, deliver, tick)(w); err != nil {
		t.Fatal(err)
	}
	for _, v := range views(t, w) {
		if g, ok := v.Answering(); !ok || g.Run < 2 {
			t.Errorf("view %s: %+v answers: %v; want it to answer with run 2", v.Name, g, ok)
		}
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

func views(t *testing.T, w *simulation.World) []lifecycle.View {
	t.Helper()
	all, err := w.Catalog.Views(context.Background())
	if err != nil || len(all) == 0 {
		t.Fatalf("%d views, %v", len(all), err)
	}
	return all
}

// TestNeverBuiltHoldsNoSweep checks that a view that cannot be built does not hold the sweep. The store refuses one of
// the view's items at every tick. The sweep still brings the other views what the stream has lost. Once the store takes
// the item, the view has everything.
func TestNeverBuiltHoldsNoSweep(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	b := &badBuild{life: life{w, once()}}
	if err := steps(lost(send(1, 0, 20)), send(2, 20, 20), b.deliver, wait(time.Minute))(w); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		b.World.Batch.Base = refusing{w.Base, b.isNew, func() { b.refused++ }}
		if _, err := w.Tick(ctx); !errors.Is(err, errRefused) {
			t.Fatalf("tick %d: %v, want the build refused", i, err)
		}
		if err := steps(sweep, republish, b.deliver, wait(simulation.SweepAfter/2))(w); err != nil {
			t.Fatalf("tick %d: %v", i, err)
		}
		w.Restart()
	}
	swept, err := w.Catalog.Swept(ctx)
	if err != nil || swept == 0 {
		t.Errorf("run %d is swept, %v; want the first at least, whose lost objects have come", swept, err)
	}
	if g := byUser(t, w).Generations[0]; g.Run != 0 {
		t.Errorf("the story misses its point: what cannot be built has come to %+v", g)
	}
	if err := steps(tick, tick, check)(w); err != nil {
		t.Error("once it can be built:", err)
	}
}

// TestOneViewHoldsNoOther checks that batch brings a view up to the head at each tick while the catalog entry or the
// items of another view fail. The failing view catches up when its store works again.
func TestOneViewHoldsNoOther(t *testing.T) {
	for _, by := range []string{"catalog.PutView", "catalog.View", "base.Put"} {
		t.Run(by, func(t *testing.T) {
			ctx := context.Background()
			w := running(t)
			behind := byUser(t, w.World).Generations[0]
			for i := range 6 {
				wait := wait(simulation.Slot + simulation.SealDelay)
				if err := steps(send(uint64(i), 100+10*i, 6), w.deliver, wait)(w.World); err != nil {
					t.Fatal(err)
				}
				refuse := func(c memory.Call) memory.Fault {
					if c.Name == by && c.Key == "by_user" {
						return memory.Fault{Err: errRefused}
					}
					return memory.Fault{}
				}
				w.Catalog.Hook = refuse
				isBehind := func(id lifecycle.GenerationID) bool { return by == "base.Put" && id == behind.ID }
				w.Batch.Base = refusing{w.Base, isBehind, func() {}}
				report, err := w.Tick(ctx)
				if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "view by_user") {
					t.Fatalf("tick %d: %v, want the error, and the view in it", i, err)
				}
				uninstall(w.World)
				w.Restart()
				if g := entry(t, w.World, "everything").Generations[0]; g.Run != report.Head.N {
					t.Errorf("tick %d: the other view is at run %d of %d", i, g.Run, report.Head.N)
				}
				if g := byUser(t, w.World).Generations[0]; g.Run != behind.Run {
					t.Errorf("the story misses its point: what fails has come to %+v", g)
				}
			}
			if err := steps(tick, check)(w.World); err != nil {
				t.Error("once nothing fails:", err)
			}
		})
	}
}

// TestOneDefinitionHoldsNoOther checks that a tick goes on with all other views while the stored definition of one
// cannot be read, or is no definition. The error names the view and the hash, and does not speak of a deployment.
func TestOneDefinitionHoldsNoOther(t *testing.T) {
	for name, broken := range map[string]error{"time-out": context.DeadlineExceeded, "corrupt": nil} {
		t.Run(name, func(t *testing.T) {
			w := running(t)
			behind := byUser(t, w.World).Generations[0]
			for i := range 3 {
				wait := wait(simulation.Slot + simulation.SealDelay)
				if err := steps(send(uint64(i), 100+10*i, 6), w.deliver, wait)(w.World); err != nil {
					t.Fatal(err)
				}
				w.Restart()
				w.Batch.Catalog = unreadable{w.Catalog, behind.Definition, broken}
				w.Batch.Programs = &programs.Cache{}
				report, err := w.Tick(t.Context())
				if err == nil || broken != nil && !errors.Is(err, broken) || strings.Contains(err.Error(), "deploys") ||
					!strings.Contains(err.Error(), "view by_user") || strings.Count(err.Error(), string(behind.Definition)) != 1 {
					t.Fatalf("tick %d: %v, want one error with the view and the hash", i, err)
				}
				if g := entry(t, w.World, "everything").Generations[0]; g.Run != report.Head.N || len(report.Runs) == 0 {
					t.Errorf("tick %d: the other view is at run %d of %d", i, g.Run, report.Head.N)
				}
				if g := byUser(t, w.World).Generations[0]; g.Run != behind.Run {
					t.Errorf("tick %d: the unreadable view has come to %+v", i, g)
				}
			}
			w.Restart()
			if err := steps(tick, check)(w.World); err != nil {
				t.Error("once it can be read:", err)
			}
		})
	}
}

// unreadable is a catalog in which the text of one definition cannot be read, or, without an error, is no definition.
type unreadable struct {
	catalog.Catalog
	hash view.Hash
	err  error
}

func (u unreadable) Definition(ctx context.Context, hash view.Hash) ([]byte, error) {
	if hash == u.hash {
		return []byte(`{"engine":2}`), u.err
	}
	return u.Catalog.Definition(ctx, hash)
}

// TestSwitchWhileTheServingGenerationMoves checks that no generation replaces one whose items are ahead of it. An
// operator's function has read the head, and freezes before it writes the switch. Batch makes a run of events that the
// stream has lost, brings items to it, and dies. The other generation may fail meanwhile. What answers then shows some
// of these events. Whether the frozen switch is written or refused, they must not disappear.
func TestSwitchWhileTheServingGenerationMoves(t *testing.T) {
	for c := range pairs([]int{0, 1, 2, 3, 4, 5}, []bool{false, true}) {
		t.Run(fmt.Sprintf("batch dies after %d items, the other generation fails %v", c.a, c.b), func(t *testing.T) {
			w := running(t)
			if err := w.Deploy(variant(1)); err != nil {
				t.Fatal(err)
			}
			for i := range 12 {
				w.Batch.RequireApproval = true
				if err := steps(send(uint64(i), 100+10*i, 6), w.deliver, wait(simulation.Slot/2), tick)(w.World); err != nil {
					t.Fatal(err)
				}
			}
			if err := steps(lost(send(7, 5000, 12)), wait(time.Minute))(w.World); err != nil {
				t.Fatal(err)
			}
			shown, serving := 0, serves(t, w.World).ID
			fails := func(id lifecycle.GenerationID) bool { return c.b && id != serving }
			ended := onCall(w.World, call{"catalog.PutView", 0}, func() error {
				w.Restart()
				w.Batch.Base = refusing{w.Base, fails, func() {}}
				err := dyingAfter("base.Put", c.a, tick)(w.World)
				shown = counted(t, w.World)
				return err
			})
			err := refused(operate(operations.Switch))(w.World)
			if err := errors.Join(err, ended()); err != nil {
				t.Fatal(err)
			}
			if now := counted(t, w.World); now < shown {
				t.Errorf("the answers count %d purchases, and have counted %d: %+v", now, shown, byUser(t, w.World).Generations)
			}
			if err := steps(tick, check)(w.World); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRollbackBehindTheSweep checks that no generation replaces a Kappa generation without the runs that the sweep has
// queued. The sweep waits for no Kappa generation, which counts what it queues at once. An operator's function has
// read the head, and freezes before it writes the rollback. Batch makes a run with a late object that the stream has
// lost, and dies. The sweep queues the object, and the Kappa generation shows it. A Lambda generation of the run
// before must not replace it then, since it lacks the object.
func TestRollbackBehindTheSweep(t *testing.T) {
	ctx := context.Background()
	w := onlyKappa(t, false)
	if err := lost(send(7, 5000, 6))(w.World); err != nil {
		t.Fatal(err)
	}
	objects, _, err := w.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1000)
	if err != nil {
		t.Fatal(err)
	}
	w.Batch.Archive = &hiding{Archive: w.Archive, hidden: objects[len(objects)-1].Key}
	if err := steps(send(8, 5100, 6), w.deliver, wait(time.Minute), tick, replay)(w.World); err != nil {
		t.Fatal(err)
	}
	before, shown, queued := counted(t, w.World), 0, 0
	ended := onCall(w.World, call{"catalog.PutView", 0}, func() error {
		w.Restart() // batch lists what it has not listed before
		err := steps(wait(time.Minute), dyingAfter("catalog.Append", 1, tick), wait(2*simulation.SweepAfter))(w.World)
		if err != nil {
			return err
		}
		report, err := w.Sweep.Tick(ctx)
		queued = report.Queued
		err = errors.Join(err, steps(republish, w.deliver)(w.World))
		shown = counted(t, w.World)
		return err
	})
	err = refused(operate(operations.Rollback))(w.World)
	if err := errors.Join(err, ended()); err != nil {
		t.Fatal(err)
	}
	if queued != 1 || shown == before {
		t.Fatalf("the story misses its point: %d objects are queued; %d purchases count, %d before", queued, shown, before)
	}
	if now := counted(t, w.World); now < shown {
		t.Errorf("the answers count %d purchases, and have counted %d: %+v", now, shown, byUser(t, w.World).Generations)
	}
	if err := steps(tick, operate(operations.Rollback))(w.World); err != nil {
		t.Error("once batch has brought the run in:", err)
	}
	if now := counted(t, w.World); isKappa(t, w.World) || now != shown {
		t.Errorf("after the rollback %d purchases count, want %d; %+v", now, shown, byUser(t, w.World).Generations)
	}
}

// TestRollbackBehindReplay checks the same for what replay brings. A late object belongs to a slot before the Kappa
// generation was live. Batch makes its run and dies, replay brings it into some items and dies.
func TestRollbackBehindReplay(t *testing.T) {
	ahead := 0
	for survives := range 4 {
		w := onlyKappa(t, true)
		before, shown := counted(t, w.World), 0
		ended := onCall(w.World, call{"catalog.PutView", 0}, func() error {
			w.Restart() // batch lists what it has not listed before
			err := steps(wait(time.Minute), dyingAfter("catalog.Append", 1, tick), wait(2*simulation.SweepAfter), sweep,
				dyingAfter("speed.Put", survives, replay))(w.World)
			shown = counted(t, w.World)
			return err
		})
		err := refused(operate(operations.Rollback))(w.World)
		if err := errors.Join(err, ended()); err != nil {
			t.Fatal(err)
		}
		if shown > before {
			ahead++
		}
		if now := counted(t, w.World); now < shown {
			t.Errorf("the answers count %d purchases, and have counted %d: %+v", now, shown, byUser(t, w.World).Generations)
		}
	}
	if ahead == 0 {
		t.Error("replay never got ahead: the story misses its point")
	}
}

// onlyKappa returns a world with by_user as its only view, of which a Kappa generation serves and a Lambda generation
// is retained. Nothing but Kappa answers, so the sweep waits for nothing. late says that batch has not listed an
// object from before the Kappa generation was live.
func onlyKappa(t *testing.T, late bool) life {
	t.Helper()
	only := func(views string) string {
		first, _, _ := strings.Cut(views, "  - name: everything\n")
		return first
	}
	k, err := simulation.Prepare(only(simulation.Views))
	if err != nil {
		t.Fatal(err)
	}
	world, err := k.New(1)
	if err != nil {
		t.Fatal(err)
	}
	w := life{world, once()}
	if err := steps(serve, send(1, 0, 20), w.deliver, wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	if err := w.Deploy(only(kappaVariant(0))); err != nil {
		t.Fatal(err)
	}
	if late {
		if err := steps(send(7, 500, 20), w.deliver)(w.World); err != nil {
			t.Fatal(err)
		}
		objects, _, err := w.Archive.List(t.Context(), archive.FirstEvent, archive.EndOfEvents, 1000)
		if err != nil {
			t.Fatal(err)
		}
		w.Batch.Archive = &hiding{Archive: w.Archive, hidden: objects[len(objects)-1].Key}
	}
	for i := range 2 * needed {
		if err := steps(send(uint64(i), 1000+10*i, 6), w.deliver, wait(simulation.Slot/2), turn)(w.World); err != nil {
			t.Fatal(err)
		}
	}
	if !isKappa(t, w.World) {
		t.Fatalf("generation %+v serves", serves(t, w.World))
	}
	return w
}

// dyingAfter runs a function that dies after so many calls of one name. With 0 it dies at the first of them.
func dyingAfter(name string, n int, act act) act {
	return func(w *simulation.World) error {
		made := 0
		dies := crash{watched: func(c memory.Call) bool {
			is := n > 0 && made >= n
			if c.Name == name {
				made++
			}
			return is || made > n
		}}
		dies.install(w)
		defer w.Restart()
		defer uninstall(w)
		if err := act(w); !errors.Is(err, errCrash) {
			return fmt.Errorf("%w, want the function to die", err)
		}
		return nil
	}
}

// counted returns the number of purchases in the answers of by_user.
func counted(t *testing.T, w *simulation.World) (n int) {
	t.Helper()
	for user := range 4 {
		n += purchasesOf(t, w, fmt.Sprintf("u%d", user))
	}
	return n
}

// purchasesOf returns the number of purchases in the answer of by_user for one user.
func purchasesOf(t *testing.T, w *simulation.World, user string) (n int) {
	t.Helper()
	answer, err := w.Ask(context.Background(), "by_user", user)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range answer.Data {
		purchases, err := strconv.Atoi(string(row.Values[0].Value))
		if err != nil {
			t.Fatal(err)
		}
		n += purchases
	}
	return n
}
