package audit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// TestClean checks that nothing drifts after many runs, with duplicates within the window, late objects and a rebuild.
func TestClean(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w, random := newWorld(t), rand.New(rand.NewPCG(seed, 0))
			var events []string
			for range 25 {
				switch random.IntN(6) {
				case 0, 1:
					for range 1 + random.IntN(4) {
						w.sent++
						events = append(events, visit(w.sent, fmt.Sprintf("u%d", random.IntN(5)), random.IntN(50)))
					}
					w.sendThese(events[len(events)-1:]...)
					w.sendThese(events[max(0, len(events)-3):]...) // copies, within one slot, or one run
				case 2:
					w.Wait(time.Duration(random.IntN(40)) * time.Minute)
					if len(events) > 0 {
						w.sendThese(events[random.IntN(len(events))])
					}
				case 3:
					w.hidden.key = w.send("late", 2) // becomes a late object
					w.Wait(time.Minute)
					w.tick()
					w.hidden.key = ""
				case 4:
					v, err := w.view().WantRebuild()
					if err == nil {
						err = w.Catalog.PutView(t.Context(), v)
					}
					var refusal *lifecycle.Refusal
					if err != nil && !errors.As(err, &refusal) {
						t.Fatal(err)
					}
				case 5:
					w.Wait(time.Minute)
					w.tick()
				}
			}
			w.run("last")
			w.wantClean()
			if g := w.generation(); w.wantClean().Note != "" && g.Built != 0 {
				t.Error("there is a note, although the catalog knows how the generation was built")
			}
		})
	}
}

// TestAltered checks an item that somebody else has written, readable or not.
func TestAltered(t *testing.T) {
	w := newWorld(t)
	w.run("ann", "bob")
	w.run("ann", "cid")
	bob, cid := w.itemOf("bob"), w.itemOf("cid")
	altered := bob
	altered.States = cid.States // other amounts than bob's
	w.overwrite(altered)
	found := w.wantDrifts(3, []string{"bob"}, catalog.Altered)
	want := catalog.Drift{
		Key: []string{"bob"}, Start: event.MillisOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), Cause: catalog.Altered,
		Expected: []byte(`{"visits":1,"amount":4,"least":4}`), Stored: []byte(`{"visits":1,"amount":3,"least":3}`),
	}
	if diff := cmp.Diff(want, found.Drifts[0]); diff != "" {
		t.Errorf("first drift (-want +got):\n%s", diff)
	}
	altered.States = []byte("no page")
	w.overwrite(altered)
	found = w.wantDrifts(3, []string{"bob"}, catalog.Altered, "cannot be read")
	if found.Drifts[0].Stored != nil || found.Drifts[0].Expected == nil {
		t.Errorf("drift of an unreadable item is %+v", found.Drifts[0])
	}
	ahead := bob
	ahead.Horizon = ahead.Horizon.Add(time.Hour)
	w.overwrite(ahead)
	w.wantDrifts(3, []string{"bob"}, catalog.Altered, "is above that of the last run")
	w.overwrite(bob)
	w.wantClean()
}

// TestAlike checks parts that have the same effect: the audit cannot tell which of them was folded twice.
func TestAlike(t *testing.T) {
	w := newWorld(t)
	for id := range 3 {
		w.sendThese(visit(1001+7*id, "ann", 0)) // equal amounts
	}
	w.run("bob")
	w.foldAgain(w.generation().Run, func(key archive.Key) bool { return key == w.objects()[1] })
	w.wantDrifts(1, []string{"ann"}, catalog.Double, "one of 3 equally likely parts, such as object ")
}

func TestDeleted(t *testing.T) {
	w := newWorld(t)
	w.run("ann", "bob")
	w.run("ann", "bob")
	w.deleteItem("bob")
	found := w.wantDrifts(3, []string{"bob"}, catalog.Deleted)
	if found.Drifts[0].Stored != nil || string(found.Drifts[0].Expected) == "" {
		t.Errorf("drift is %+v", found.Drifts[0])
	}
}

