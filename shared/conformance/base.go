package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Base is the suite of viewstore.Base.
func Base(t *testing.T, open func(t *testing.T) viewstore.Base) {
	t.Helper()
	runAll(t, open, []subtest[viewstore.Base]{
		{"Load returns the items that exist", baseLoad},
		{"Load returns more items than a store returns at once", baseLoadMany},
		{"Put writes an item if the stored horizon is still loaded; slot.Beginning means no item", basePut},
		{"Put returns ErrConflict when it is not, and writes nothing", baseConflict},
		{"Put by many at once: one writes each horizon", baseRace},
		{"Pages returns the items of one key with from <= page <= to, in the order of pages", basePages},
		{"Pages returns items of MostRead bytes at most, and a cursor for the rest", basePagesLarge},
		{"Pages goes on after an item that was changed or written meanwhile", basePagesChanged},
		{"Keys may hold any bytes", baseKeys},
		{"The caller owns what it passes and what it gets", baseOwned},
		{"Scan returns some items of a generation at a time, and none of another generation", baseScan},
		{"Drop deletes a bounded number of a generation's items, and none of another generation", baseDrop},
		{"A call with an ended ctx returns an error, and a write can be retried", baseCancelled},
		{"Drop deletes the keys of a generation, and none of another one", baseKeysDropped},
	})
	runAll(t, open, keyTests(baseLister))
}

func byPage(a, b viewstore.BaseItem) int {
	return cmp.Or(strings.Compare(string(a.Generation), string(b.Generation)),
		strings.Compare(string(a.Key), string(b.Key)), cmp.Compare(a.Page, b.Page))
}

func putBase(t *testing.T, b viewstore.Base, item viewstore.BaseItem, loaded slot.Slot) {
	t.Helper()
	wantNoError(t, fmt.Sprintf("put %+v over horizon %s", item.BaseKey, loaded), b.Put(t.Context(), item, loaded))
}

// wantBase compares the stored items of these keys with the given items, in any order.
func wantBase(t *testing.T, b viewstore.Base, keys []viewstore.BaseKey, want ...viewstore.BaseItem) {
	t.Helper()
	got, err := b.Load(t.Context(), keys)
	wantNoError(t, "load", err)
	slices.SortFunc(got, byPage)
	want = slices.SortedFunc(slices.Values(want), byPage)
	wantItems(t, fmt.Sprintf("load of %d keys", len(keys)), got, want)
}

func wantPages(t *testing.T, b viewstore.Base, of viewstore.BaseKey, from, to view.Page, want []viewstore.BaseItem) {
	t.Helper()
	read := func(after string) ([]viewstore.BaseItem, string, error) {
		return b.Pages(t.Context(), of.Generation, of.Key, from, to, after)
	}
	wantItems(t, fmt.Sprintf("pages %d to %d of key %q", from, to, of.Key), inParts(t, read, baseStates), want)
}

// baseOf returns an item with states that no other item has.
func baseOf(generation lifecycle.GenerationID, key view.Key, page view.Page) viewstore.BaseItem {
	return viewstore.BaseItem{
		BaseKey: viewstore.BaseKey{Generation: generation, Key: key, Page: page}, Horizon: firstSlot,
		States: fmt.Appendf(nil, "\x01\x00\xff%s %x %d", generation, key, page),
	}
}

func keysOf(items []viewstore.BaseItem) []viewstore.BaseKey {
	keys := make([]viewstore.BaseKey, len(items))
	for i, item := range items {
		keys[i] = item.BaseKey
	}
	return keys
}

