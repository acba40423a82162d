package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// listerOf is a store whose keys are listed.
type listerOf[S ~string] struct {
	viewstore.KeyLister[S]
	set   func(t *testing.T, letter byte) S
	store func(t *testing.T, set S, key view.Key, page view.Page) // stores an item of a key
}

// keyTests are the subtests of the keys of a store whose sets have names of the type S.
func keyTests[D any, S ~string](of func(store D) listerOf[S]) []subtest[D] {
	return []subtest[D]{
		{"Keys returns the first keys of a shard that are in a range, in its order", func(t *testing.T, store D) {
			keysOfShards(t, of(store))
		}},
		{"Keys returns each key once, however many items it has", func(t *testing.T, store D) {
			keysOfManyItems(t, of(store))
		}},
		{"A key may be of any bytes, and of the maximum length", func(t *testing.T, store D) {
			awkwardListed(t, of(store))
		}},
		{"Keys with an ended ctx returns an error", func(t *testing.T, store D) {
			d := of(store)
			if _, err := d.Keys(cancelled(t), d.set(t, 'A'), 0, viewstore.KeyRange{Limit: 1}); err == nil {
				t.Error("keys with an ended ctx returned no error")
			}
		}},
	}
}

// allKeys reads all keys of a set in a range, a few at a time, and returns them in its order.
func allKeys[S ~string](t *testing.T, d viewstore.KeyLister[S], set S, in viewstore.KeyRange) (all []view.Key) {
	t.Helper()
	compare := func(a, b view.Key) int { return strings.Compare(string(a), string(b)) }
	if in.Down {
		compare = func(a, b view.Key) int { return strings.Compare(string(b), string(a)) }
	}
	for shard := range viewstore.Shards {
		for rest := in; ; {
			some, err := d.Keys(t.Context(), set, shard, rest)
			wantNoError(t, "keys", err)
			if len(some) > rest.Limit || !slices.IsSortedFunc(some, compare) {
				t.Fatalf("shard %d, %+v: keys %q", shard, rest, some)
			}
			for _, key := range some {
				if viewstore.ShardOf(key) != shard {
					t.Errorf("%q is in shard %d", key, shard)
				}
			}
			if all = append(all, some...); len(some) < rest.Limit {
				break
			}
			if last := some[len(some)-1]; in.Down {
				rest.To = last
			} else {
				rest.From = last + "\x00"
			}
		}
	}
	slices.SortFunc(all, compare)
	return all
}

func keysOfShards[S ~string](t *testing.T, d listerOf[S]) {
	set, other := d.set(t, 'A'), d.set(t, 'B')
	wantItems(t, "keys of nothing", allKeys(t, d.KeyLister, set, viewstore.KeyRange{Limit: 1}), nil)
	var all []view.Key
	for n := range 100 {
		all = append(all, view.Key(fmt.Sprintf("%03d", n)))
		d.store(t, set, all[n], 0)
	}
	d.store(t, other, "004", 0)
	d.store(t, other, "x", 0)
	for _, limit := range []int{1, 3, 1000} {
		for _, c := range []struct {
			from, to view.Key
			want     []view.Key
		}{
			{"", "", all},
			{"010", "", all[10:]},
			{"", "020", all[:20]},
			{"010", "020", all[10:20]},
			{"010", "0100", all[10:11]},
			{"0101", "012", all[11:12]},
			{"020", "010", nil},
			{"010", "010", nil},
			{"2", "", nil},
		} {
			in := viewstore.KeyRange{From: c.from, To: c.to, Limit: limit}
			wantItems(t, fmt.Sprintf("keys in %+v", in), allKeys(t, d.KeyLister, set, in), c.want)
			down := slices.Clone(c.want)
			slices.Reverse(down)
			in.Down = true
			wantItems(t, fmt.Sprintf("keys in %+v", in), allKeys(t, d.KeyLister, set, in), down)
		}
	}
}

// keysOfManyItems stores keys with 1 to 40 items: DynamoDB passes by the rest of the items of a key with many.
func keysOfManyItems[S ~string](t *testing.T, d listerOf[S]) {
	set := d.set(t, 'A')
	var all []view.Key
	for n, items := range []int{1, 40, 2, 9, 1, 1, 25, 3, 1, 40, 1, 10, 1, 1, 1, 30} {
		key := view.Key(fmt.Sprintf("%03d\x00", n))
		all = append(all, key)
		for page := range items {
			d.store(t, set, key, view.Page(page-items/2))
		}
	}
	for _, limit := range []int{1, 2, 5, 1000} {
		in := viewstore.KeyRange{Limit: limit}
		wantItems(t, fmt.Sprintf("keys, %d at once", limit), allKeys(t, d.KeyLister, set, in), all)
		down := slices.Clone(all)
		slices.Reverse(down)
		in.Down = true
		wantItems(t, fmt.Sprintf("keys down, %d at once", limit), allKeys(t, d.KeyLister, set, in), down)
		in = viewstore.KeyRange{From: "001\x00", To: "001\x00\x00", Limit: limit}
		wantItems(t, "one key", allKeys(t, d.KeyLister, set, in), all[1:2])
	}
}

func awkwardListed[S ~string](t *testing.T, d listerOf[S]) {
	set, keys := d.set(t, 'A'), awkwardKeys()
	for _, key := range keys {
		for page := view.Page(-1); page < 2; page++ {
			d.store(t, set, key, page)
		}
	}
	slices.Sort(keys)
	for _, limit := range []int{1, 2, 100} {
		wantItems(t, "keys", allKeys(t, d.KeyLister, set, viewstore.KeyRange{Limit: limit}), keys)
	}
}

