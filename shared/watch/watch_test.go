package watch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/watch"
)

// TestInTime checks that nothing is overdue in a system that works: when it is new, while events come, and when they
// stop.
func TestInTime(t *testing.T) {
	s := newSystem(t, both)
	s.want("a new system", s.look(), watch.Report{})
	for minute := range 30 {
		s.want(fmt.Sprintf("after %d minutes", minute+1), s.minutes(1), watch.Report{})
	}
	s.quiet = true
	for minute := range 30 {
		s.want(fmt.Sprintf("after %d minutes without events", minute+1), s.minutes(1), watch.Report{})
	}
	s.stands["speed"] = true // nobody notices, and nothing is missing
	s.want("speed stands still, and no event comes", s.minutes(30), watch.Report{})
}

// TestBatchStandsStill checks that batch is overdue when the horizon of the archive, or of one view, stands still, and
// that nothing else is, although the sweep and replay get no new runs.
func TestBatchStandsStill(t *testing.T) {
	s := newSystem(t, both)
	s.minutes(10)
	s.stands["batch"] = true
	if seen := s.minutes(2); seen.Batch.Overdue > 0 {
		t.Errorf("after two minutes batch is overdue by %s", seen.Batch.Overdue)
	}
	seen := s.minutes(8)
	late := simulation.Settings().LateAfter()
	// Ten minutes before, batch covered all slots that were sealed, up to 10 s and the seal delay before that.
	if least := 10*time.Minute - late; seen.Batch.Overdue < least || seen.Batch.Overdue > least+20*time.Second {
		t.Errorf("after ten minutes batch is overdue by %s; want %s to 20s more", seen.Batch.Overdue, least)
	}
	seen.Batch = watch.Step{}
	s.want("the other steps", seen, watch.Report{})
	s.stands["batch"] = false
	s.want("batch runs again", s.minutes(1), watch.Report{})
}

// TestBatchNeverRuns checks that a batch that has made no run is overdue once a generation, or an event of the layout,
// has waited for one.
func TestBatchNeverRuns(t *testing.T) {
	late := simulation.Settings().LateAfter()
	s := newSystem(t, lambda) // batch has begun a generation, and stands still before its first run
	s.stands["batch"], s.quiet = true, true
	v, err := s.Catalog.View(t.Context(), "by_user")
	if err != nil {
		t.Fatal(err)
	}
	begun, err := ulid.ParseStrict(string(v.Generations[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	s.Clock = ulid.Time(begun.Time()).Add(late)
	s.want("a new generation", s.look(), watch.Report{})
	s.Wait(time.Minute)
	s.want("an old generation", s.look(), watch.Report{Batch: watch.Step{Overdue: time.Minute}})

	s = newSystem(t, lambda)
	s.stands["batch"] = true
	s.watch.Catalog, s.watch.Sweeps = &memory.Catalog{}, &memory.Catalog{} // batch has not run at all
	s.Wait(24 * time.Hour)
	s.want("no event", s.look(), watch.Report{})
	s.minutes(1)
	begins := slot.Length(simulation.Slot).At(s.Clock)
	s.Clock = begins.Start().Add(late)
	s.want("a new event", s.look(), watch.Report{})
	s.Wait(time.Minute)
	s.want("an old event", s.look(), watch.Report{Batch: watch.Step{Overdue: time.Minute}})
	s.watch.Begins = slot.Length(simulation.Slot).At(s.Clock)
	s.want("an event from before the layout", s.look(), watch.Report{})
	s.Wait(late + time.Minute)
	if seen := s.look(); seen.Batch.Overdue < time.Minute || seen.Batch.Overdue > 2*time.Minute {
		t.Errorf("an event from before an old layout: batch is %+v", seen.Batch)
	}
	if _, err := s.Archive.Put(t.Context(), archive.FirstEvent+"0", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.watch.Look(t.Context()); err == nil || !strings.Contains(err.Error(), "foreign object") {
		t.Errorf("a foreign object: error %v", err)
	}
}

// TestOneViewStandsStill checks that batch is overdue for a view to which it cannot apply runs.
func TestOneViewStandsStill(t *testing.T) {
	s := newSystem(t, lambda)
	s.minutes(10)
	broken := errors.New("broken")
	s.Base.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: broken} }
	for range 10 {
		s.Wait(time.Minute)
		if _, err := s.Tick(t.Context()); !errors.Is(err, broken) {
			t.Fatalf("error %v", err)
		}
	}
	seen := s.look()
	if seen.Batch.View != "by_user" || seen.Batch.Overdue < 7*time.Minute {
		t.Errorf("batch is %+v", seen.Batch)
	}
	s.Base.Hook = nil
	s.want("the view goes on", s.minutes(1), watch.Report{})
}

// TestStreamStandsStill checks that the stream is overdue when nobody reads it, and when republish does not bring what
// is missing.
func TestStreamStandsStill(t *testing.T) {
	settings := simulation.Settings()
	due := settings.LateAfter() + 2*settings.SweepAfter
	for _, step := range []string{"speed", "republish"} {
		s := newSystem(t, both)
		s.minutes(10)
		s.stands[step] = true
		if step == "republish" { // an event that ingest archives but cannot publish
			down := errors.New("down")
			s.Stream.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: down} }
			s.minutes(1)
			s.Stream.Hook = nil
		}
		if seen := s.minutes(2); seen.Stream.Overdue > 0 {
			t.Errorf("%s: after two minutes the stream is overdue by %s", step, seen.Stream.Overdue)
		}
		seen := s.minutes(13)
		// The first run that lacks events has its horizon one to four minutes after the step stopped.
		if least := 11*time.Minute - due; seen.Stream.Overdue < least || seen.Stream.Overdue > least+4*time.Minute {
			t.Errorf("%s: the stream is overdue by %s; want %s to 4m more", step, seen.Stream.Overdue, least)
		}
		seen.Stream = watch.Step{}
		s.want("the other steps", seen, watch.Report{})
		s.stands[step] = false
		s.minutes(3)
		s.want(step+" runs again", s.minutes(1), watch.Report{})
	}
}

