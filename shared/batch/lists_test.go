package batch_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sort"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// steady is an archive of some hours with a constant number of requests a second. It makes the keys when they are
// listed. One call of List is one request to S3, for at most 1,000 keys.
type steady struct {
	memory.Archive
	length slot.Length
	rate   int
	hours  int
	lists  atomic.Int64
}

func (a *steady) key(n int) archive.Key {
	var request ulid.ULID
	if err := request.SetTime(uint64(began) + uint64(n*1000/a.rate)); err != nil {
		panic(err)
	}
	binary.BigEndian.PutUint64(request[8:], uint64(n))
	return archive.EventsKey(a.length.Of(event.Stamp{Request: request}), request)
}

func (a *steady) List(_ context.Context, from, to archive.Key, limit int) (all []archive.Object, _ time.Time, _ error) {
	a.lists.Add(1)
	count := a.rate * a.hours * 3600
	for n := sort.Search(count, func(n int) bool { return a.key(n) >= from }); n < count && len(all) < limit; n++ {
		key := a.key(n)
		if key >= to {
			break
		}
		all = append(all, archive.Object{Key: key})
	}
	return all, time.Time{}, nil
}

// TestLists counts the requests of a run: one that lists the last hour, and one in ten that lists all of the look-back.
// docs/deploy.md has these numbers.
func TestLists(t *testing.T) {
	length := slot.Length(5 * time.Minute)
	again := runs.LookBack{For: 3 * time.Hour, Slot: length}
	// A multiple of ten slots lies four slots before the end of the fourth hour.
	end := length.Of(event.Stamp{}) + slot.Slot(began+4*3_600_000)
	end -= end % slot.Slot(10*5*60_000)
	for _, c := range []struct{ rate, recent, all int }{{0, 1, 1}, {1, 5, 17}, {100, 410, 1485}} {
		t.Run(fmt.Sprintf("%d requests a second", c.rate), func(t *testing.T) {
			count := func(horizon slot.Slot) int {
				a := &steady{length: length, rate: c.rate, hours: 5}
				to := length.Next(horizon)
				for _, err := range batch.ListEvents(t.Context(), a, length, 1000, archive.SlotKey(again.From(horizon, to)), to) {
					if err != nil {
						t.Fatal(err)
					}
				}
				return int(a.lists.Load())
			}
			recent, all := count(end), count(end-slot.Slot(5*60_000))
			t.Logf("%d requests; %d for all", recent, all)
			if recent > c.recent || all > c.all {
				t.Errorf("%d requests to list the last hour and %d to list all, want at most %d and %d", recent, all, c.recent,
					c.all)
			}
		})
	}
}