func baseLoad(t *testing.T, b viewstore.Base) {
	g, h := generationOf(t, 'A'), generationOf(t, 'B')
	wantBase(t, b, nil)
	items := []viewstore.BaseItem{baseOf(g, "k", 1), baseOf(g, "k", -1), baseOf(g, "l", 1), baseOf(h, "k", 1)}
	wantBase(t, b, keysOf(items))
	for _, item := range items {
		putBase(t, b, item, 0)
	}
	wantBase(t, b, keysOf(items), items...)
	none := keysOf([]viewstore.BaseItem{baseOf(g, "k", 0), baseOf(h, "l", 1), baseOf(h, "k", -1), baseOf(g, "", 1)})
	wantBase(t, b, none)
	wantBase(t, b, append(none, items[2].BaseKey, items[0].BaseKey), items[0], items[2])
}

func baseLoadMany(t *testing.T, b viewstore.Base) {
	var items, large []viewstore.BaseItem
	for i := range 350 { // DynamoDB reads 100 items at once
		items = append(items, baseOf(generationOf(t, 'A'), view.Key(fmt.Sprint("k", i%50)), view.Page(i)))
	}
	for i := range 60 { // and 16 MB
		item := baseOf(generationOf(t, 'B'), view.Key(fmt.Sprint("k", i)), 0)
		item.States = noise(uint64(i), largeStates)
		large = append(large, item)
	}
	for _, item := range slices.Concat(items, large) {
		putBase(t, b, item, 0)
	}
	wantBase(t, b, append(keysOf(items), baseOf(generationOf(t, 'C'), "k", 0).BaseKey), items...)
	wantBase(t, b, keysOf(large), large...)
}

func basePut(t *testing.T, b viewstore.Base) {
	item := baseOf(generationOf(t, 'A'), "k", 7)
	for i, states := range [][]byte{{0}, []byte("\xff\x00"), noise(1, largeStates), {1}} {
		loaded := item.Horizon
		if i == 0 {
			loaded = 0
		}
		item.Horizon, item.States = firstSlot+slot.Slot(i*slotLength), states
		putBase(t, b, item, loaded)
		wantBase(t, b, []viewstore.BaseKey{item.BaseKey}, item)
	}
}

func baseConflict(t *testing.T, b viewstore.Base) {
	item := baseOf(generationOf(t, 'A'), "k", 7)
	conflicts := func(horizons ...slot.Slot) {
		t.Helper()
		for _, loaded := range horizons {
			other := item
			other.Horizon, other.States = firstSlot+10*slotLength, []byte("another")
			wantError(t, fmt.Sprintf("put over horizon %d", loaded), b.Put(t.Context(), other, loaded), viewstore.ErrConflict)
		}
	}
	conflicts(firstSlot, 1, -1)
	wantBase(t, b, []viewstore.BaseKey{item.BaseKey})
	putBase(t, b, item, 0)
	// 0: this is also what a retry of the call that succeeded passes.
	conflicts(0, 1, firstSlot-1, firstSlot+1, firstSlot+10*slotLength)
	wantBase(t, b, []viewstore.BaseKey{item.BaseKey}, item)
}

func baseRace(t *testing.T, b viewstore.Base) {
	var loaded slot.Slot
	for round := range 8 {
		entry := func(i int) viewstore.BaseItem {
			item := baseOf(generationOf(t, 'A'), "k", -3)
			item.Horizon, item.States = firstSlot+slot.Slot(round*slotLength), noise(uint64(i), 2000)
			return item
		}
		var errs [racers]error
		race(func(i int) { errs[i] = b.Put(t.Context(), entry(i), loaded) })
		won := entry(oneWinner(t, errs[:], viewstore.ErrConflict))
		wantBase(t, b, []viewstore.BaseKey{won.BaseKey}, won)
		loaded = won.Horizon
	}
}