// dropAll drops a set.
func dropAll(t *testing.T, drop func(after string) (string, error)) {
	t.Helper()
	for after, calls := "", 0; calls == 0 || after != ""; calls++ {
		next, err := drop(after)
		wantNoError(t, "drop", err)
		if after = next; calls > 1000 {
			t.Fatal("Drop never ends")
		}
	}
}

func baseLister(b viewstore.Base) listerOf[lifecycle.GenerationID] {
	return listerOf[lifecycle.GenerationID]{
		KeyLister: b, set: generationOf,
		store: func(t *testing.T, set lifecycle.GenerationID, key view.Key, page view.Page) {
			putBase(t, b, baseOf(set, key, page), 0)
		},
	}
}

func speedLister(s viewstore.Speed) listerOf[lifecycle.Set] {
	return listerOf[lifecycle.Set]{
		KeyLister: s,
		set: func(t *testing.T, letter byte) lifecycle.Set {
			return lifecycle.OfGeneration(generationOf(t, letter))
		},
		store: func(t *testing.T, set lifecycle.Set, key view.Key, page view.Page) {
			for n := range 1 + len(key)%2 { // some keys have items of two lanes
				putSpeed(t, s, kappaOf(set, key, page, lane(n)), "")
			}
		},
	}
}

func baseKeysDropped(t *testing.T, b viewstore.Base) {
	gone, other := generationOf(t, 'A'), generationOf(t, 'B')
	for _, generation := range []lifecycle.GenerationID{gone, other} {
		putBase(t, b, baseOf(generation, "a", 0), 0)
	}
	dropAll(t, func(after string) (string, error) { return b.Drop(t.Context(), gone, after) })
	wantItems(t, "keys", allKeys(t, b, gone, viewstore.KeyRange{Limit: 1}), nil)
	wantItems(t, "keys", allKeys(t, b, other, viewstore.KeyRange{Limit: 1}), []view.Key{"a"})
}

func speedKeysDropped(t *testing.T, s viewstore.Speed) {
	gone, other := lifecycle.OfGeneration(generationOf(t, 'A')), lifecycle.OfGeneration(generationOf(t, 'B'))
	for _, set := range []lifecycle.Set{gone, other} {
		putSpeed(t, s, kappaOf(set, "a", 0, lane(0)), "")
		putLive(t, s, set, firstSlot, "a", "c")
	}
	scan := func(after string) ([]viewstore.SpeedItem, string, error) { return s.Scan(t.Context(), gone, after) }
	wantItems(t, "scan", scanned(t, scan, bySlot), []viewstore.SpeedItem{kappaOf(gone, "a", 0, lane(0))})
	dropAll(t, func(after string) (string, error) { return s.Drop(t.Context(), gone, after) })
	wantItems(t, "keys", allKeys(t, s, gone, viewstore.KeyRange{Limit: 1}), nil)
	wantLive(t, s, gone, firstSlot)
	wantItems(t, "keys", allKeys(t, s, other, viewstore.KeyRange{Limit: 1}), []view.Key{"a"})
	wantLive(t, s, other, firstSlot, "a", "c")
	wantItems(t, "scan", scanned(t, scan, bySlot), nil)
}

func putLive(t *testing.T, s viewstore.Speed, set lifecycle.Set, at slot.Slot, keys ...view.Key) {
	t.Helper()
	item := viewstore.LiveKeys{Set: set, Slot: at, Keys: keys, Expires: never}
	wantNoError(t, "put live keys", s.PutLive(t.Context(), item))
}

// wantLive compares the live keys of all shards, each once.
func wantLive(t *testing.T, s viewstore.Speed, set lifecycle.Set, from slot.Slot, want ...view.Key) {
	t.Helper()
	var got []view.Key
	for shard := range viewstore.Shards {
		some, err := s.Live(t.Context(), set, shard, from)
		wantNoError(t, "live keys", err)
		got = append(got, some...)
	}
	slices.Sort(got)
	wantItems(t, "live keys", slices.Compact(got), want)
}

func speedLive(t *testing.T, s viewstore.Speed) {
	set, other := lifecycle.OfDefinition(definitionOf(t, 'a')), lifecycle.OfDefinition(definitionOf(t, 'b'))
	wantLive(t, s, set, 0)
	putLive(t, s, set, firstSlot, "a", "b")
	putLive(t, s, set, firstSlot, "b", "c") // another item of the slot
	putLive(t, s, set, firstSlot, "a", "b") // the same item again
	putLive(t, s, set, firstSlot+slotLength, "d")
	putLive(t, s, set, -slotLength, "e")
	putLive(t, s, other, firstSlot, "x")
	wantLive(t, s, set, -2*slotLength, "a", "b", "c", "d", "e")
	wantLive(t, s, set, firstSlot, "a", "b", "c", "d")
	wantLive(t, s, set, firstSlot+1, "d")
	wantLive(t, s, set, firstSlot+slotLength+1)
	var large []view.Key // of three items of the maximum size
	for n := range 3 {
		var keys []view.Key
		for size := viewstore.LiveBytes("") + view.MaxKey; size <= viewstore.MaxLiveBytes; {
			keys = append(keys, view.Key(noise(uint64(n<<20+len(keys)), view.MaxKey)))
			size += viewstore.LiveBytes(keys[0])
		}
		putLive(t, s, set, firstSlot+10*slotLength, keys...)
		large = append(large, keys...)
	}
	slices.Sort(large)
	wantLive(t, s, set, firstSlot+10*slotLength, large...)
	if err := s.PutLive(cancelled(t), viewstore.LiveKeys{Set: set, Keys: []view.Key{"a"}}); err == nil {
		t.Error("a put of live keys with an ended ctx returned no error")
	}
	if _, err := s.Live(cancelled(t), set, 0, 0); err == nil {
		t.Error("a read of live keys with an ended ctx returned no error")
	}
}
