package conformance

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// Audits is the suite of catalog.Audits.
func Audits(t *testing.T, open func(t *testing.T) catalog.Audits) {
	t.Helper()
	runAll(t, open, []subtest[catalog.Audits]{
		{"Audit returns the stored audit of a view, or ErrNotFound", auditsRead},
		{"PutAudit writes if the stored revision is still a.Revision; the stored audit gets the next", auditsConflict},
		{"The caller keeps what it passes to PutAudit and gets from Audit", auditsCopy},
		{"PutAudit by many at once: one writes", auditsRace},
		{"A call with an ended ctx returns an error, and a write can be retried", auditsCancelled},
	})
}

// anAudit has a value in every field.
func anAudit(name view.Name) catalog.Audit {
	return catalog.Audit{
		View: name, Requested: 1, Begun: 2, Ended: 3,
		Findings: catalog.Findings{
			Generation: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N", Run: math.MaxUint64, Horizon: 1_795_555_500_000,
			Items: 4, Windows: 5, Drift: 6, Beyond: 7, Unsettled: 8, Pending: 9, Lost: 10,
			Drifts: []catalog.Drift{
				{
					Key: []string{"/größe", "\x00", ""}, Start: -3_600_000, Cause: catalog.Lost, Detail: "events/a",
					Expected: json.RawMessage(`{"n":3}`), Stored: json.RawMessage(`{"n":2}`),
				},
				{Cause: catalog.Deleted, Expected: json.RawMessage(`{"n":1}`)},
			},
			LostObjects: []string{"events/a", "events/b"}, Note: "a note", Error: "an error",
		},
	}
}

func wantAudit(t *testing.T, s catalog.Audits, want catalog.Audit) {
	t.Helper()
	got, err := s.Audit(t.Context(), want.View)
	wantNoError(t, "audit", err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func auditsRead(t *testing.T, s catalog.Audits) {
	name := view.Name(own(t))
	_, err := s.Audit(t.Context(), name)
	wantError(t, "audit of none", err, catalog.ErrNotFound)
	a := anAudit(name)
	wantNoError(t, "put", s.PutAudit(t.Context(), a))
	wantNoError(t, "put of another view", s.PutAudit(t.Context(), catalog.Audit{View: name + "-2", Requested: 7}))
	a.Revision = 1
	wantAudit(t, s, a)
	wantAudit(t, s, catalog.Audit{View: name + "-2", Revision: 1, Requested: 7})
}

func auditsConflict(t *testing.T, s catalog.Audits) {
	a := anAudit(view.Name(own(t)))
	a.Revision = 1
	wantError(t, "put over revision 1 of none", s.PutAudit(t.Context(), a), catalog.ErrConflict)
	a.Revision = 0
	wantNoError(t, "put", s.PutAudit(t.Context(), a))
	for _, revision := range []int64{0, 2, -1} { // 0: this is also what a retry of the call that succeeded passes
		a.Revision = revision
		wantError(t, "put over another revision", s.PutAudit(t.Context(), a), catalog.ErrConflict)
	}
	next := catalog.Audit{View: a.View, Revision: 1, Begun: 9} // nothing of the audit before remains
	wantNoError(t, "put over revision 1", s.PutAudit(t.Context(), next))
	next.Revision = 2
	wantAudit(t, s, next)
}

func auditsCopy(t *testing.T, s catalog.Audits) {
	name := view.Name(own(t))
	spoilAudit := func(a catalog.Audit) {
		a.LostObjects[0], a.Drifts[0].Key[0] = "spoiled", "spoiled"
		spoil(a.Drifts[0].Expected)
		spoil(a.Drifts[0].Stored)
		a.Drifts[1].Cause = "spoiled"
	}
	put := anAudit(name)
	wantNoError(t, "put", s.PutAudit(t.Context(), put))
	spoilAudit(put)
	want := anAudit(name)
	want.Revision = 1
	wantAudit(t, s, want)
	got, err := s.Audit(t.Context(), name)
	wantNoError(t, "audit", err)
	spoilAudit(got)
	wantAudit(t, s, want)
}

func auditsRace(t *testing.T, s catalog.Audits) {
	a := catalog.Audit{View: view.Name(own(t))}
	for round := range int64(8) {
		var errs [racers]error
		race(func(i int) {
			mine := a
			mine.Revision, mine.Begun = round, event.Millis(i)+1
			errs[i] = s.PutAudit(t.Context(), mine)
		})
		a.Begun = event.Millis(oneWinner(t, errs[:], catalog.ErrConflict)) + 1
		a.Revision = round + 1
		wantAudit(t, s, a)
	}
}

func auditsCancelled(t *testing.T, s catalog.Audits) {
	a := anAudit(view.Name(own(t)))
	if err := s.PutAudit(cancelled(t), a); err == nil || errors.Is(err, catalog.ErrConflict) {
		t.Errorf("put with an ended ctx: error %v", err)
	}
	if err := s.PutAudit(t.Context(), a); err != nil && !errors.Is(err, catalog.ErrConflict) { // it may have been applied
		t.Errorf("put after one with an ended ctx: %v", err)
	}
	if _, err := s.Audit(cancelled(t), a.View); err == nil || errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("audit with an ended ctx: error %v", err)
	}
	a.Revision = 1
	wantAudit(t, s, a)
}