func basePages(t *testing.T, b viewstore.Base) {
	g := generationOf(t, 'A')
	var items []viewstore.BaseItem
	for _, page := range pagesAtEdges {
		items = append(items, baseOf(g, "key", page))
	}
	for _, i := range []int{3, 0, 15, 8, 1, 7, 14, 2, 12, 5, 9, 4, 13, 6, 11, 10} {
		putBase(t, b, items[i], 0)
	}
	// Neighbours that Pages must not return.
	for _, other := range []viewstore.BaseItem{baseOf(generationOf(t, 'B'), "key", 0), baseOf(g, "ke", 0),
		baseOf(g, "key\x00", 0), baseOf(g, "kez", 0)} {
		putBase(t, b, other, 0)
	}
	of := items[0].BaseKey
	for i, from := range pagesAtEdges {
		for j, to := range pagesAtEdges {
			wantPages(t, b, of, from, to, items[min(i, j+1):j+1])
		}
	}
	wantPages(t, b, of, -8, -2, nil)
	wantPages(t, b, of, -300, 8, items[3:9])
	wantPages(t, b, of, 2, -2, nil)
	wantPages(t, b, viewstore.BaseKey{Generation: g, Key: "k"}, view.FirstPage, view.LastPage, nil)
	wantPages(t, b, viewstore.BaseKey{Generation: generationOf(t, 'C'), Key: "key"}, view.FirstPage, view.LastPage, nil)
}

func basePagesLarge(t *testing.T, b viewstore.Base) {
	var items []viewstore.BaseItem
	for i := range 8 {
		item := baseOf(generationOf(t, 'A'), "k", view.Page(i-4))
		item.States = noise(uint64(i), largeStates)
		putBase(t, b, item, 0)
		items = append(items, item)
	}
	wantPages(t, b, items[0].BaseKey, view.FirstPage, view.LastPage, items)
	wantPages(t, b, items[0].BaseKey, -3, 2, items[1:7])
}

func basePagesChanged(t *testing.T, b viewstore.Base) {
	var items []viewstore.BaseItem
	for i := range 8 {
		item := baseOf(generationOf(t, 'A'), "k", view.Page(10*i))
		item.States = noise(uint64(i), largeStates)
		putBase(t, b, item, 0)
		items = append(items, item)
	}
	read := 0
	got := inParts(t, func(after string) ([]viewstore.BaseItem, string, error) {
		some, next, err := b.Pages(t.Context(), items[0].Generation, "k", view.FirstPage, view.LastPage, after)
		read += len(some)
		if last := items[max(read, 1)-1]; next != "" && last.Page%10 == 0 { // it, one before it and one after it
			last.Horizon += slotLength
			putBase(t, b, last, items[read-1].Horizon)
			before, behind := items[read-1], items[read-1]
			before.Page, behind.Page = before.Page-1, behind.Page+1
			putBase(t, b, before, 0)
			putBase(t, b, behind, 0)
			items = slices.Insert(items, read, behind)
		}
		return some, next, err
	}, baseStates)
	wantItems(t, "pages", got, items)
	if read <= 8 {
		t.Errorf("%d items in one answer, with states of %d bytes each", read, largeStates)
	}
}

func baseKeys(t *testing.T, b viewstore.Base) {
	var items []viewstore.BaseItem
	for _, key := range awkwardKeys() {
		items = append(items, baseOf(generationOf(t, 'A'), key, -1), baseOf(generationOf(t, 'A'), key, 0),
			baseOf(generationOf(t, 'B'), key, 0))
	}
	for _, item := range items {
		putBase(t, b, item, 0)
	}
	wantBase(t, b, keysOf(items), items...)
	for i := 0; i < len(items); i += 3 {
		wantPages(t, b, items[i].BaseKey, view.FirstPage, view.LastPage, items[i:i+2])
	}
}

func baseOwned(t *testing.T, b viewstore.Base) {
	want := baseOf(generationOf(t, 'A'), "k", 0)
	passed := baseOf(generationOf(t, 'A'), "k", 0)
	putBase(t, b, passed, 0)
	spoil(passed.States)
	keys := []viewstore.BaseKey{want.BaseKey}
	wantBase(t, b, keys, want)
	loaded, err := b.Load(t.Context(), keys)
	wantNoError(t, "load", err)
	spoil(loaded[0].States)
	wantPages(t, b, want.BaseKey, 0, 0, []viewstore.BaseItem{want})
	pages, _, err := b.Pages(t.Context(), want.Generation, want.Key, 0, 0, "")
	wantNoError(t, "pages", err)
	spoil(pages[0].States)
	wantBase(t, b, keys, want)
}

