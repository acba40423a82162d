package conformance

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
)

// Leases is the suite of catalog.Leases.
func Leases(t *testing.T, open func(t *testing.T) catalog.Leases) {
	t.Helper()
	runAll(t, open, []subtest[catalog.Leases]{
		{"Lease returns the stored lease of a name, or one with only the name", leasesRead},
		{"PutLease writes if the stored revision is still l.Revision; the stored lease gets the next", leasesConflict},
		{"PutLease by many at once: one writes", leasesRace},
		{"A call with an ended ctx returns an error, and a write can be retried", leasesCancelled},
	})
}

// aLease has a value in every field but the revision.
func aLease(name string) catalog.Lease {
	return catalog.Lease{
		Name: name, Holder: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N", Until: 1_795_555_500_000, Of: "größe", Killed: 3, Memory: 2048,
	}
}

func wantLease(t *testing.T, s catalog.Leases, want catalog.Lease) {
	t.Helper()
	got, err := s.Lease(t.Context(), want.Name)
	wantNoError(t, "lease", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
}

func leasesRead(t *testing.T, s catalog.Leases) {
	name := own(t)
	wantLease(t, s, catalog.Lease{Name: name})
	l := aLease(name)
	wantNoError(t, "put", s.PutLease(t.Context(), l))
	wantNoError(t, "put of another", s.PutLease(t.Context(), catalog.Lease{Name: name + " of page_views", Killed: 1}))
	l.Revision = 1
	wantLease(t, s, l)
	wantLease(t, s, catalog.Lease{Name: name + " of page_views", Revision: 1, Killed: 1})
	wantNoError(t, "give back", s.PutLease(t.Context(), catalog.Lease{Name: name, Revision: 1}))
	wantLease(t, s, catalog.Lease{Name: name, Revision: 2}) // nothing of the lease before remains
}

func leasesConflict(t *testing.T, s catalog.Leases) {
	l := aLease(own(t))
	l.Revision = 1
	wantError(t, "put over revision 1 of none", s.PutLease(t.Context(), l), catalog.ErrConflict)
	l.Revision = 0
	wantNoError(t, "put", s.PutLease(t.Context(), l))
	for _, revision := range []int64{0, 2, -1, math.MaxInt64} { // 0: so does a retry of the call that succeeded
		l.Revision = revision
		wantError(t, fmt.Sprintf("put over revision %d of 1", revision), s.PutLease(t.Context(), l), catalog.ErrConflict)
	}
	l.Revision = 1
	wantLease(t, s, l)
}

func leasesRace(t *testing.T, s catalog.Leases) {
	l := aLease(own(t))
	for round := range int64(8) {
		var errs [racers]error
		race(func(i int) {
			mine := l
			mine.Revision, mine.Until = round, event.Millis(i)+1
			errs[i] = s.PutLease(t.Context(), mine)
		})
		l.Until = event.Millis(oneWinner(t, errs[:], catalog.ErrConflict)) + 1
		l.Revision = round + 1
		wantLease(t, s, l)
	}
}

func leasesCancelled(t *testing.T, s catalog.Leases) {
	l := aLease(own(t))
	if err := s.PutLease(cancelled(t), l); err == nil || errors.Is(err, catalog.ErrConflict) {
		t.Errorf("put with an ended ctx: error %v", err)
	}
	if err := s.PutLease(t.Context(), l); err != nil && !errors.Is(err, catalog.ErrConflict) { // it may have been applied
		t.Errorf("put after one with an ended ctx: %v", err)
	}
	if _, err := s.Lease(cancelled(t), l.Name); err == nil {
		t.Error("lease with an ended ctx returned no error")
	}
	l.Revision = 1
	wantLease(t, s, l)
}
