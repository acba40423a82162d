//go:build emulator

package dynamoviews_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/viewstore"
)

func TestConformance(t *testing.T) {
	cfg := awstest.Config(emulator.Start(t).Endpoint)
	baseName, speedName, seenName := awstest.Unique("base"), awstest.Unique("speed"), awstest.Unique("seen")
	base := awstest.Table(t, cfg, baseName, awstest.BaseTable)
	speed := awstest.Table(t, cfg, speedName, awstest.SpeedTable)
	t.Run("Base", func(t *testing.T) {
		conformance.Base(t, func(*testing.T) viewstore.Base { return dynamoviews.NewBase(base, baseName) })
	})
	// Seen items in a table of their own, as deployed, or in the table of the speed items, which is allowed.
	seen := awstest.Table(t, cfg, seenName, awstest.SeenTable)
	t.Run("Seen", func(t *testing.T) {
		conformance.Seen(t, func(*testing.T) viewstore.Seen { return dynamoviews.NewSeen(seen, seenName) })
	})
	t.Run("Seen as in memory", func(t *testing.T) { seenAsInMemory(t, dynamoviews.NewSeen(speed, speedName)) })
	t.Run("Speed", func(t *testing.T) {
		conformance.Speed(t, func(*testing.T) viewstore.Speed { return dynamoviews.NewSpeed(speed, speedName) })
	})
}

// seenAsInMemory puts the same items into s and into memory. Every read must return the same.
func seenAsInMemory(t *testing.T, s viewstore.Seen) {
	var reference memory.Seen
	lanes := []event.Lane{{Layout: 1, Count: 4}, {Layout: 1, Count: 4, N: 1}, {Layout: 1, Count: 16, N: 1}}
	numbers := []event.Sequence{"9", "10", "99", "100", "4954", "49546986683135544286507457936321625675700192471156785154"}
	recorded := event.Millis(1_795_555_503_000)
	for repeat := range 2 { // the second round replaces each item with itself
		for i, lane := range lanes {
			for _, at := range []int{3, 0, 5, 1, 4, 2} {
				for from := range at + 1 {
					item := viewstore.SeenItem{Lane: lane, Recorded: recorded + event.Millis(at*10+repeat),
						Expires: viewstore.ExpiryAt(recorded.Time()) + 100_000}
					for n := from; n <= at; n++ {
						item.Records = append(item.Records,
							viewstore.SeenRecord{Sequence: numbers[n], Line: n,
								Identities: []event.Identity{{Hi: uint64(i), Lo: uint64(n)}}})
					}
					for name, store := range map[string]viewstore.Seen{"here": s, "in memory": &reference} {
						if err := store.Put(t.Context(), item); err != nil {
							t.Fatalf("put %s: %v", name, err)
						}
					}
				}
			}
		}
	}
	// More items than Newest reads at once, and more than DynamoDB returns at once.
	large := event.Lane{Layout: 9, Count: 1}
	for n := range 120 {
		item := viewstore.SeenItem{
			Lane: large, Recorded: recorded + event.Millis(n), Expires: viewstore.ExpiryAt(recorded.Time()) + 100_000,
			Records: []viewstore.SeenRecord{{Sequence: event.Sequence(fmt.Sprint(1000 + n)),
				Identities: make([]event.Identity, 1000)}},
		}
		for name, store := range map[string]viewstore.Seen{"here": s, "in memory": &reference} {
			if err := store.Put(t.Context(), item); err != nil {
				t.Fatalf("put %s: %v", name, err)
			}
		}
	}
	quick := cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(slices.Equal[[]event.Identity])}
	for _, lane := range append(lanes, large, event.Lane{Layout: 8, Count: 1}) {
		for _, last := range append(numbers, "", "1", "50", "1050", "5000") {
			got, err := s.After(t.Context(), lane, last)
			want, wantErr := reference.After(t.Context(), lane, last)
			if diff := cmp.Diff(want, got, quick); diff != "" || err != nil || wantErr != nil {
				t.Fatalf("lane %s after %q: error %v (-want +got):\n%.2000s", lane, last, err, diff)
			}
		}
		for _, since := range []event.Millis{0, recorded, recorded + 20, recorded + 21, recorded + 60, recorded + 119,
			recorded + 120} {
			got, err := newest(t.Context(), s, lane, since)
			want, wantErr := newest(t.Context(), &reference, lane, since)
			if diff := cmp.Diff(want, got, quick); diff != "" || err != nil || wantErr != nil {
				t.Fatalf("lane %s since %d: error %v (-want +got):\n%.2000s", lane, since, err, diff)
			}
		}
	}
}

// newest returns the lane's items back to the newest one that was recorded before an instant.
func newest(ctx context.Context, s viewstore.Seen, lane event.Lane, since event.Millis) (
	all []viewstore.SeenItem, err error,
) {
	err = s.Newest(ctx, lane, func(item viewstore.SeenItem) bool {
		if item.Recorded < since {
			return false
		}
		all = append(all, item)
		return true
	})
	slices.Reverse(all)
	return all, err
}