func baseCancelled(t *testing.T, b viewstore.Base) {
	item := baseOf(generationOf(t, 'A'), "k", 0)
	keys := []viewstore.BaseKey{item.BaseKey}
	if err := b.Put(cancelled(t), item, 0); err == nil || errors.Is(err, viewstore.ErrConflict) {
		t.Errorf("put with an ended ctx: error %v", err)
	}
	// The cancelled put may have been applied.
	if err := b.Put(t.Context(), item, 0); err != nil && !errors.Is(err, viewstore.ErrConflict) {
		t.Errorf("put after one with an ended ctx: %v", err)
	}
	wantBase(t, b, keys, item)
	calls := map[string]func(ctx context.Context) error{
		"scan": func(ctx context.Context) error { _, _, err := b.Scan(ctx, generationOf(t, 'B'), ""); return err },
		"drop": func(ctx context.Context) error { _, err := b.Drop(ctx, generationOf(t, 'B'), ""); return err },
		"load": func(ctx context.Context) error { _, err := b.Load(ctx, keys); return err },
		"pages": func(ctx context.Context) error {
			_, _, err := b.Pages(ctx, item.Generation, item.Key, 0, 0, "")
			return err
		},
	}
	for name, call := range calls {
		if err := call(cancelled(t)); err == nil {
			t.Errorf("%s with an ended ctx returned no error", name)
		}
	}
}

func baseDrop(t *testing.T, base viewstore.Base) {
	// Generations whose IDs begin alike, with more items than one call deletes.
	const gone = lifecycle.GenerationID("01JD8Z6B1QZ0W6V3T5YJ9K4M2N")
	others := []lifecycle.GenerationID{gone[:len(gone)-1], gone + "0", "01JD8Z6B1QZ0W6V3T5YJ9K4M2P"}
	put := func(generation lifecycle.GenerationID, key int, page view.Page) {
		t.Helper()
		err := base.Put(t.Context(), viewstore.BaseItem{
			BaseKey: viewstore.BaseKey{Generation: generation, Key: view.Key(fmt.Sprintf("key %03d", key)), Page: page},
			Horizon: 5, States: []byte("states"),
		}, 0)
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range 40 {
		for _, other := range others {
			put(other, key, 3)
		}
	}
	// First each call once, since a repeated call could delete an item that the cursor has missed. Then each call twice.
	// Then with no items left.
	for _, round := range []struct{ filled, twice bool }{{filled: true}, {filled: true, twice: true}, {}} {
		for key := range 40 {
			if round.filled {
				put(gone, key, 0)
				put(gone, key, -7)
			}
		}
		calls := 0
		for after := ""; ; calls++ {
			if calls > 1000 {
				t.Fatal("Drop never ends")
			}
			next, err := base.Drop(t.Context(), gone, after)
			if err != nil {
				t.Fatal(err)
			}
			if round.twice {
				if _, err := base.Drop(t.Context(), gone, after); err != nil {
					t.Fatal(err)
				}
			}
			if after = next; after == "" {
				break
			}
		}
		for key := range 40 {
			name := view.Key(fmt.Sprintf("key %03d", key))
			for _, generation := range append(slices.Clone(others), gone) {
				want := 1
				if generation == gone {
					want = 0
				}
				pages, _, err := base.Pages(t.Context(), generation, name, -100, 100, "")
				if err != nil || len(pages) != want {
					t.Fatalf("generation %s, key %s: %d items, %v; want %d", generation, name, len(pages), err, want)
				}
			}
		}
	}
}
