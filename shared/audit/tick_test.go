package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/view"
)

// auditsOf ticks once and returns the number of audits.
func (w *world) auditsOf() int {
	w.t.Helper()
	report, err := w.audit.Tick(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(report.Views)
}

// TestDue checks that a view is audited when it never was, when an audit is requested, and after a day.
func TestDue(t *testing.T) {
	w := newWorld(t)
	w.run("ann")
	for _, c := range []struct {
		when   string
		before func()
		want   int
	}{
		{"never audited", func() {}, 1},
		{"just audited", func() { w.Wait(time.Minute) }, 0},
		{"requested", w.ask, 1},
		{"answered", func() { w.Wait(time.Minute) }, 0},
		{"a day later, less two minutes", func() { w.Wait(every - 2*time.Minute) }, 0},
		{"a day later", func() { w.Wait(2 * time.Minute) }, 1},
	} {
		c.before()
		if got := w.auditsOf(); got != c.want {
			t.Errorf("%s: %d audits, want %d", c.when, got, c.want)
		}
	}
}

// TestAuditOfNothing checks that an audit without anything to compare does not stand for a day. It is repeated once
// runs bring events, and each time they have doubled, until there is something to compare.
func TestAuditOfNothing(t *testing.T) {
	w := newWorldOf(t, strings.Replace(views, "key:", `where: data.user == "bob"
    key:`, 1))
	for i, c := range []struct {
		user string // who visits in the next run; empty: nobody
		want int    // audits
	}{
		{"", 1}, // never audited
		{"", 0},
		{"ann", 1}, // 3 events, none of which the view counts
		{"ann", 0}, // 6
		{"ann", 1}, // 9
		{"bob", 0}, // 12
		{"bob", 0}, // 15
		{"bob", 0}, // 18
		{"bob", 1}, // 21: there are windows to compare
		{"bob", 0},
		{"bob", 0},
		{"bob", 0},
		{"bob", 0},
	} {
		if c.user == "" {
			w.Wait(time.Minute)
			w.tick()
		} else {
			w.run(c.user)
		}
		if got := w.auditsOf(); got != c.want {
			t.Errorf("run %d: %d audits, want %d", i, got, c.want)
		}
	}
	stored, err := w.Catalog.Audit(t.Context(), "by_user")
	if err != nil || stored.Windows != 3 {
		t.Errorf("%d windows audited, error %v; want 3", stored.Windows, err)
	}
}

// TestTwoAudits starts a second tick at each call of an audit. Only one of them may audit the view.
func TestTwoAudits(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(t)
		w.run("ann", "bob")
		item := w.itemOf("bob")
		item.States = w.itemOf("ann").States
		w.overwrite(item)
		w.ask()
		second := w.newAudit()
		audited := 0
		called := w.onCall(n, func() {
			report, err := second.Tick(t.Context())
			if err != nil {
				t.Error(err)
			}
			audited += len(report.Views)
		})
		report, err := w.audit.Tick(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !called() {
			return
		}
		if audited += len(report.Views); audited != 1 {
			t.Errorf("call %d: audited %d times", n, audited)
		}
		stored, err := w.Catalog.Audit(t.Context(), "by_user")
		if err != nil || stored.Drift != 3 || stored.Ended < stored.Begun {
			t.Errorf("call %d: audit is %+v, error %v", n, stored, err)
		}
	}
}

// TestExpiredLease checks an audit that freezes and does not renew its lease. The lease keeps other audits away for two
// minutes. If the audit ends after another one has begun, it must not overwrite the other one's findings.
func TestExpiredLease(t *testing.T) {
	w := newWorld(t)
	w.run("ann")
	second := w.newAudit()
	called := w.onCall(12, func() {
		w.audit, second = second, w.audit
		w.Wait(leaseFor - time.Millisecond)
		if got := w.auditsOf(); got != 0 {
			t.Errorf("%d audits while another one runs", got)
		}
		w.Wait(time.Millisecond)
		if got := w.auditsOf(); got != 1 {
			t.Errorf("%d audits after the lease has expired, want 1", got)
		}
	})
	_, err := w.audit.Tick(t.Context())
	if !called() || err == nil || !strings.Contains(err.Error(), "another audit of the view has begun meanwhile") {
		t.Errorf("error of the expired audit is %v", err)
	}
	if stored, err := w.Catalog.Audit(t.Context(), "by_user"); err != nil || stored.Ended != stored.Begun ||
		stored.Error != "" {
		t.Errorf("audit is %+v, error %v", stored, err)
	}
}

// TestAuditGivenUp kills an audit each time. It is given up after three attempts, with a reason, and no event is read
// any more. It begins again when an operator requests it, and so does its count of attempts. It also begins again
// when it is due and the function has more memory.
func TestAuditGivenUp(t *testing.T) {
	const tries = 3
	w := newWorld(t)
	w.run("ann")
	killed := errors.New("killed")
	reads := 0
	kill := func(c memory.Call) memory.Fault {
		if c.Name != "archive.Get" && reads == 0 {
			return memory.Fault{}
		}
		reads++ // from the first read on, nothing works any more, not even to give the lease back
		return memory.Fault{Err: killed}
	}
	ticks := func(n int) (attempts int) {
		for range n {
			reads = 0
			w.Archive.Hook, w.Catalog.Hook, w.Base.Hook = kill, kill, kill
			_, _ = w.audit.Tick(t.Context())
			w.Archive.Hook, w.Catalog.Hook, w.Base.Hook = nil, nil, nil
			if reads > 0 {
				attempts++
			}
			w.audit = w.newAudit()
			w.Wait(time.Minute)
		}
		return attempts
	}
	for _, request := range []bool{false, true} {
		if request {
			w.ask()
		}
		if attempts := ticks(30); attempts != tries {
			t.Errorf("requested %v: %d attempts, want %d", request, attempts, tries)
		}
		stored, err := w.Catalog.Audit(t.Context(), "by_user")
		if err != nil || stored.Killed != tries || !strings.Contains(stored.Error, "3 times in a row") ||
			!strings.Contains(stored.Error, "2048 MB") {
			t.Errorf("audit is %+v, error %v", stored, err)
		}
	}
	w.Wait(every)
	if attempts := ticks(5); attempts != 0 {
		t.Errorf("%d attempts a day later, want none", attempts)
	}
	w.audit.Lease.Memory *= 4
	w.Wait(every)
	if got := w.auditsOf(); got != 1 {
		t.Errorf("%d audits with four times the memory, want 1", got)
	}
	w.ask()
	if got := w.auditsOf(); got != 1 {
		t.Errorf("%d audits on request, want 1", got)
	}
	if stored, err := w.Catalog.Audit(t.Context(), "by_user"); err != nil || stored.Killed != 0 || stored.Error != "" {
		t.Errorf("audit is %+v, error %v", stored, err)
	}
}

// TestFaults lets any call fail, or lose its answer. The tick must return the error, and the next audit must be
// complete.
func TestFaults(t *testing.T) {
	broken := errors.New("broken")
	for _, applied := range []bool{false, true} {
		for n := 0; ; n++ {
			w := newWorld(t)
			w.run("ann", "bob")
			item := w.itemOf("bob")
			item.States = w.itemOf("ann").States
			w.overwrite(item)
			w.ask()
			left, failed := n, ""
			hook := func(c memory.Call) memory.Fault {
				if left--; left == -1 {
					failed = c.Name
					return memory.Fault{Err: broken, Applied: applied}
				}
				return memory.Fault{}
			}
			w.Base.Hook, w.Catalog.Hook, w.Archive.Hook = hook, hook, hook
			_, err := w.audit.Tick(t.Context())
			w.Base.Hook, w.Catalog.Hook, w.Archive.Hook = nil, nil, nil
			if failed == "" {
				if n < 15 {
					t.Fatalf("an audit makes %d calls only", n)
				}
				break
			}
			stored, readErr := w.Catalog.Audit(t.Context(), "by_user")
			if readErr != nil {
				t.Fatal(readErr)
			}
			if err == nil && stored.Drift != 3 {
				t.Errorf("call %d, %s: no error, but the audit is %+v", n, failed, stored)
			}
			if err != nil && (!errors.Is(err, broken) || stored.Ended >= stored.Begun && stored.Begun > 0 &&
				!strings.Contains(stored.Error, "broken")) {
				t.Errorf("call %d, %s: error %v, and the audit is %+v", n, failed, err, stored)
			}
			w.Wait(20 * time.Minute)
			w.wantDrifts(3, []string{"bob"}, catalog.Altered)
		}
	}
}

// TestFailureKeepsFindings checks that an audit that fails leaves what the one before has found: the drift is still
// there. The next one that succeeds replaces the findings and the error.
func TestFailureKeepsFindings(t *testing.T) {
	w := newWorld(t)
	w.run("ann", "bob")
	item := w.itemOf("bob")
	item.States = w.itemOf("ann").States
	w.overwrite(item)
	found := w.audited()
	w.ask()
	w.Base.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errors.New("broken")} }
	if _, err := w.audit.Tick(t.Context()); err == nil {
		t.Fatal("the audit succeeds")
	}
	w.Base.Hook = nil
	stored, err := w.Catalog.Audit(t.Context(), "by_user")
	if err != nil || !strings.Contains(stored.Error, "broken") || stored.Audited >= stored.Ended {
		t.Errorf("audit is %+v, error %v", stored, err)
	}
	stored.Error = ""
	if diff := cmp.Diff(found, stored.Findings); diff != "" || found.Drift == 0 {
		t.Errorf("findings (-before +after):\n%s", diff)
	}
	if again := w.audited(); again.Error != "" || again.Drift != found.Drift {
		t.Errorf("findings of the next audit are %+v", again)
	}
}

