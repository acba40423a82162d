package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
)

// kappaVariant returns the views with a Kappa definition of by_user.
func kappaVariant(n int) string {
	return strings.Replace(variant(n), "- name: by_user\n", "- name: by_user\n    architecture: kappa\n", 1)
}

func deployKappa(n int) func(*simulation.World) error {
	return func(w *simulation.World) error { return w.Deploy(kappaVariant(n)) }
}

func replay(w *simulation.World) error {
	_, err := w.Replay.Tick(context.Background())
	return err
}

// turn runs every scheduled function once.
var turn = steps(tick, sweep, republish, replay)

// goOnWithReplay plays some slots of normal life. Events and copies come, every function has its turn, and every answer
// must be right after each step.
func (w life) goOnWithReplay(t *testing.T, slots, from int) {
	t.Helper()
	for i := range 2 * slots {
		at := from + 10*i
		if err := steps(send(uint64(at), at, 6), send(uint64(at), at, 2), w.deliver, wait(simulation.Slot/2),
			turn)(w.World); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if err := w.Check(context.Background()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// needed is the number of slots until a Kappa generation serves. It is live from two slots on. That slot has to be
// sealed, and the events right before it have to be swept.
const needed = 9

// isKappa reports whether a Kappa generation of by_user serves.
func isKappa(t *testing.T, w *simulation.World) bool {
	t.Helper()
	return serves(t, w).Architecture == view.Kappa
}

// check checks every answer.
func check(w *simulation.World) error { return w.Check(context.Background()) }

// TestReplayKilled kills replay before and after every call that it makes, once, and twice at the same call. The next
// replay must bring in the rest, so that the view serves. Every answer must be right meanwhile.
func TestReplayKilled(t *testing.T) {
	before := func(w *simulation.World) error {
		deliver := once()
		err := steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick, deployKappa(0), tick, tick)(w)
		for i := 0; err == nil && i < 2*needed; i++ { // everything runs but replay
			at := 100 + 10*i
			err = steps(send(uint64(at), at, 6), send(uint64(at), at, 2), deliver, wait(simulation.Slot/2), tick, sweep)(w)
		}
		return err
	}
	s := story{
		name: "replay", before: before, act: replay, after: checkSwitched,
		must: []string{"catalog.Runs", "archive.Get", "seen.Newest", "speed.Load", "speed.Put", "catalog.PutView"},
	}
	boundaries := countCalls(t, s)
	for at := range boundaries {
		for _, c := range []crash{{at: at}, {at: at, applied: true}, {at: at, only: true},
			{at: at, only: true, applied: true}} {
			for times := 1; times <= 2 && (times == 1 || !c.only); times++ {
				c.watched = func(memory.Call) bool { return true }
				if err := play(s, c, times); err != nil {
					t.Fatalf("call %d of %d, applied %v, replay continues %v, %d times: %v", at, boundaries, c.applied, c.only, times,
						err)
				}
			}
		}
	}
	t.Logf("%d calls x {lost, answer lost} x {killed once, killed twice, not killed}", boundaries)
}

// checkSwitched checks that a Kappa generation of by_user serves and has everything.
func checkSwitched(w *simulation.World) error {
	v, err := w.Catalog.View(context.Background(), "by_user")
	if err != nil {
		return err
	}
	if g, ok := v.Generation(v.Serving); !ok || g.Architecture != view.Kappa {
		return fmt.Errorf("generation %+v serves, of %+v", g, v.Generations)
	}
	return check(w)
}

// TestLambdaToKappaAndBack changes a view to Kappa, back to Lambda, and to another Kappa definition. Every answer must
// be right meanwhile.
func TestLambdaToKappaAndBack(t *testing.T) {
	w := running(t)
	changes := []func(*simulation.World) error{
		deployKappa(0), deploy(0), deployKappa(0), deployKappa(1), deploy(1),
	}
	for i, deploy := range changes {
		before := serves(t, w.World)
		if err := deploy(w.World); err != nil {
			t.Fatal(err)
		}
		w.goOnWithReplay(t, needed, 1000*(i+1))
		if after := serves(t, w.World); after.ID == before.ID {
			t.Fatalf("change %d: %s still serves", i, after.ID)
		}
		if want := i != 1 && i != 4; isKappa(t, w.World) != want {
			t.Errorf("change %d: Kappa serves: %v", i, !want)
		}
	}
}

// TestChangeDuringReplay changes a Kappa definition again before its generation serves, however far it has come. The
// generation must be given up and its items deleted.
func TestChangeDuringReplay(t *testing.T) {
	changes := []change{
		{"another Kappa", deployKappa(1), true}, {"Lambda", deploy(2), false}, {"back", deploy(0), false},
	}
	var slots []int
	for n := 0; n < needed; n += 2 {
		slots = append(slots, n)
	}
	for c := range pairs(slots, changes) {
		t.Run(fmt.Sprintf("after %d slots to %s", c.a, c.b.name), func(t *testing.T) {
			t.Parallel()
			playChangeDuringReplay(t, c.a, c.b)
		})
	}
}

// change is a deployment of another definition of by_user.
type change struct {
	name    string
	deploy  act
	isKappa bool
}

// playChangeDuringReplay deploys a Kappa definition and, so many slots later, another one.
func playChangeDuringReplay(t *testing.T, slots int, next change) {
	w := running(t)
	if err := steps(deployKappa(0), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	old := byUser(t, w.World).Generations
	w.goOnWithReplay(t, slots, 100)
	if err := next.deploy(w.World); err != nil {
		t.Fatal(err)
	}
	w.goOnWithReplay(t, needed, 400)
	for range 2 { // the retained generation is given up, and then its items are deleted
		w.Wait(simulation.RetainFor)
		w.goOnWithReplay(t, 2, 700)
	}
	v := byUser(t, w.World)
	if len(v.Generations) != 1 || isKappa(t, w.World) != next.isKappa {
		t.Errorf("the generations left are %+v", v.Generations)
	}
	for _, g := range old {
		if n := w.Items.Len(lifecycle.OfGeneration(g.ID)); g.ID != v.Serving && n > 0 {
			t.Errorf("%d items of generation %+v are left", n, g)
		}
	}
}

// operate returns an operation of an operator on by_user.
func operate(operation operations.Operation) func(*simulation.World) error {
	return func(w *simulation.World) error {
		_, err := w.Operations.Do(context.Background(), "by_user", operation, "")
		return err
	}
}

// refused returns act, but accepts that the operation is refused: it may come too early, or too late.
func refused(act func(*simulation.World) error) func(*simulation.World) error {
	return func(w *simulation.World) error {
		var refusal *lifecycle.Refusal
		if err := act(w); err != nil && !errors.As(err, &refusal) {
			return err
		}
		return nil
	}
}

// changedToKappa returns a world in which a Kappa generation serves, and the Lambda generation before it is retained.
func changedToKappa(t *testing.T) life {
	t.Helper()
	w := running(t)
	if err := w.Deploy(kappaVariant(0)); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * needed {
		at := 1000 + 10*i
		if err := steps(send(uint64(at), at, 6), send(uint64(at), at, 2), w.deliver, wait(simulation.Slot/2),
			turn)(w.World); err != nil {
			t.Fatal(err)
		}
	}
	if !isKappa(t, w.World) {
		t.Fatalf("generation %+v serves", serves(t, w.World))
	}
	return w
}

// frozen is a function that freezes at one of its calls.
type frozen struct {
	who    string
	before act // gives the function something to do
	act    act
	at     call
}

func (f frozen) String() string { return fmt.Sprint(f.who, " at ", f.at) }

// freezings returns batch and replay, frozen at each of their calls.
func freezings() (all []frozen) {
	for _, at := range callsOf(3, "catalog.Append", "base.Load", "base.Put", "catalog.View", "catalog.PutView") {
		all = append(all, frozen{"batch", steps(), tick, at})
	}
	for _, at := range callsOf(3, "catalog.Runs", "catalog.View", "catalog.PutView", "catalog.Views", "speed.Load",
		"speed.Put") {
		all = append(all, frozen{"replay", tick, replay, at})
	}
	return all
}

// TestRollbackDuringARun rolls back from Kappa to Lambda, once and twice, while batch or replay is frozen at each of
// its calls. The function that thaws must undo nothing, and every answer must be right.
func TestRollbackDuringARun(t *testing.T) {
	rollback := refused(operate(operations.Rollback))
	for c := range pairs(freezings(), [][]act{{rollback}, {rollback, rollback}}) {
		t.Run(fmt.Sprintf("%s, %d times", c.a, len(c.b)), func(t *testing.T) {
			t.Parallel()
			playRollback(t, c.a, steps(c.b...))
		})
	}
}

// playRollback rolls back while a function is frozen.
func playRollback(t *testing.T, f frozen, rollbacks act) {
	w := changedToKappa(t)
	come := steps(send(7, 5000, 10), send(7, 5000, 5), w.deliver, wait(2*simulation.Slot))
	if err := steps(come, f.before)(w.World); err != nil {
		t.Fatal(err)
	}
	var left lifecycle.GenerationID // the serving generation after the rollback
	done := onCall(w.World, f.at, func() error {
		err := steps(rollbacks, send(8, 5100, 5), w.deliver)(w.World)
		left = byUser(t, w.World).Serving
		return err
	})
	frozenErr := f.act(w.World)
	if err := done(); err != nil {
		t.Fatal(err)
	}
	if frozenErr != nil {
		t.Logf("the frozen function: %v", frozenErr)
	}
	if err := w.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.goOnWithReplay(t, 3, 6000)
	if v := byUser(t, w.World); left != "" && v.Serving != left {
		t.Errorf("the rollback is undone: %+v, want %s to serve", v, left)
	}
}

// TestRollback checks that a rollback from Kappa is one write and holds the deployed definition, that a second rollback
// goes back to Kappa, and that a rebuild ends the hold.
func TestRollback(t *testing.T) {
	w := changedToKappa(t)
	if err := operate(operations.Rollback)(w.World); err != nil {
		t.Fatal(err)
	}
	if isKappa(t, w.World) {
		t.Error("Kappa still serves")
	}
	w.goOnWithReplay(t, 3, 3000)
	if isKappa(t, w.World) {
		t.Error("batch serves again the definition that the operator holds")
	}
	if err := operate(operations.Rollback)(w.World); err != nil {
		t.Fatal(err)
	}
	w.goOnWithReplay(t, 3, 4000)
	if !isKappa(t, w.World) {
		t.Error("the second rollback does not serve Kappa again")
	}
	first := serves(t, w.World)
	if err := operate(operations.Rebuild)(w.World); err != nil {
		t.Fatal(err)
	}
	w.goOnWithReplay(t, needed, 5000)
	if g := serves(t, w.World); g.ID == first.ID || g.Definition != first.Definition || g.LiveFrom <= first.LiveFrom {
		t.Errorf("generation %+v serves after the rebuild of %+v", g, first)
	}
}

// TestTwoChangesAtOnce lets two operators do different operations at once: one is frozen at each of its calls while the
// other one finishes. Both must get an answer, the view must have the effect of one or both, and every answer must be
// right.
func TestTwoChangesAtOnce(t *testing.T) {
	all := []operations.Operation{operations.Rebuild, operations.Rollback, operations.Drop, operations.Switch,
		operations.Abandon}
	for c := range triples(all, all, callsOf(1, "catalog.View", "catalog.Head", "catalog.PutView")) {
		t.Run(fmt.Sprintf("%s at %s, and %s", c.a, c.c, c.b), func(t *testing.T) {
			t.Parallel()
			w := changedToKappa(t)
			done := onCall(w.World, c.c, func() error { return refused(operate(c.b))(w.World) })
			err := refused(operate(c.a))(w.World)
			if err := errors.Join(err, done(), check(w.World)); err != nil {
				t.Fatal(err)
			}
			w.goOnWithReplay(t, 3, 6000)
			serves(t, w.World)
		})
	}
}

// TestTwoVersionsOfBatchOneKappa lets two versions of batch tick in turn. One wants a view to be Kappa, the other
// Lambda. Each takes back the other's announcement, and every answer must be right. Once only one version is left, its
// definition must serve.
func TestTwoVersionsOfBatchOneKappa(t *testing.T) {
	w := running(t)
	for i := range 6 {
		deploy := deploy(0)
		if i%2 == 0 {
			deploy = deployKappa(0)
		}
		if err := deploy(w.World); err != nil {
			t.Fatal(err)
		}
		w.goOnWithReplay(t, 1, 100+100*i)
	}
	if err := w.Deploy(kappaVariant(0)); err != nil {
		t.Fatal(err)
	}
	w.goOnWithReplay(t, needed, 1000)
	if !isKappa(t, w.World) {
		t.Errorf("generation %+v serves", serves(t, w.World))
	}
}

// TestSwitchRacesAQuery freezes a query at each of its reads, while a view switches from Lambda to Kappa or back, and
// while events are published and applied. The answer must have every event from before, and none that only came after.
func TestSwitchRacesAQuery(t *testing.T) {
	raced := 0
	reads := callsOf(1, "catalog.View", "catalog.Swept", "catalog.Runs", "base.Pages", "speed.Slots", "speed.Pages")
	for c := range triples([]string{"Lambda", "Kappa"}, reads, []bool{true, false}) {
		t.Run(fmt.Sprintf("from %s at %s, published before the switch %v", c.a, c.b, c.c), func(t *testing.T) {
			w := changedToKappa(t)
			if c.a == "Lambda" {
				if err := operate(operations.Rollback)(w.World); err != nil {
					t.Fatal(err)
				}
			}
			publish := steps(send(9, 7000, 30), w.deliver)
			raced += raceQuery(t, w, c.b, publish, c.c)
		})
	}
	if raced < 6 {
		t.Errorf("only %d queries met a switch, so the test tests nothing", raced)
	}
}

// raceQuery queries a user. At one of its reads, a switch and a publish take place; first says that the publish is the
// first of them. It returns 1 if the query made that read, else 0.
func raceQuery(t *testing.T, w life, at call, publish act, first bool) (raced int) {
	before, pointer := purchasesOf(t, w.World, "u1"), byUser(t, w.World).Serving
	done := onCall(w.World, at, func() error {
		raced = 1
		meanwhile := steps(operate(operations.Rollback), publish)
		if first {
			meanwhile = steps(publish, operate(operations.Rollback))
		}
		return meanwhile(w.World)
	})
	got := purchasesOf(t, w.World, "u1")
	if err := errors.Join(done(), check(w.World)); err != nil {
		t.Fatal(err)
	}
	if after := purchasesOf(t, w.World, "u1"); got < before || got > after || raced == 1 &&
		(after == before || byUser(t, w.World).Serving == pointer) {
		t.Errorf("the answer counts %d, between %d before and %d after; what serves is %s", got, before, after,
			byUser(t, w.World).Serving)
	}
	return raced
}
