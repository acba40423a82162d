package simulation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
)

// onCall runs do once, right before a call. The function that makes the call is frozen meanwhile. The result removes
// the hook and returns the error of do. If the function never makes the call, do does not run, and the error is nil.
func onCall(w *simulation.World, at call, do func() error) func() error {
	var err error
	before := 0 // number of calls with this name so far
	hook := func(made memory.Call) memory.Fault {
		if made.Name != at.name {
			return memory.Fault{}
		}
		before++
		if before == at.n+1 { // do may itself make calls with this name; they count as later ones
			err = do()
		}
		return memory.Fault{}
	}
	w.Items.Hook, w.Base.Hook, w.Catalog.Hook, w.Archive.Hook = hook, hook, hook, hook
	return func() error {
		uninstall(w)
		return err
	}
}

// TestTwoBatches freezes a batch function at each of its calls, as when the scheduler invokes batch twice. Meanwhile
// another one does all the work, and another run after that. Then the first one continues. It may lose, but must do no
// harm.
func TestTwoBatches(t *testing.T) {
	for _, at := range callsOf(12, "archive.Get", "archive.List", "archive.Put", "catalog.Append", "catalog.PutView",
		"catalog.View", "base.Load", "base.Put") {
		t.Run(at.String(), func(t *testing.T) {
			if err := playTwoBatches(at); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// playTwoBatches freezes the first batch function at a call.
func playTwoBatches(at call) error {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		return err
	}
	if err := steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick, send(2, 20, 20), send(1, 0, 5), deliver,
		wait(time.Minute))(w); err != nil {
		return err
	}
	first := w.Batch
	w.Restart()
	second := w.Batch
	ended := onCall(w, at, func() error {
		w.Batch = second
		return steps(tick, send(3, 40, 10), deliver, wait(time.Minute), tick)(w)
	})
	w.Batch = first
	if _, err := first.Tick(ctx); err != nil {
		return fmt.Errorf("first: %w", err)
	}
	if err := ended(); err != nil {
		return fmt.Errorf("second: %w", err)
	}
	if err := w.CheckExact(ctx); err != nil {
		return err
	}
	if err := steps(wait(time.Minute), tick)(w); err != nil {
		return err
	}
	return w.Check(ctx)
}

// TestDuplicates sends everything again, in another order and in other requests. No answer may change after batch:
// neither within the window nor, for a view that is built later, over all history.
func TestDuplicates(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	events := purchases(1, 0, 60)
	if err := steps(serve, func(w *simulation.World) error {
		_, err := w.Send(ctx, events...)
		return err
	}, deliver, wait(time.Minute), tick)(w); err != nil {
		t.Fatal(err)
	}
	before := values(t, w)
	for i := len(events); i > 0; i -= 7 {
		w.Wait(time.Second)
		if _, err := w.Send(ctx, events[max(0, i-7):i]...); err != nil {
			t.Fatal(err)
		}
	}
	if err := steps(deliver, wait(time.Minute))(w); err != nil {
		t.Fatal(err)
	}
	report, err := w.Tick(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var duplicates, conflicts int64
	for _, run := range report.Runs {
		duplicates, conflicts = duplicates+run.Duplicates, conflicts+run.Conflicts
	}
	if duplicates != 60 || conflicts != 0 {
		t.Errorf("runs report %d duplicates and %d conflicts, want 60 and 0", duplicates, conflicts)
	}
	if after := values(t, w); after != before {
		t.Errorf("answers changed from\n%s to\n%s", before, after)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestDedupeWindow checks that an identity counts again once its copies are further apart than the window. In a chain
// of copies, each within the window of the one before, only the first one counts.
func TestDedupeWindow(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name  string
		waits []time.Duration // between the copies
		want  string          // copies counted
	}{
		{"at once", []time.Duration{time.Second}, "1"},
		{"just within", []time.Duration{24 * time.Hour}, "1"},
		{"just beyond", []time.Duration{24*time.Hour + time.Millisecond}, "2"},
		{"dropped copies are remembered", []time.Duration{20 * time.Hour, 20 * time.Hour, 20 * time.Hour}, "1"},
	} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, a run each %v", c.name, apart), func(t *testing.T) {
				w, err := newWorld(1)
				if err != nil {
					t.Fatal(err)
				}
				one := `{"specversion":"1.0","id":"1","source":"s","type":"visit","time":"2026-01-01T00:00:00Z","data":{}}`
				send := func(w *simulation.World) error { _, err := w.Send(ctx, one); return err }
				all := []func(*simulation.World) error{serve, send}
				for _, d := range c.waits {
					if apart {
						all = append(all, wait(time.Minute), tick, wait(d-time.Minute), send)
					} else {
						all = append(all, wait(d), send)
					}
				}
				if err := steps(append(all, wait(time.Hour), tick)...)(w); err != nil {
					t.Fatal(err)
				}
				answer, err := w.Ask(ctx, "everything", "")
				if err != nil {
					t.Fatal(err)
				}
				if got := string(answer.Data[0].Values[0].Value); got != c.want {
					t.Errorf("counted %s times, want %s", got, c.want)
				}
			})
		}
	}
}