// TestOutOfTime checks that the error of an audit that runs out of time is stored all the same.
func TestOutOfTime(t *testing.T) {
	w := newWorld(t)
	w.run("ann")
	ctx, cancel := context.WithCancel(t.Context())
	called := w.onCall(8, cancel)
	_, err := w.audit.Tick(ctx)
	if !called() || !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if stored, err := w.Catalog.Audit(t.Context(), "by_user"); err != nil || !strings.Contains(stored.Error, "canceled") ||
		stored.Ended < stored.Begun {
		t.Errorf("audit is %+v, error %v", stored, err)
	}
}

// TestNotAudited checks views that have nothing to compare. They are not audited by themselves, and a requested audit
// says why.
func TestNotAudited(t *testing.T) {
	w := newWorld(t)
	w.run("ann")
	v := w.view()
	kappa := lifecycle.Generation{ID: "g", Architecture: view.Kappa, State: lifecycle.Serving, Run: 1}
	empty := lifecycle.Generation{ID: "g", Definition: v.Generations[0].Definition, State: lifecycle.Serving}
	for _, other := range []lifecycle.View{
		{Name: "a"},
		{Name: "b", Serving: "g", Generations: []lifecycle.Generation{kappa}},
		{Name: "c", Serving: "g", Generations: []lifecycle.Generation{empty}},
	} {
		if err := w.Catalog.PutView(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.auditsOf(); got != 1 {
		t.Errorf("%d audits without a request, want 1, of the view with items", got)
	}
	for _, c := range []struct {
		name view.Name
		note string
	}{{"a", "nothing serves"}, {"b", "replaying"}, {"c", "no run"}} {
		if err := w.Catalog.PutAudit(t.Context(), catalog.Audit{View: c.name}.WithRequest(w.Clock)); err != nil {
			t.Fatal(err)
		}
		if got := w.auditsOf(); got != 1 {
			t.Errorf("%s: %d audits, want 1", c.name, got)
		}
		if stored, err := w.Catalog.Audit(t.Context(), c.name); err != nil || !strings.Contains(stored.Note, c.note) ||
			stored.Ended < stored.Begun {
			t.Errorf("audit of %s is %+v, error %v; want %q", c.name, stored, err, c.note)
		}
	}
}

// TestOrder checks the order of audits: requested ones first, by the time of the request; then the view that was
// audited longest ago.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	w.run("ann")
	g := w.generation()
	now := event.MillisOf(w.Clock)
	for name, one := range map[view.Name]catalog.Audit{
		"a": {}, "b": {Begun: 20, Ended: 30}, "c": {Requested: now - 1}, "d": {Begun: 10, Ended: 11},
		"e": {Begun: 5, Ended: 6, Requested: now - 5},
		"f": {Begun: now - 5, Ended: now - 4, Findings: catalog.Findings{Windows: 1}},
	} {
		one.View = name
		if err := w.Catalog.PutAudit(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if err := w.Catalog.PutView(t.Context(),
			lifecycle.View{Name: name, Serving: g.ID, Generations: []lifecycle.Generation{g}}); err != nil {
			t.Fatal(err)
		}
	}
	report, err := w.audit.Tick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []view.Name
	for _, v := range report.Views {
		names = append(names, v.Name)
	}
	if diff := cmp.Diff([]view.Name{"e", "c", "a", "by_user", "d", "b"}, names); diff != "" {
		t.Errorf("audited (-want +got):\n%s", diff)
	}
}

// TestShort checks that a tick begins no further audit once more than half of its time is used up.
func TestShort(t *testing.T) {
	w := newWorld(t)
	w.run("ann")
	g := w.generation()
	if err := w.Catalog.PutView(t.Context(),
		lifecycle.View{Name: "a", Serving: g.ID, Generations: []lifecycle.Generation{g}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	deadline, _ := ctx.Deadline()
	clock := deadline.Add(-10 * time.Minute)
	w.audit.Now = func() time.Time { return clock }
	called := w.onCall(10, func() { clock = clock.Add(6 * time.Minute) })
	report, err := w.audit.Tick(ctx)
	if !called() || err != nil || len(report.Views) != 1 || report.Due != 1 {
		t.Errorf("report %+v, error %v", report, err)
	}
	if report, err = w.audit.Tick(ctx); err != nil || len(report.Views) != 1 || report.Due != 0 {
		t.Errorf("report %+v, error %v", report, err)
	}
}