// TestUnexpected checks an item of a key without events, and an empty item, which is no drift.
func TestUnexpected(t *testing.T) {
	w := newWorld(t)
	w.run("ann", "bob")
	item := w.itemOf("bob")
	item.Key = view.EncodeKey([]string{"nobody"})
	w.overwrite(item)
	found := w.wantDrifts(3, []string{"nobody"}, catalog.Unexpected)
	if found.Drifts[0].Expected != nil || found.Drifts[0].Stored == nil {
		t.Errorf("drift is %+v", found.Drifts[0])
	}
	item.States = item.States[:1]
	w.overwrite(item)
	w.wantClean()
	item.States = []byte("no page")
	w.overwrite(item)
	w.wantDrifts(1, []string{"nobody"}, catalog.Altered, "cannot be read")
}

// TestDouble checks that the audit names what was folded twice: the object, slot or run that explains the most pages.
func TestDouble(t *testing.T) {
	w := newWorld(t)
	w.run("ann", "bob", "cid", "dan")
	w.Clock = w.Clock.Truncate(time.Minute)
	objects := []archive.Key{w.send("ann", 3, "bob"), w.send("ann", 3, "bob")}
	w.Wait(20 * time.Second) // another slot
	objects = append(objects, w.send("ann", 3, "cid"))
	w.Wait(time.Minute)
	w.tick()
	w.wantClean()
	last := w.generation().Run
	right := w.items()
	for _, c := range []struct {
		name   string
		twice  []archive.Key
		users  []string
		detail string
	}{
		{"run", objects, []string{"ann", "bob", "cid"}, fmt.Sprintf("run %d", last)},
		{"slot", objects[:2], []string{"ann", "bob"}, fmt.Sprintf("slot %s in run %d", slotOf(objects[0]), last)},
		{"object", objects[1:2], []string{"ann", "bob"}, fmt.Sprintf("object %s of run %d", objects[1], last)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.foldAgain(last, func(key archive.Key) bool { return slices.Contains(c.twice, key) })
			for _, d := range w.wantDrifts(3, c.users, catalog.Double).Drifts {
				if d.Detail != c.detail {
					t.Errorf("detail is %q, want %q", d.Detail, c.detail)
				}
			}
			for _, item := range right {
				w.overwrite(item)
			}
			w.wantClean()
		})
	}
	// A run of one object is also a slot and an object; the object is named.
	w.t = t
	w.run("eve")
	last = w.generation().Run
	w.foldAgain(last, func(archive.Key) bool { return true })
	for _, d := range w.wantDrifts(3, []string{"eve"}, catalog.Double).Drifts {
		if want := fmt.Sprintf("run %d", last); d.Detail != want {
			t.Errorf("detail is %q, want %q", d.Detail, want)
		}
	}
}

func slotOf(key archive.Key) string {
	s, _, err := archive.ParseEventsKey(key)
	if err != nil {
		return err.Error()
	}
	return s.String()
}

// TestLost checks that the audit names a run, or a late object, that was not folded into its items.
func TestLost(t *testing.T) {
	w := newWorld(t)
	w.run("ann", "bob", "cid")
	before := w.items()
	w.run("ann", "bob")
	for _, item := range before {
		if item.Key != view.EncodeKey([]string{"cid"}) {
			item.Horizon = w.generation().Horizon
			w.overwrite(item)
		}
	}
	w.wantDrifts(3, []string{"ann", "bob"}, catalog.Lost, fmt.Sprintf("run %d", w.generation().Run))

	w = newWorld(t)
	w.hidden.key = w.send("ann", 3, "bob")
	w.run("ann", "bob")
	before = w.items()
	late := w.hidden.key
	w.hidden.key = ""
	w.run("cid")
	w.wantClean()
	for _, item := range before {
		w.overwrite(item)
	}
	w.wantDrifts(3, []string{"ann", "bob"}, catalog.Late, fmt.Sprintf("object %s of run %d", late, w.generation().Run))
}

