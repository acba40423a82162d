package memory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// instant is the present time in every test.
var instant = time.Date(2026, 11, 22, 21, 17, 3, 0, time.UTC)

func now() time.Time { return instant }

func TestArchive(t *testing.T) {
	conformance.Archive(t, func(*testing.T) archive.Archive { return &memory.Archive{Now: now} })
}

func TestCatalog(t *testing.T) {
	conformance.Catalog(t, func(*testing.T) catalog.Catalog { return &memory.Catalog{} })
}

func TestBase(t *testing.T) {
	conformance.Base(t, func(*testing.T) viewstore.Base { return &memory.Base{} })
	t.Run("two at once", func(t *testing.T) {
		conformance.Base(t, func(*testing.T) viewstore.Base { return &memory.Base{AtOnce: 2} })
	})
}

func TestSpeed(t *testing.T) {
	conformance.Speed(t, func(*testing.T) viewstore.Speed { return &memory.Speed{Now: now} })
	t.Run("two at once", func(t *testing.T) {
		conformance.Speed(t, func(*testing.T) viewstore.Speed { return &memory.Speed{Now: now, AtOnce: 2} })
	})
}

func TestSeen(t *testing.T) {
	conformance.Seen(t, func(*testing.T) viewstore.Seen { return &memory.Seen{} })
}

func TestAudits(t *testing.T) {
	conformance.Audits(t, func(*testing.T) catalog.Audits { return &memory.Catalog{} })
}

func TestLeases(t *testing.T) {
	conformance.Leases(t, func(*testing.T) catalog.Leases { return &memory.Catalog{} })
}

func TestSweeps(t *testing.T) {
	conformance.Sweeps(t, func(*testing.T) catalog.Sweeps { return &memory.Catalog{} })
}

func TestPublisher(t *testing.T) {
	conformance.Publisher(t, func(*testing.T) (stream.Publisher, func(*testing.T) []stream.Record) {
		s := memory.NewStream(3)
		return s, func(t *testing.T) []stream.Record { return readAll(t, s) }
	})
}

func TestQueue(t *testing.T) {
	conformance.Queue(t, func(*testing.T) (stream.Queue, func(*testing.T) []stream.Republish) {
		q := &memory.Queue{}
		return q, func(*testing.T) []stream.Republish { return q.Take(1000) }
	})
}

// readAll reads every shard to its end, parents first.
func readAll(t *testing.T, s *memory.Stream) []stream.Record {
	t.Helper()
	var all []stream.Record
	for _, shard := range s.Shards() {
		found, _, err := s.Read(shard.ID, "", 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range found {
			all = append(all, r.Record)
		}
	}
	return all
}

func TestQueueTake(t *testing.T) {
	q := &memory.Queue{}
	if got := q.Take(10); len(got) > 0 {
		t.Errorf("an empty queue gave %v", got)
	}
	var all []stream.Republish
	for i := range 5 {
		r := stream.Republish{Object: fmt.Sprint(i), Lanes: []string{"1.4.0"}}
		if err := q.Enqueue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	take := func(limit int, want ...stream.Republish) []stream.Republish {
		t.Helper()
		got := q.Take(limit)
		if diff := cmp.Diff(append([]stream.Republish{}, want...), got); diff != "" {
			t.Errorf("take %d (-want +got):\n%s", limit, diff)
		}
		return got
	}
	take(0)
	first := take(2, all[0], all[1])
	if err := q.Enqueue(t.Context(), all[0]); err != nil { // a request that failed is enqueued again
		t.Fatal(err)
	}
	take(4, all[2], all[3], all[4], all[0])
	take(4)
	if diff := cmp.Diff(all[:2], first); diff != "" {
		t.Errorf("the first requests have changed (-want +got):\n%s", diff)
	}
}

// TestSpeedItemsExpire checks that items expire by the given clock, after 10,000 puts at the latest. An item that
// expires within the last second stays, and so does one that never expires. Without a clock, all items stay.
func TestSpeedItemsExpire(t *testing.T) {
	for name, clock := range map[string]func() time.Time{"by Now": now, "never without Now": nil} {
		t.Run(name, func(t *testing.T) {
			s := &memory.Speed{Now: clock}
			item := func(at slot.Slot, expires viewstore.Expiry) viewstore.SpeedItem {
				return viewstore.SpeedItem{
					SpeedKey: viewstore.SpeedKey{Set: "d", Key: "k", Slot: at, Lane: lane0}, Applied: "1", States: []byte{1},
					Expires: expires,
				}
			}
			put := func(item viewstore.SpeedItem, loaded event.Sequence) {
				t.Helper()
				if err := s.Put(t.Context(), item, loaded); err != nil {
					t.Fatal(err)
				}
			}
			expired, last, kept := item(1, viewstore.ExpiryAt(instant)-1), item(2, viewstore.ExpiryAt(instant)), item(3,
				viewstore.NeverExpires)
			for _, i := range []viewstore.SpeedItem{expired, last, kept} {
				put(i, "")
			}
			var busy viewstore.SpeedItem
			for n := range 10_000 {
				loaded := busy.Applied
				busy = item(4, viewstore.ExpiryAt(instant)+1)
				busy.Applied = event.Sequence(fmt.Sprint(n + 1))
				put(busy, loaded)
			}
			want := []viewstore.SpeedItem{expired, last, kept, busy}
			if clock != nil {
				want = want[1:]
			}
			got, _, err := s.Slots(t.Context(), "d", "k", 0, "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if clock != nil {
				put(expired, "") // as if no such item had ever existed
			}
		})
	}
}

// TestSeenItemsAreForgotten checks that a lane's seen items are deleted which had expired when a later item was
// recorded.
func TestSeenItemsAreForgotten(t *testing.T) {
	s := &memory.Seen{}
	item := func(lane event.Lane, sequence event.Sequence, recorded event.Millis,
		expires viewstore.Expiry) viewstore.SeenItem {
		return viewstore.SeenItem{
			Lane: lane, Records: []viewstore.SeenRecord{{Sequence: sequence, Identities: []event.Identity{{Lo: 1}}}},
			Recorded: recorded * 1000, Expires: expires,
		}
	}
	lane1 := event.Lane{Layout: 1, Count: 4, N: 1}
	expired, last, other := item(lane0, "1", 100, 199), item(lane0, "2", 100, 200), item(lane1, "1", 100, 199)
	newest := item(lane0, "3", 200, 300)
	for _, i := range []viewstore.SeenItem{expired, last, other, newest} {
		if err := s.Put(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	for lane, want := range map[event.Lane][]viewstore.SeenItem{lane0: {last, newest}, lane1: {other}} {
		got, err := s.After(t.Context(), lane, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lane %s (-want +got):\n%s", lane, diff)
		}
	}
}
