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

// directoryTests are the subtests of the directory of a store whose sets have names of the type S.
func directoryTests[S ~string, D viewstore.Directory[S]](setOf func(t *testing.T, letter byte) S) []subtest[D] {
	return []subtest[D]{
		{"Listed returns those of the keys that have an entry", func(t *testing.T, d D) {
			listKeys(t, d, setOf(t, 'A'), setOf(t, 'B'))
		}},
		{"Keys returns the first keys of a shard that are in a range, in its order", func(t *testing.T, d D) {
			keysOfShards(t, d, setOf(t, 'A'), setOf(t, 'B'))
		}},
		{"An entry may be of any bytes, and of the longest key", func(t *testing.T, d D) {
			awkwardEntries(t, d, setOf(t, 'A'))
		}},
		{"A call of the directory with an ended ctx returns an error", func(t *testing.T, d D) {
			directoryCancelled(t, d, setOf(t, 'A'))
		}},
	}
}

func listAll[S ~string](t *testing.T, d viewstore.Directory[S], set S, keys ...view.Key) {
	t.Helper()
	for _, key := range keys {
		wantNoError(t, fmt.Sprintf("list %q", key), d.List(t.Context(), set, key))
	}
}

func wantListed[S ~string](t *testing.T, d viewstore.Directory[S], set S, asked []view.Key, want ...view.Key) {
	t.Helper()
	got, err := d.Listed(t.Context(), set, asked)
	wantNoError(t, "listed", err)
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	wantItems(t, fmt.Sprintf("listed of %d keys", len(asked)), got, want)
}

// allKeys reads all keys of a set in a range, a few at a time, and returns them in its order.
func allKeys[S ~string](t *testing.T, d viewstore.Directory[S], set S, in viewstore.KeyRange) (all []view.Key) {
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

func listKeys[S ~string](t *testing.T, d viewstore.Directory[S], set, other S) {
	wantListed(t, d, set, nil)
	wantListed(t, d, set, []view.Key{"a", "b"})
	listAll(t, d, set, "a", "b", "a")
	listAll(t, d, other, "c")
	wantListed(t, d, set, []view.Key{"a", "b", "c", ""}, "a", "b")
	wantListed(t, d, other, []view.Key{"a", "b", "c"}, "c")
	var many []view.Key
	for n := range 230 { // DynamoDB reads 100 at once
		many = append(many, view.Key(fmt.Sprint("many ", n)))
	}
	listAll(t, d, set, many[:150]...)
	wantListed(t, d, set, many, many[:150]...)
}

func keysOfShards[S ~string](t *testing.T, d viewstore.Directory[S], set, other S) {
	var all []view.Key
	for n := range 100 {
		all = append(all, view.Key(fmt.Sprintf("%03d", n)))
	}
	listAll(t, d, set, all...)
	listAll(t, d, other, "004", "x")
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
			wantItems(t, fmt.Sprintf("keys in %+v", in), allKeys(t, d, set, in), c.want)
			down := slices.Clone(c.want)
			slices.Reverse(down)
			in.Down = true
			wantItems(t, fmt.Sprintf("keys in %+v", in), allKeys(t, d, set, in), down)
		}
	}
}

func awkwardEntries[S ~string](t *testing.T, d viewstore.Directory[S], set S) {
	keys := awkwardKeys()
	listAll(t, d, set, keys...)
	wantListed(t, d, set, keys, keys...)
	slices.Sort(keys)
	wantItems(t, "keys", allKeys(t, d, set, viewstore.KeyRange{Limit: 100}), keys)
}

func directoryCancelled[S ~string](t *testing.T, d viewstore.Directory[S], set S) {
	if err := d.List(cancelled(t), set, "a"); err == nil {
		t.Error("list with an ended ctx returned no error")
	}
	listAll(t, d, set, "a") // the cancelled call may have been applied
	if _, err := d.Listed(cancelled(t), set, []view.Key{"a"}); err == nil {
		t.Error("listed with an ended ctx returned no error")
	}
	if _, err := d.Keys(cancelled(t), set, 0, viewstore.KeyRange{Limit: 1}); err == nil {
		t.Error("keys with an ended ctx returned no error")
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

func baseEntries(t *testing.T, b viewstore.Base) {
	gone, other := generationOf(t, 'A'), generationOf(t, 'B')
	for _, generation := range []lifecycle.GenerationID{gone, other} {
		putBase(t, b, baseOf(generation, "a", 0), 0)
		listAll(t, b, generation, "a", "b")
	}
	scan := func(after string) ([]viewstore.BaseItem, string, error) { return b.Scan(t.Context(), gone, after) }
	wantItems(t, "scan", scanned(t, scan, byPage), []viewstore.BaseItem{baseOf(gone, "a", 0)})
	dropAll(t, func(after string) (string, error) { return b.Drop(t.Context(), gone, after) })
	wantListed(t, b, gone, []view.Key{"a", "b"})
	wantListed(t, b, other, []view.Key{"a", "b"}, "a", "b")
	wantItems(t, "scan", scanned(t, scan, byPage), nil)
}

func speedEntries(t *testing.T, s viewstore.Speed) {
	gone, other := lifecycle.OfGeneration(generationOf(t, 'A')), lifecycle.OfGeneration(generationOf(t, 'B'))
	for _, set := range []lifecycle.Set{gone, other} {
		putSpeed(t, s, kappaOf(set, "a", 0, lane(0)), "")
		listAll(t, s, set, "a", "b")
		putLive(t, s, set, firstSlot, "a", "c")
	}
	scan := func(after string) ([]viewstore.SpeedItem, string, error) { return s.Scan(t.Context(), gone, after) }
	wantItems(t, "scan", scanned(t, scan, bySlot), []viewstore.SpeedItem{kappaOf(gone, "a", 0, lane(0))})
	dropAll(t, func(after string) (string, error) { return s.Drop(t.Context(), gone, after) })
	wantListed(t, s, gone, []view.Key{"a", "b"})
	wantLive(t, s, gone, firstSlot)
	wantListed(t, s, other, []view.Key{"a", "b"}, "a", "b")
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
