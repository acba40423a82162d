package serving_test

import (
	"errors"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
)

// TestGroupsAreExact tells the story of the rule for rows of many keys.
func TestGroupsAreExact(t *testing.T) {
	s := filled(t)
	const by = "group_by= step=all from=11-22T09:00 to=11-22T11:00"
	s.check(t, by, " 22T09-22T11 34 true")
	s.live(t, "/new", "200", horizon, amount{"2026-11-22T09:50:00Z", "32"})
	s.check(t, by, " 22T09-22T11 66 false")
	s.check(t, "group_by=path step=all from=11-22T09:00 to=11-22T11:00", "/a 22T09-22T11 6 true", "/b 22T09-22T11 24 true",
		"/c 22T09-22T11 4 true", "/new 22T09-22T11 32 false")
	// A run writes the item of the new key, and then moves the pointer.
	s.base(t, "/new", "200", horizon+slotMs, amount{"2026-11-22T09:50:00Z", "32"})
	s.check(t, by, " 22T09-22T11 66 false")
	s.MoveTo(t, horizon+slotMs)
	s.check(t, by, " 22T09-22T11 66 true")
}

// TestGroupsBetweenListingAndReading runs a run of batch between the moment when keys are listed and the moment when
// items are read. All listed keys then stand at its horizon, and a new key is missing: no row may be exact.
func TestGroupsBetweenListingAndReading(t *testing.T) {
	s := filled(t)
	applied := false
	s.Hook(servingtest.Before("base.Pages", func() {
		if applied {
			return
		}
		applied = true
		late := amount{"2026-11-22T09:55:00Z", "100"}
		s.base(t, "/a", "404", horizon+slotMs, amount{"2026-11-22T09:30:00Z", "4"}, late)
		s.base(t, "/new", "404", horizon+slotMs, late)
		s.MoveTo(t, horizon+slotMs)
	}))
	s.check(t, "status=404 group_by= step=all", " 22T09-22T10 104 false")
	s.check(t, "status=404 group_by= step=all", " 22T09-22T10 204 true")
}

// TestGroupsAfterASwitch checks that a page comes from the generation of the page before, and what happens when it is
// gone.
func TestGroupsAfterASwitch(t *testing.T) {
	s := filled(t)
	page := must(s.ask("step=all order=-bytes limit=1"))
	old := servingtest.Candidate(s.p, "g", lifecycle.Retained)
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "h", Generations: []lifecycle.Generation{
		servingtest.Candidate(s.p, "h", lifecycle.Serving), old}})
	if all := must(s.ask("step=all order=-bytes")); len(all.Rows) != 0 {
		t.Errorf("the new generation has %v", rowsOf(all))
	}
	s.check(t, "step=all order=-bytes limit=1 cursor="+page.Groups.Next, "/a 404 21T10-22T11 4 true")
	old.State = lifecycle.Dropping
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "h", Generations: []lifecycle.Generation{
		servingtest.Candidate(s.p, "h", lifecycle.Serving), old}})
	_, err := s.ask("step=all order=-bytes limit=1 cursor=" + page.Groups.Next)
	if !errors.Is(err, serving.ErrCursorGone) {
		t.Errorf("the cursor of a generation that is gone: %v", err)
	}
}