// TestReplayStandsStill checks that replay is overdue when a Kappa view lacks earlier events a day after it was live.
func TestReplayStandsStill(t *testing.T) {
	s := newSystem(t, lambda)
	s.minutes(10)
	if err := s.Deploy(both); err != nil {
		t.Fatal(err)
	}
	s.stands["replay"] = true
	s.want("replay has a day", s.minutes(20), watch.Report{})
	s.quiet = true
	for range 24 {
		s.Wait(time.Hour)
		s.minutes(1)
	}
	seen := s.look()
	if seen.Replay.View != "live" || seen.Replay.Overdue < 30*time.Minute || seen.Replay.Overdue > time.Hour {
		t.Errorf("replay is %+v, want live overdue by somewhat less than an hour", seen.Replay)
	}
	s.stands["replay"] = false
	s.want("replay runs", s.minutes(1), watch.Report{})
}

// TestAuditsStandStill checks that audits are overdue after twice their interval, also when each of them fails, and
// when there never was one.
func TestAuditsStandStill(t *testing.T) {
	every := simulation.Settings().AuditEvery
	for _, first := range []bool{true, false} {
		for _, fails := range []bool{true, false} {
			s := newSystem(t, lambda)
			s.quiet = true
			s.stands["audit"] = !first
			s.minutes(3)
			s.stands["audit"] = true
			for range 2 * int(every/time.Hour) {
				s.want("less than twice the interval", s.minutes(1), watch.Report{})
				s.Wait(time.Hour - time.Minute)
				if fails {
					s.failAudit()
				}
			}
			seen := s.minutes(3)
			if seen.Audit.View != "by_user" || seen.Audit.Overdue < time.Minute || seen.Audit.Overdue > 7*time.Minute {
				t.Errorf("audited before: %v, fails: %v: audits are %+v", first, fails, seen.Audit)
			}
			s.stands["audit"] = false
			if fails { // the failed one began less than the interval ago
				s.Wait(every)
			}
			s.want("audited again", s.minutes(1), watch.Report{})
		}
	}
}

// failAudit lets an audit that is due end with an error.
func (s *system) failAudit() {
	s.t.Helper()
	broken := errors.New("broken")
	s.Base.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: broken} }
	if _, err := s.Audit.Tick(s.t.Context()); err != nil && !errors.Is(err, broken) {
		s.t.Fatal(err)
	}
	s.Base.Hook = nil
}

