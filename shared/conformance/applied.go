package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

func appliedOf(lane event.Lane, recorded event.Millis, first, last int) viewstore.Applied {
	return viewstore.Applied{Lane: lane, First: sequence(first), Last: sequence(last), Recorded: recorded, Expires: never}
}

func putApplied(t *testing.T, s viewstore.Seen, all ...viewstore.Applied) {
	t.Helper()
	for _, a := range all {
		wantNoError(t, fmt.Sprintf("put applied %s to %s of lane %s", a.First, a.Last, a.Lane), s.PutApplied(t.Context(), a))
	}
}

// wantApplied reads back to what was recorded at an instant.
func wantApplied(t *testing.T, s viewstore.Seen, lane event.Lane, recorded event.Millis, want ...viewstore.Applied) {
	t.Helper()
	var got []viewstore.Applied
	err := s.NewestApplied(t.Context(), lane, func(a viewstore.Applied) bool {
		if a.Recorded >= recorded {
			got = append(got, a)
		}
		return a.Recorded >= recorded
	})
	wantNoError(t, "newest applied", err)
	slices.Reverse(got)
	wantItems(t, fmt.Sprintf("applied of lane %s down to %d", lane, recorded), got, want)
}

func appliedReplace(t *testing.T, s viewstore.Seen) {
	lane, other := ownLane(t, 1), ownLane(t, 10)
	wantApplied(t, s, lane, 0)
	seen := seenOf(lane, recordedAt, sequence(2), sequence(5))
	putSeen(t, s, seen)
	putApplied(t, s, appliedOf(lane, recordedAt, 2, 5), appliedOf(other, recordedAt, 2, 5))
	again := appliedOf(lane, recordedAt+1, 2, 5)
	again.Expires++
	putApplied(t, s, again)
	wantApplied(t, s, lane, 0, again)
	wantApplied(t, s, other, 0, appliedOf(other, recordedAt, 2, 5))
	wantAfter(t, s, lane, "", seen)
	wantSince(t, s, lane, 0, seen)
	// Another first or last record is another name.
	putApplied(t, s, appliedOf(lane, recordedAt, 3, 5), appliedOf(lane, recordedAt, 2, 6))
	wantApplied(t, s, lane, 0, again, appliedOf(lane, recordedAt, 3, 5), appliedOf(lane, recordedAt, 2, 6))
}

func appliedNewest(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	var all []viewstore.Applied
	for i := range 60 { // more than a store returns at once
		all = append(all, appliedOf(lane, recordedAt+event.Millis(i), 10*i, 10*i+i%3))
	}
	for i := range all {
		putApplied(t, s, all[i*7%len(all)])
	}
	for _, from := range []int{0, 1, 30, 59} {
		wantApplied(t, s, lane, recordedAt+event.Millis(from), all[from:]...)
	}
	wantApplied(t, s, lane, recordedAt+60)
	wantApplied(t, s, ownLane(t, 2), 0)
}
