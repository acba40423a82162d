package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Seen is the suite of viewstore.Seen.
func Seen(t *testing.T, open func(t *testing.T) viewstore.Seen) {
	t.Helper()
	runAll(t, open, []subtest[viewstore.Seen]{
		{"Put writes an item of at most MaxSeenBytes", seenPut},
		{"Put replaces an item with the same name, and keeps all others", seenReplace},
		{"Put is safe for concurrent use", seenAtOnce},
		{"After returns the lane's items whose last record comes after the given one, in order of their last record",
			seenAfter},
		{"Newest goes back from the newest item to the first that the caller does not want", seenNewest},
		{"After and Newest return more items than a store returns at once", seenMany},
		{"PutApplied replaces what has the same name, and no seen item", appliedReplace},
		{"NewestApplied goes back from the last record to the first that the caller does not want", appliedNewest},
		{"The caller owns what it passes and what it gets", seenOwned},
		{"A call with an ended ctx returns an error, and a write can be retried", seenCancelled},
	})
}

// recordedAt is when items are recorded here, more or less.
const recordedAt = event.Millis(1_795_555_500_000)

// seenOf is an item of one record for each sequence number.
func seenOf(lane event.Lane, recorded event.Millis, sequences ...event.Sequence) viewstore.SeenItem {
	item := viewstore.SeenItem{Lane: lane, Recorded: recorded, Expires: never}
	for i, s := range sequences {
		r := viewstore.SeenRecord{Sequence: s, Line: i, Identities: []event.Identity{
			{Hi: 1 << 63, Lo: uint64(i)}, {Hi: 1<<64 - 1, Lo: 1<<64 - 1}, {Lo: 1 << 63}}}
		copy(r.Request[:], noise(uint64(len(s)+i), len(r.Request)))
		item.Records = append(item.Records, r)
	}
	return item
}

func putSeen(t *testing.T, s viewstore.Seen, items ...viewstore.SeenItem) {
	t.Helper()
	for _, item := range items {
		wantNoError(t, fmt.Sprintf("put seen item %s to %s of lane %s", item.First(), item.Last(), item.Lane),
			s.Put(t.Context(), item))
	}
}

func wantAfter(t *testing.T, s viewstore.Seen, lane event.Lane, last event.Sequence, want ...viewstore.SeenItem) {
	t.Helper()
	got, err := s.After(t.Context(), lane, last)
	wantNoError(t, "after", err)
	wantItems(t, fmt.Sprintf("items of lane %s after %q", lane, last), got, want)
}

func wantSince(t *testing.T, s viewstore.Seen, lane event.Lane, recorded event.Millis, want ...viewstore.SeenItem) {
	t.Helper()
	var newest []viewstore.SeenItem
	err := s.Newest(t.Context(), lane, func(item viewstore.SeenItem) bool {
		if item.Recorded < recorded {
			return false
		}
		newest = append(newest, item)
		return true
	})
	wantNoError(t, "newest", err)
	slices.Reverse(newest)
	wantItems(t, fmt.Sprintf("newest items of lane %s down to %d", lane, recorded), newest, want)
}

func seenPut(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	wantAfter(t, s, lane, "")
	wantSince(t, s, lane, 0)
	small := seenOf(lane, recordedAt, sequence(1))
	small.Records[0].Identities = small.Records[0].Identities[:1]
	// A record may hold lines of two requests.
	many := seenOf(lane, recordedAt, sequence(2), sequence(3), sequence(3), sequence(4))
	many.Records[1].Request = ulid.ULID{}
	spoil(many.Records[1].Request[:]) // the highest possible ULID
	many.Records[3].Line = 999_999
	large := seenOf(lane, recordedAt, sequence(5))
	large.Records[0].Identities = nil
	for i := range uint64(20_000) { // more than a record has lines
		large.Records[0].Identities = append(large.Records[0].Identities, event.Identity{Hi: i, Lo: i * 0x9e3779b97f4a7c15})
	}
	putSeen(t, s, small, many, large)
	wantAfter(t, s, lane, "", small, many, large)
	wantSince(t, s, lane, 0, small, many, large)
}

func seenReplace(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	item := seenOf(lane, recordedAt, sequence(2), sequence(5))
	putSeen(t, s, item, item)
	wantAfter(t, s, lane, "", item)
	again := seenOf(lane, recordedAt+1000, sequence(2), sequence(5))
	again.Expires++
	putSeen(t, s, again)
	wantAfter(t, s, lane, "", again)
	// An item with another first or last record is another item, even if it covers the same records.
	longer, later := seenOf(lane, recordedAt, sequence(2), sequence(5), sequence(6)), seenOf(lane, recordedAt, sequence(5),
		sequence(7))
	putSeen(t, s, longer, later)
	wantAfter(t, s, lane, "", again, longer, later)
	suffix := seenOf(lane, recordedAt, sequence(6), sequence(7))
	putSeen(t, s, suffix)
	got, err := s.After(t.Context(), lane, sequence(6))
	wantNoError(t, "after", err)
	// Both have the same last record.
	slices.SortFunc(got, func(a, b viewstore.SeenItem) int { return a.First().Compare(b.First()) })
	wantItems(t, "items with one last record", got, []viewstore.SeenItem{later, suffix})
}