// TestFindings checks that what an audit has found counts until the next one finds it mended, or another generation
// serves.
func TestFindings(t *testing.T) {
	s := newSystem(t, lambda)
	s.minutes(10)
	v, err := s.Catalog.View(t.Context(), "by_user")
	if err != nil {
		t.Fatal(err)
	}
	store := func(of lifecycle.GenerationID, drift, lost int64) watch.Report {
		t.Helper()
		a, err := s.Catalog.Audit(t.Context(), "by_user")
		if err != nil {
			t.Fatal(err)
		}
		a.Findings = catalog.Findings{Generation: of, Windows: 9, Drift: drift, Lost: lost}
		if err := s.Catalog.PutAudit(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		return s.look()
	}
	s.want("found", store(v.Serving, 3, 2), watch.Report{Drift: 3, Lost: 2})
	s.want("a day later, before the next audit", s.minutes(10), watch.Report{Drift: 3, Lost: 2})
	s.want("mended", store(v.Serving, 0, 0), watch.Report{})
	s.want("of a generation that no longer serves", store("another", 3, 2), watch.Report{})
}

// TestUnsettled checks that the watch says for how long findings may have become 0: until an hour after each audit, and
// while the generation that serves has none.
func TestUnsettled(t *testing.T) {
	s := newSystem(t, lambda)
	want := func(what string, unsettled bool) {
		t.Helper()
		if seen := s.look(); seen.Unsettled != unsettled {
			t.Errorf("%s: unsettled is %v", what, seen.Unsettled)
		}
	}
	want("no view serves", true)
	s.minutes(10)
	audits := func(change func(*catalog.Audit)) {
		t.Helper()
		a, err := s.Catalog.Audit(t.Context(), "by_user")
		if err == nil {
			change(&a)
			err = s.Catalog.PutAudit(t.Context(), a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	serving := lifecycle.GenerationID("")
	audits(func(a *catalog.Audit) {
		serving, a.Audited = a.Generation, event.MillisOf(s.Clock.Add(-59*time.Minute))
	})
	want("an hour has not passed since the audit", true)
	s.Wait(time.Minute)
	want("an hour has passed", false)
	audits(func(a *catalog.Audit) { a.Generation = "another" })
	want("another generation serves", true)
	audits(func(a *catalog.Audit) { a.Generation = serving })
	want("it serves again", false)
}

// TestGivenUp checks that a view counts once while its build or its audit is given up.
func TestGivenUp(t *testing.T) {
	s := newSystem(t, lambda)
	s.minutes(10)
	change := func(failure string, killed int) watch.Report {
		t.Helper()
		v, err := s.Catalog.View(t.Context(), "by_user")
		if err != nil {
			t.Fatal(err)
		}
		v.Failure = failure
		a, err := s.Catalog.Audit(t.Context(), "by_user")
		if err != nil {
			t.Fatal(err)
		}
		a.Findings = catalog.Findings{Generation: v.Serving, Killed: killed}
		if err := errors.Join(s.Catalog.PutView(t.Context(), v), s.Catalog.PutAudit(t.Context(), a)); err != nil {
			t.Fatal(err)
		}
		return s.look()
	}
	s.want("the build", change("killed", 0), watch.Report{GivenUp: 1})
	s.want("both", change("killed", 3), watch.Report{GivenUp: 1})
	s.want("the audit", change("", 3), watch.Report{GivenUp: 1})
	s.want("neither", change("", 0), watch.Report{})
}

// TestErrors checks that an error of any read is returned, with no report that could pass for a clean one.
func TestErrors(t *testing.T) {
	s := newSystem(t, both)
	s.minutes(10)
	s.stands["speed"] = true
	s.minutes(2)
	broken := errors.New("broken")
	for n := 0; ; n++ {
		left, failed := n, false
		s.Catalog.Hook = func(memory.Call) memory.Fault {
			left--
			if left == -1 {
				failed = true
				return memory.Fault{Err: broken}
			}
			return memory.Fault{}
		}
		_, err := s.watch.Look(t.Context())
		if !failed {
			if n < 5 {
				t.Errorf("the watch reads the catalog only %d times", n)
			}
			return
		}
		if !errors.Is(err, broken) {
			t.Errorf("call %d: error %v", n, err)
		}
	}
}

// TestIDs checks that a generation whose id does not say when it began is not overdue before its first audit.
func TestIDs(t *testing.T) {
	c := &memory.Catalog{}
	v := lifecycle.View{Name: "v", Serving: "g", Generations: []lifecycle.Generation{{
		ID: "g", State: lifecycle.Serving, Run: 1, Horizon: 1 << 40,
	}}}
	if err := c.PutView(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	host := setting.Host{Now: func() time.Time { return event.Millis(1 << 40).Time() }}
	w := watch.New(&memory.Archive{Now: host.Now}, c, simulation.Settings(), host)
	if seen, err := w.Look(t.Context()); err != nil || seen != (watch.Report{Unsettled: true}) {
		t.Errorf("%+v, %v", seen, err)
	}
}