// TestLostObjects checks an object that no run holds. It is pending while batch still looks for it. After that it is
// lost, with all of its events that no other object has.
func TestLostObjects(t *testing.T) {
	w := newWorld(t)
	w.hidden.key = w.send("ann", 3, "bob")
	lost := w.hidden.key
	w.run("ann")
	w.wantPending(1)
	w.Wait(lookback)
	w.run("ann")
	w.wantLost(lost, w.wantDrifts(3, []string{"ann", "bob"}, catalog.Lost, "object "+string(lost), "no run holds"))

	// Its events are not missing when a run holds copies of them.
	w = newWorld(t)
	one := visit(1001, "ann", 0)
	w.hidden.key = w.sendThese(one, visit(1002, "ann", 1))
	lost = w.hidden.key
	w.sendThese(one)
	w.Wait(lookback)
	w.run("bob")
	w.Wait(time.Minute)
	w.tick()
	found := w.wantDrifts(1, []string{"ann"}, catalog.Lost, string(lost))
	w.wantLost(lost, found)
	if want := event.MillisOf(time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)); found.Drifts[0].Start != want {
		t.Errorf("drift is of window %d, want %d", found.Drifts[0].Start, want)
	}
}

func (w *world) wantPending(want int64) {
	w.t.Helper()
	if found := w.audited(); found.Pending != want || found.Drift != 0 || found.Lost != 0 || found.Error != "" {
		w.t.Errorf("found %+v, want %d pending", found, want)
	}
}

func (w *world) wantLost(want archive.Key, found catalog.Findings) {
	w.t.Helper()
	if diff := cmp.Diff([]string{string(want)}, found.LostObjects); diff != "" || found.Lost != 1 || found.Pending != 0 {
		w.t.Errorf("%d lost, %d pending (-want +got):\n%s", found.Lost, found.Pending, diff)
	}
}

// TestBeyondWindow checks copies further apart than the window. They count twice in a generation that advanced, and
// once in a generation that was built. Neither is drift.
func TestBeyondWindow(t *testing.T) {
	w := newWorld(t)
	w.run("ann")
	one := visit(1, "ann", 0)
	w.Wait(24*time.Hour + time.Minute)
	w.sendThese(one)
	w.run("bob")
	if found := w.wantClean(); found.Beyond != 1 {
		t.Errorf("%d windows hold copies beyond the window, want 1", found.Beyond)
	}
	v, err := w.view().WantRebuild()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Catalog.PutView(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	advanced := w.generation().ID
	for range 3 {
		w.run("cid")
	}
	if w.generation().ID == advanced {
		t.Fatal("the rebuilt generation does not serve")
	}
	if found := w.wantClean(); found.Beyond != 0 || found.Note != "" {
		t.Errorf("found %+v, want nothing beyond the window", found)
	}
	w.Wait(24*time.Hour + time.Minute)
	w.sendThese(one, visit(2, "ann", 1))
	w.run("bob")
	if found := w.wantClean(); found.Beyond != 2 {
		t.Errorf("%d windows hold copies beyond the window, want 2", found.Beyond)
	}
}

// TestNotOnRecord checks a generation of an older version, for which the catalog does not know from which runs it was
// built. The audit takes the hypothesis that explains it best.
func TestNotOnRecord(t *testing.T) {
	forget := func(w *world) {
		g, v := w.generation(), w.view()
		g.Built = 0
		if err := w.Catalog.PutView(t.Context(), v.With(g)); err != nil {
			t.Fatal(err)
		}
	}
	for _, rebuilt := range []bool{false, true} {
		w := newWorld(t)
		w.run("ann")
		w.Wait(25 * time.Hour)
		w.sendThese(visit(1, "ann", 0))
		w.run("bob")
		if rebuilt {
			v, err := w.view().WantRebuild()
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Catalog.PutView(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			w.run("cid")
			w.run("cid")
		}
		forget(w)
		found := w.wantClean()
		if want := map[bool]string{false: "none of them", true: "all of them"}[rebuilt]; !strings.Contains(found.Note, want) {
			t.Errorf("rebuilt %v: note is %q, want %q in it", rebuilt, found.Note, want)
		}
	}
}

// TestManyDrifts checks that the audit counts all drifts, and stores the first hundred in order.
func TestManyDrifts(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.send(fmt.Sprintf("u%02d", i), 3)
	}
	w.run("ann")
	other := w.itemOf("ann")
	for _, item := range w.items() {
		item.States = other.States
		w.overwrite(item)
	}
	found := w.audited()
	if found.Drift <= 100 || len(found.Drifts) != 100 {
		t.Fatalf("%d drifts, %d kept", found.Drift, len(found.Drifts))
	}
	if !slices.IsSortedFunc(found.Drifts, func(m, n catalog.Drift) int {
		return strings.Compare(fmt.Sprint(m.Key, m.Start), fmt.Sprint(n.Key, n.Start))
	}) {
		t.Error("drifts are not in order of key and window")
	}
}

// TestAdvancing lets batch make and apply runs between any two calls of the audit. The audit must find no drift.
func TestAdvancing(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(t)
		w.run("ann", "bob")
		w.run("ann", "cid")
		w.ask()
		audit := w.audit
		called := w.onCall(n, func() { w.run("ann", "dan") })
		report, err := audit.Tick(t.Context())
		if !called() {
			if n < 15 {
				t.Fatalf("an audit makes %d calls only", n)
			}
			return
		}
		if err != nil || len(report.Views) != 1 {
			t.Fatalf("call %d: %+v, error %v", n, report, err)
		}
		if found := report.Views[0].Findings; found.Drift != 0 || found.Unsettled != 0 || found.Lost != 0 ||
			found.Error != "" {
			t.Errorf("call %d: found %+v", n, found)
		}
		w.wantClean()
	}
}

