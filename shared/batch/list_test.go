package batch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
)

// began is when the first object of these tests may arrive.
const began = event.Millis(1_795_555_500_000)

// full is an archive with objects of requests that arrived at the given instants after began.
type full struct {
	memory.Archive
	mu    sync.Mutex
	lists int // number of calls of List
	keys  []archive.Key
}

func newFull(t rapid.TB, length slot.Length, arrivals []int) *full {
	a := &full{}
	for n, at := range arrivals {
		request := ulid.ULID{15: byte(n), 14: byte(n >> 8)}
		if err := request.SetTime(uint64(began) + uint64(at)); err != nil {
			t.Fatal(err)
		}
		key := archive.EventsKey(length.Of(event.Stamp{Request: request}), request)
		if _, err := a.Put(context.Background(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		a.keys = append(a.keys, key)
	}
	slices.Sort(a.keys)
	a.Hook = func(c memory.Call) memory.Fault {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.lists++
		return memory.Fault{}
	}
	return a
}

func listed(t rapid.TB, a archive.Archive, length slot.Length, page int, from archive.Key, to slot.Slot) []archive.Key {
	var got []archive.Key
	for key, err := range batch.ListEvents(context.Background(), a, length, page, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, key)
	}
	return got
}

// TestListEvents compares a listing in parallel ranges with all keys: for arrivals that are even, that come in bursts,
// or all at once, and for slots of another layout, whose length is not the one that the listing knows.
func TestListEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := []time.Duration{time.Second, 5 * time.Minute, time.Hour}
		length := slot.Length(rapid.SampledFrom(lengths).Draw(t, "slot"))
		known := slot.Length(rapid.SampledFrom(lengths).Draw(t, "slot that the listing knows"))
		var arrivals []int
		for range rapid.IntRange(0, 4).Draw(t, "bursts") {
			at, span := rapid.IntRange(0, 7_200_000).Draw(t, "at"), rapid.SampledFrom([]int{1, 50, 3_600_000}).Draw(t, "span")
			for range rapid.IntRange(0, 60).Draw(t, "objects") {
				arrivals = append(arrivals, at+rapid.IntRange(0, span).Draw(t, "after"))
			}
		}
		a := newFull(t, length, arrivals)
		to := slot.Slot(began) + slot.Slot(rapid.IntRange(0, 12_000_000).Draw(t, "to"))
		from := archive.FirstEvent
		if rapid.Bool().Draw(t, "from a slot") {
			from = archive.SlotKey(slot.Slot(began) + slot.Slot(rapid.IntRange(0, 7_200_000).Draw(t, "from")))
		}
		got := listed(t, a, known, rapid.IntRange(1, 20).Draw(t, "page"), from, to)
		want := slices.DeleteFunc(slices.Clone(a.keys), func(k archive.Key) bool {
			return k < from || k >= archive.SlotKey(to)
		})
		if !slices.Equal(got, want) {
			t.Fatalf("listed %q\nwant %q", got, want)
		}
	})
}

// TestListEventsCosts checks the number of requests: one if a page holds everything, and at most half as many again as
// there are pages otherwise, whether events come evenly or in bursts.
func TestListEventsCosts(t *testing.T) {
	const page, hour = 100, 3_600_000
	random := rand.New(rand.NewPCG(1, 2))
	even, bursts := []int{}, []int{}
	for n := range 20_000 {
		even = append(even, random.IntN(hour))
		bursts = append(bursts, n%4*hour/4+random.IntN(5_000))
	}
	length := slot.Length(5 * time.Minute)
	for name, c := range map[string]struct {
		arrivals []int
		most     int
	}{
		"none": {nil, 1}, "99": {even[:99], 1}, "20,000 evenly": {even, 280}, "20,000 in four bursts": {bursts, 300},
	} {
		t.Run(name, func(t *testing.T) {
			a := newFull(t, length, c.arrivals)
			got := listed(t, a, length, page, archive.FirstEvent, slot.Slot(began+2*hour))
			if !slices.Equal(got, a.keys) || a.lists > c.most {
				t.Errorf("%d of %d keys in %d requests, want at most %d", len(got), len(a.keys), a.lists, c.most)
			}
		})
	}
}

// TestListEventsStops checks that a caller that stops early has not caused much more than twice the requests that it
// needed, and that an error ends the listing.
func TestListEventsStops(t *testing.T) {
	var arrivals []int
	for n := range 5_000 {
		arrivals = append(arrivals, n*100)
	}
	length := slot.Length(5 * time.Minute)
	a := newFull(t, length, arrivals)
	n := 0
	for _, err := range batch.ListEvents(t.Context(), a, length, 10, archive.FirstEvent, slot.Slot(began+7_200_000)) {
		if n++; err != nil || n == 1000 {
			break
		}
	}
	if a.lists > 350 {
		t.Errorf("%d requests for 100 pages", a.lists)
	}
	broken := errors.New("broken")
	a.Hook = func(c memory.Call) memory.Fault {
		if c.Key > string(a.keys[2000]) {
			return memory.Fault{Err: broken}
		}
		return memory.Fault{}
	}
	n = 0
	var last error
	for _, err := range batch.ListEvents(t.Context(), a, length, 10, archive.FirstEvent, slot.Slot(began+7_200_000)) {
		if n++; err != nil {
			last = err
		}
	}
	if !errors.Is(last, broken) || n > 2001 {
		t.Error(fmt.Errorf("%d objects, error %w", n, last))
	}
}