func seenAtOnce(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	var (
		errs [racers]error
		want []viewstore.SeenItem
	)
	for i := range racers {
		want = append(want, seenOf(lane, recordedAt, sequence(i)))
	}
	race(func(i int) {
		for _, n := range []int{i, (i + 1) % racers, (i * 7) % racers} { // several racers write the same item
			errs[i] = errors.Join(errs[i], s.Put(t.Context(), want[n]))
		}
		if got, err := s.After(t.Context(), lane, ""); err != nil ||
			!slices.ContainsFunc(got, func(item viewstore.SeenItem) bool { return item.Last() == sequence(i) }) {
			errs[i] = errors.Join(errs[i], fmt.Errorf("racer %d does not see its own item among %d, error %w", i, len(got), err))
		}
	})
	wantNoError(t, "puts and reads at once", errors.Join(errs[:]...))
	wantAfter(t, s, lane, "", want...)
}

func seenAfter(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	items := []viewstore.SeenItem{
		// Sequence numbers order by length, then as text.
		seenOf(lane, recordedAt, "1"), seenOf(lane, recordedAt, "2", "9"), seenOf(lane, recordedAt, "10"),
		// These items overlap, as after a failure.
		seenOf(lane, recordedAt, sequence(1), sequence(3)), seenOf(lane, recordedAt, sequence(2), sequence(4)),
		seenOf(lane, recordedAt, sequence(10)), seenOf(lane, recordedAt, sequence(11)),
	}
	for _, i := range []int{4, 0, 6, 2, 5, 1, 3} {
		putSeen(t, s, items[i])
	}
	// Neighbours that After must not return.
	other := ownLane(t, 10)
	putSeen(t, s, seenOf(other, recordedAt, sequence(3)))
	layout := lane
	layout.Layout++
	putSeen(t, s, seenOf(layout, recordedAt, sequence(3)))
	for _, last := range []event.Sequence{"", "0", "1", "2", "8", "9", "10", "11", sequence(0), sequence(2), sequence(3),
		sequence(4), sequence(9), sequence(10), sequence(11), sequence(12)} {
		at, _ := slices.BinarySearchFunc(items, last, func(item viewstore.SeenItem, last event.Sequence) int {
			if item.Last().Compare(last) > 0 {
				return 1
			}
			return -1
		})
		wantAfter(t, s, lane, last, items[at:]...)
	}
	wantAfter(t, s, other, "", seenOf(other, recordedAt, sequence(3)))
	wantAfter(t, s, ownLane(t, 2), "")
}

func seenNewest(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	var items []viewstore.SeenItem
	// The clocks of writers differ: the fourth item was recorded before the third.
	for i, ms := range []event.Millis{0, 1000, 3000, 2000, 4000, 4000} {
		items = append(items, seenOf(lane, recordedAt+ms, sequence(10*i), sequence(10*i+1)))
	}
	for _, i := range []int{3, 5, 0, 4, 2, 1} {
		putSeen(t, s, items[i])
	}
	for ms, from := range map[event.Millis]int{-1: 0, 0: 0, 1: 1, 1000: 1, 1001: 2, 2000: 2, 2001: 4, 3000: 4, 4000: 4,
		4001: 6} {
		wantSince(t, s, lane, recordedAt+ms, items[from:]...)
	}
	wantSince(t, s, ownLane(t, 2), 0)
}

func seenMany(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	var items []viewstore.SeenItem
	for i := range 12 { // of 320 KB each: more than 1 MB
		item := seenOf(lane, recordedAt+event.Millis(i), sequence(i))
		item.Records[0].Identities = make([]event.Identity, 20_000)
		for at := range item.Records[0].Identities {
			item.Records[0].Identities[at].Lo = uint64(i*20_000+at) * 0x9e3779b97f4a7c15
		}
		putSeen(t, s, item)
		items = append(items, item)
	}
	wantAfter(t, s, lane, "", items...)
	wantAfter(t, s, lane, sequence(1), items[2:]...)
	wantSince(t, s, lane, recordedAt+1, items[1:]...)
}

func seenOwned(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	want := seenOf(lane, recordedAt, sequence(1), sequence(2))
	spoilSeen := func(item viewstore.SeenItem) {
		item.Records[0].Identities[0].Lo = 77
		item.Records[1].Sequence = "77"
	}
	passed := seenOf(lane, recordedAt, sequence(1), sequence(2))
	putSeen(t, s, passed)
	spoilSeen(passed)
	wantAfter(t, s, lane, "", want)
	got, err := s.After(t.Context(), lane, "")
	wantNoError(t, "after", err)
	spoilSeen(got[0])
	wantSince(t, s, lane, 0, want)
	wantNoError(t, "newest", s.Newest(t.Context(), lane, func(item viewstore.SeenItem) bool {
		spoilSeen(item)
		return true
	}))
	wantAfter(t, s, lane, "", want)
}

func seenCancelled(t *testing.T, s viewstore.Seen) {
	lane := ownLane(t, 1)
	item := seenOf(lane, recordedAt, sequence(1))
	calls := map[string]func(ctx context.Context) error{
		"put":   func(ctx context.Context) error { return s.Put(ctx, item) },
		"after": func(ctx context.Context) error { _, err := s.After(ctx, lane, ""); return err },
		"newest": func(ctx context.Context) error {
			return s.Newest(ctx, lane, func(viewstore.SeenItem) bool { return true })
		},
		"put applied": func(ctx context.Context) error { return s.PutApplied(ctx, appliedOf(lane, recordedAt, 1, 1)) },
		"newest applied": func(ctx context.Context) error {
			return s.NewestApplied(ctx, lane, func(viewstore.Applied) bool { return true })
		},
	}
	for name, call := range calls {
		if err := call(cancelled(t)); err == nil {
			t.Errorf("%s with an ended ctx returned no error", name)
		}
	}
	putSeen(t, s, item) // the first try may have been applied
	wantAfter(t, s, lane, "", item)
}