// TestHalfAdvanced checks a run of which batch has written only some items. The audit must count these as unsettled and
// compare the others.
func TestHalfAdvanced(t *testing.T) {
	crash := errors.New("crash")
	for puts := range 3 {
		w := newWorld(t)
		w.run("ann", "bob", "cid")
		w.send("ann", 3)
		w.send("bob", 3)
		w.Wait(time.Minute)
		left := puts
		w.Base.Hook = func(c memory.Call) memory.Fault {
			if c.Name == "base.Put" {
				if left--; left < 0 {
					return memory.Fault{Err: crash}
				}
			}
			return memory.Fault{}
		}
		w.Catalog.Hook = func(c memory.Call) memory.Fault {
			if c.Name == "catalog.PutView" {
				return memory.Fault{Err: crash}
			}
			return memory.Fault{}
		}
		if _, err := w.Tick(t.Context()); err == nil {
			t.Fatal("batch did not crash")
		}
		w.Base.Hook, w.Catalog.Hook = nil, nil
		found := w.audited()
		if found.Unsettled != int64(puts) || found.Drift != 0 || found.Error != "" {
			t.Errorf("after %d puts: found %+v", puts, found)
		}
		w.tick()
		w.wantClean()
	}
}

// TestSwitched switches the view to another generation during an audit. The audit must end without findings and say
// why. The tick has not failed.
func TestSwitched(t *testing.T) {
	other := strings.Replace(views, "least: min", "most: max", 1)
	ended := map[string]int{} // by the call before which the view was switched
	for n := 0; ; n++ {
		w := newWorld(t)
		w.run("ann", "bob")
		item := w.itemOf("bob")
		item.States = w.itemOf("ann").States // drift, so that the audit looks for causes
		w.overwrite(item)
		w.ask()
		called := w.onCall(n, func() {
			if err := w.Deploy(other); err != nil {
				t.Error(err)
			}
			for range 5 {
				w.run("ann")
			}
		})
		report, err := w.audit.Tick(t.Context())
		if !called() {
			break
		}
		if err != nil || len(report.Views) != 1 {
			t.Fatalf("call %d: %+v, error %v", n, report, err)
		}
		found := report.Views[0].Findings
		switch {
		case strings.Contains(found.Error, "was switched away from") && found.Drift == 0:
			ended[w.call]++
		case found.Error != "" || found.Generation == "":
			t.Errorf("call %d: found %+v", n, found)
		}
	}
	if ended["base.Scan"] != 1 || ended["archive.List"] != 1 || ended["base.Load"] != 2 {
		t.Errorf("audits ended by a switch: %v", ended)
	}
}

