package conformance

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/shared/catalog"
)

// Sweeps is the suite of catalog.Sweeps. Each store that open returns must have swept nothing.
func Sweeps(t *testing.T, open func(t *testing.T) catalog.Sweeps) {
	t.Helper()
	runAll(t, open, []subtest[catalog.Sweeps]{
		{"Swept returns the number of the last swept run, or 0", sweepsMove},
		{"PutSwept returns ErrConflict when the progress is not as loaded", sweepsConflict},
		{"PutSwept by many at once: one moves the progress", sweepsRace},
		{"Waits returns what PutWaits has written; PutWaits returns ErrConflict for another revision", sweepsWait},
		{"A call with an ended ctx returns an error, and a write can be retried", sweepsCancelled},
	})
}

func wantSwept(t *testing.T, s catalog.Sweeps, want uint64) {
	t.Helper()
	got, err := s.Swept(t.Context())
	wantNoError(t, "swept", err)
	if got != want {
		t.Errorf("swept through run %d, want %d", got, want)
	}
}

func sweepsMove(t *testing.T, s catalog.Sweeps) {
	wantSwept(t, s, 0)
	var loaded uint64
	for _, run := range []uint64{1, 2, 10, 9_999_999_999, math.MaxUint64} {
		wantNoError(t, fmt.Sprintf("put swept %d", run), s.PutSwept(t.Context(), run, loaded))
		wantSwept(t, s, run)
		loaded = run
	}
}

func sweepsConflict(t *testing.T, s catalog.Sweeps) {
	wantError(t, "put over 1 of none", s.PutSwept(t.Context(), 2, 1), catalog.ErrConflict)
	wantSwept(t, s, 0)
	wantNoError(t, "put", s.PutSwept(t.Context(), 5, 0))
	// 0: this is also what a retry of the call that succeeded passes
	for _, loaded := range []uint64{0, 4, 6, math.MaxUint64} {
		wantError(t, fmt.Sprintf("put over %d of 5", loaded), s.PutSwept(t.Context(), 7, loaded), catalog.ErrConflict)
	}
	wantSwept(t, s, 5)
}

func sweepsRace(t *testing.T, s catalog.Sweeps) {
	var loaded uint64
	for round := range uint64(8) {
		var errs [racers]error
		moved := func(i int) uint64 { return (round+1)*100 + uint64(i) }
		race(func(i int) { errs[i] = s.PutSwept(t.Context(), moved(i), loaded) })
		loaded = moved(oneWinner(t, errs[:], catalog.ErrConflict))
		wantSwept(t, s, loaded)
	}
}

func sweepsCancelled(t *testing.T, s catalog.Sweeps) {
	if err := s.PutSwept(cancelled(t), 1, 0); err == nil || errors.Is(err, catalog.ErrConflict) {
		t.Errorf("put with an ended ctx: error %v", err)
	}
	if _, err := s.Swept(cancelled(t)); err == nil {
		t.Error("swept with an ended ctx returned no error")
	}
	// The cancelled put may have been applied.
	if err := s.PutSwept(t.Context(), 1, 0); err != nil && !errors.Is(err, catalog.ErrConflict) {
		t.Errorf("put after one with an ended ctx: %v", err)
	}
	wantSwept(t, s, 1)
}

func sweepsWait(t *testing.T, s catalog.Sweeps) {
	want := catalog.SweepWaits{}
	for range 3 {
		got, err := s.Waits(t.Context())
		wantNoError(t, "waits", err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
		next := catalog.SweepWaits{Revision: got.Revision, Waits: append(slices.Clone(got.Waits), catalog.SweepWait{
			Run: uint64(len(got.Waits)) + 1, Lane: 4095, Until: 1_795_555_500_000, Rounds: 3, Through: 12_000, Probe: 7,
		})}
		wantNoError(t, "put waits", s.PutWaits(t.Context(), next))
		wantError(t, "put waits again", s.PutWaits(t.Context(), next), catalog.ErrConflict)
		want = catalog.SweepWaits{Revision: got.Revision + 1, Waits: next.Waits}
	}
	if _, err := s.Waits(cancelled(t)); err == nil {
		t.Error("waits with an ended ctx returned no error")
	}
	if err := s.PutWaits(cancelled(t), catalog.SweepWaits{Revision: 3}); err == nil ||
		errors.Is(err, catalog.ErrConflict) {
		t.Errorf("put waits with an ended ctx: error %v", err)
	}
}