// TestLateObject checks that an object which lands in a claimed slot joins the next run, and counts as a late object.
func TestLateObject(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, send(1, 0, 10))(w); err != nil {
		t.Fatal(err)
	}
	// The second request's put is delayed.
	var key archive.Key
	var late []byte
	w.Archive.Hook = func(call memory.Call) memory.Fault {
		if call.Name == "archive.Put" {
			key = archive.Key(call.Key)
			return memory.Fault{Err: errCrash}
		}
		return memory.Fault{}
	}
	if err := send(2, 10, 10)(w); !isUnavailable(err) {
		t.Fatalf("ingest without an archive: %v, want it unavailable", err)
	}
	uninstall(w)
	other, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, send(1, 0, 10), send(2, 10, 10))(other); err != nil {
		t.Fatal(err)
	}
	if late, _, err = other.Archive.Get(ctx, key); err != nil {
		t.Fatal(err)
	}
	if err := steps(deliver, wait(time.Minute), tick)(w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Archive.Put(ctx, key, late); err != nil {
		t.Fatal(err)
	}
	w.Wait(time.Minute)
	report, err := w.Tick(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 1 || report.Runs[0].LateObjects != 1 || report.Runs[0].Objects != 1 {
		t.Errorf("runs after the late object: %+v, want one run with only the late object", report.Runs)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestBacklog lets batch stand still for long, then catch up with several runs of bounded size. The answers must be the
// same as without the pause.
func TestBacklog(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if err := steps(send(uint64(i), i*10, 10), deliver, wait(simulation.Slot))(w); err != nil {
			t.Fatal(err)
		}
	}
	w.Wait(3 * 24 * time.Hour)
	if err := w.Check(ctx); err != nil {
		t.Fatal("while batch stands still:", err)
	}
	w.Batch.RunBytes = 2000
	report, err := w.Tick(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) < 5 {
		t.Errorf("caught up with %d runs, want several", len(report.Runs))
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestRebuild registers a view when the archive has history already. The view must be built over all history, and agree
// with a view that advanced run by run.
func TestRebuild(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := steps(send(uint64(i), i*10, 10), send(uint64(i), i*10, 3), deliver, wait(time.Minute),
			tick)(w); err != nil {
			t.Fatal(err)
		}
	}
	w.Catalog = &memory.Catalog{} // only the archive remains
	w.Base, w.Items = &memory.Base{}, &memory.Speed{}
	w.Restart()
	if err := w.Batch.Register(ctx, 0); err != nil {
		t.Fatal(err)
	}
	w.Batch.RunBytes = 500
	report, err := w.Tick(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) < 3 {
		t.Errorf("history is covered by %d runs, want several", len(report.Runs))
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestDeploy checks that an added view is built from all history, and serves beside the others.
func TestDeploy(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick)(w); err != nil {
		t.Fatal(err)
	}
	added := strings.Replace(simulation.Views, "- name: everything",
		"- name: added\n    key: {}\n    window: 1h\n    aggregates:\n      events: count()\n  - name: everything", 1)
	if err := w.Deploy(added); err != nil {
		t.Fatal(err)
	}
	if err := tick(w); err != nil {
		t.Fatal(err)
	}
	answer, err := w.Ask(ctx, "added", "")
	if err != nil || len(answer.Data) != 2 || len(answer.Warnings) != 1 {
		t.Errorf("the added view answers %d rows with warnings %q, %v; want 2 rows and a warning that the view is new",
			len(answer.Data), answer.Warnings, err)
	}
	// The view serves once the horizon has passed the slot from which speed folds it.
	if err := steps(wait(5*simulation.Slot), tick, send(2, 20, 20), deliver)(w); err != nil {
		t.Fatal(err)
	}
	answer, err = w.Ask(ctx, "added", "")
	if err != nil || len(answer.Warnings) != 0 ||
		fmt.Sprint(valuesOf(answer, "events")) != fmt.Sprint(valuesOf(ask(t, w), "events")) {
		t.Errorf("the added view answers %+v, %v; want the count of the view everything", answer, err)
	}
}

func valuesOf(answer present.Answer, name string) []string {
	var all []string
	for _, row := range answer.Data {
		for _, m := range row.Values {
			if m.Name == name {
				all = append(all, string(m.Value))
			}
		}
	}
	return all
}

// TestCost counts the calls that a run makes to the stores. They grow with the objects and pages of the run, not with
// history.
func TestCost(t *testing.T) {
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(w); err != nil {
		t.Fatal(err)
	}
	one := `{"specversion":"1.0","id":"%d","source":"s","type":"purchase","time":"2026-01-01T00:00:00Z","data":{"user":"u%d","kind":"","amount":1}}`
	for run := range 5 {
		for request := range 3 { // three objects over four keys: six pages, with those of the roll-up and of everything
			var events []string
			for i := range 4 {
				events = append(events, fmt.Sprintf(one, run*100+request*10+i, i))
			}
			if _, err := w.Send(context.Background(), events...); err != nil {
				t.Fatal(err)
			}
		}
		w.Wait(time.Minute)
		calls := map[string]int{}
		count := func(c memory.Call) memory.Fault { calls[c.Name]++; return memory.Fault{} }
		w.Archive.Hook, w.Catalog.Hook, w.Base.Hook = count, count, count
		if err := tick(w); err != nil {
			t.Fatal(err)
		}
		uninstall(w)
		want := map[string]int{
			"archive.Get":     1 + 3 + run, // the layout, the objects, and the identities of the runs within the window
			"archive.List":    1,
			"archive.Put":     2, // manifest and identities
			"base.Load":       2, // per view, up to 100 pages each
			"base.Put":        6,
			"catalog.Append":  1,
			"catalog.PutView": 2,
		}
		for name, n := range want {
			if calls[name] != n {
				t.Errorf("run %d: %d calls of %s, want %d", run, calls[name], name, n)
			}
		}
	}
}

// values returns the rows of the view everything as text.
func values(t *testing.T, w *simulation.World) string {
	t.Helper()
	text, err := json.Marshal(ask(t, w).Data)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