// TestDedupeWindow checks that the audit finds the same duplicates as batch, at the edge of the window and along chains
// of copies.
func TestDedupeWindow(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name   string
		waits  []time.Duration // between the copies
		beyond int64
	}{
		{"just within", []time.Duration{day}, 0},
		{"just beyond", []time.Duration{day + time.Millisecond}, 1},
		{"dropped copies are remembered", []time.Duration{20 * time.Hour, 20 * time.Hour, 20 * time.Hour}, 0},
		{"counted again, and remembered", []time.Duration{30 * time.Hour, 20 * time.Hour}, 1},
	} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, a run each %v", c.name, apart), func(t *testing.T) {
				w := newWorld(t)
				one := visit(1001, "ann", 0)
				w.sendThese(one)
				for _, d := range c.waits {
					if apart {
						w.Wait(time.Minute)
						w.tick()
						d -= time.Minute
					}
					w.Wait(d)
					w.sendThese(one)
				}
				w.run("bob")
				if found := w.wantClean(); found.Beyond != c.beyond {
					t.Errorf("%d windows hold copies beyond the window, want %d", found.Beyond, c.beyond)
				}
			})
		}
	}
}

// twice is a store whose scans return every item twice: at once, and again at the end.
type twice struct {
	viewstore.Base
	seen []viewstore.BaseItem
}

func (b *twice) Scan(ctx context.Context, generation lifecycle.GenerationID, after string) ([]viewstore.BaseItem,
	string, error) {
	if after == "again" {
		return b.seen, "", nil
	}
	items, next, err := b.Base.Scan(ctx, generation, after)
	b.seen = append(b.seen, items...)
	if next == "" {
		next = "again"
	}
	return append(items, items...), next, err
}

// TestSeenTwice checks that an item which a scan returns several times counts once.
func TestSeenTwice(t *testing.T) {
	w := newWorld(t)
	w.run("ann", "bob")
	w.audit.Base = &twice{Base: w.Base}
	w.wantClean()
	w.deleteItem("bob")
	w.audit.Base = &twice{Base: w.Base}
	w.wantDrifts(3, []string{"bob"}, catalog.Deleted)
}

// TestTakenIn checks that an object is no longer lost once a later run holds it, although the generation has not
// applied that run.
func TestTakenIn(t *testing.T) {
	w := newWorld(t)
	w.hidden.key = w.send("bob", 3)
	w.Wait(2 * lookback)
	w.run("ann")
	w.run("ann")
	w.wantDrifts(3, []string{"bob"}, catalog.Lost)
	head, err := w.Catalog.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := runs.Manifest{
		Run: head.N + 1, From: head.Horizon, To: head.Horizon.Add(simulation.Slot), LateObjects: 1,
		Objects: []runs.ManifestObject{{Object: archive.Object{Key: w.hidden.key}}},
	}
	key := archive.ManifestKey(m.Run, ulid.ULID{})
	if _, err := w.Archive.Put(t.Context(), key, runs.EncodeManifest(m)); err != nil {
		t.Fatal(err)
	}
	if err := w.Catalog.Append(t.Context(), lifecycle.Run{N: m.Run, Horizon: m.To, Manifest: string(key)}); err != nil {
		t.Fatal(err)
	}
	w.wantClean()
}

// TestSkippedDrift checks that the audit compares what a view could not use like any other item.
func TestSkippedDrift(t *testing.T) {
	w := newWorld(t)
	w.sendThese(visit(1001, "ann", 0), strings.Replace(visit(1002, "ann", 0), `"user"`, `"person"`, 1))
	w.run("ann")
	w.wantClean()
	for _, item := range w.items() {
		if item.Key != view.SkippedKey {
			continue
		}
		w.foldAgain(w.generation().Run, func(archive.Key) bool { return true })
		found := w.audited()
		at := slices.IndexFunc(found.Drifts, func(d catalog.Drift) bool { return string(d.Stored) == `{"skipped":2}` })
		if at < 0 || string(found.Drifts[at].Expected) != `{"skipped":1}` || found.Drifts[at].Cause != catalog.Double {
			t.Errorf("events skipped twice are found to be %+v", found)
		}
		item.States = []byte("no page")
		w.overwrite(item)
		found = w.audited()
		if !slices.ContainsFunc(found.Drifts, func(d catalog.Drift) bool { return d.Cause == catalog.Altered }) {
			t.Errorf("an unreadable item is found to be %+v", found)
		}
		return
	}
	t.Error("no item has what was skipped")
}
