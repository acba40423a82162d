package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// scanned returns the items of a whole scan, each once, in the given order.
func scanned[I any](t *testing.T, scan func(after string) ([]I, string, error), compare func(a, b I) int) []I {
	t.Helper()
	var all []I
	after := ""
	for calls := 1; ; calls++ {
		items, next, err := scan(after)
		wantNoError(t, "scan after "+after, err)
		all = append(all, items...)
		if after = next; after == "" {
			break
		}
		if calls == 10_000 {
			t.Fatal("Scan never ends")
		}
	}
	slices.SortFunc(all, compare)
	return slices.CompactFunc(all, func(a, b I) bool { return compare(a, b) == 0 })
}

// inParts returns the items of a range, which is read until there are no more. Each answer but the last has an item,
// and none has states of more than viewstore.MostRead bytes.
func inParts[I any](t *testing.T, read func(after string) ([]I, string, error), statesOf func(I) []byte) (all []I) {
	t.Helper()
	after := ""
	for {
		items, next, err := read(after)
		wantNoError(t, fmt.Sprintf("read after %x", after), err)
		bytes := 0
		for _, item := range items {
			bytes += len(statesOf(item))
		}
		if bytes > viewstore.MostRead {
			t.Fatalf("an answer has states of %d bytes, the maximum is %d", bytes, viewstore.MostRead)
		}
		if all = append(all, items...); next == "" {
			return all
		}
		if len(items) == 0 || next == after {
			t.Fatalf("%d items after %x, and more after %x", len(items), after, next)
		}
		after = next
	}
}

func baseStates(item viewstore.BaseItem) []byte { return item.States }

func speedStates(item viewstore.SpeedItem) []byte { return item.States }

// manyKeys returns more keys than any store reads at once.
const manyKeys = 37

func keyNumber(n int) view.Key {
	return view.EncodeKey([]string{string(rune('a' + n%26)), string(rune('a' + n/26))})
}

func baseScan(t *testing.T, b viewstore.Base) {
	of, other := generationOf(t, 's'), generationOf(t, 'o')
	scan := func(after string) ([]viewstore.BaseItem, string, error) { return b.Scan(t.Context(), of, after) }
	wantItems(t, "scan of no items", scanned(t, scan, byPage), nil)
	var want []viewstore.BaseItem
	for n := range manyKeys {
		for page := range view.Page(2) {
			item := baseOf(of, keyNumber(n), page-1)
			putBase(t, b, item, 0)
			want = append(want, item)
			putBase(t, b, baseOf(other, keyNumber(n), page), 0)
		}
	}
	slices.SortFunc(want, byPage)
	wantItems(t, "scan", scanned(t, scan, byPage), want)
}

// kappaOf returns an item in NoSlot that never expires.
func kappaOf(set lifecycle.Set, key view.Key, page view.Page, lane event.Lane) viewstore.SpeedItem {
	item := speedOf(view.Hash(set), key, viewstore.NoSlot, page, lane)
	item.Set, item.Expires = set, 0
	return item
}

func speedPages(t *testing.T, s viewstore.Speed) {
	set := lifecycle.OfGeneration(generationOf(t, 'p'))
	wantPages := func(from, to view.Page, want ...viewstore.SpeedItem) {
		t.Helper()
		read := func(after string) ([]viewstore.SpeedItem, string, error) {
			return s.Pages(t.Context(), set, "k", from, to, after)
		}
		wantItems(t, "pages", inParts(t, read, speedStates), want)
	}
	wantPages(view.FirstPage, view.LastPage)
	items := []viewstore.SpeedItem{
		kappaOf(set, "k", view.FirstPage, lane(0)), kappaOf(set, "k", -1, event.ReplayLane), kappaOf(set, "k", -1, lane(0)),
		kappaOf(set, "k", -1, lane(3)),
		kappaOf(set, "k", 0, event.ReplayLane), kappaOf(set, "k", 1, lane(1)), kappaOf(set, "k", view.LastPage, lane(2)),
	}
	for _, item := range []viewstore.SpeedItem{items[3], items[6], items[0], items[1], items[5], items[4], items[2]} {
		putSpeed(t, s, item, "")
	}
	// Scan must return none of these.
	putSpeed(t, s, kappaOf(set, "l", 0, lane(0)), "")
	putSpeed(t, s, kappaOf(set+"x", "k", 0, lane(0)), "")
	putSpeed(t, s, speedOf(view.Hash(set), "k", firstSlot, 0, lane(0)), "")
	wantPages(view.FirstPage, view.LastPage, items...)
	wantPages(-1, 0, items[1:5]...)
	wantPages(-1, -1, items[1:4]...)
	wantPages(0, 0, items[4])
	wantPages(2, 100)
	wantPages(1, 0)
}

func speedScan(t *testing.T, s viewstore.Speed) {
	set := lifecycle.OfGeneration(generationOf(t, 's'))
	scan := func(after string) ([]viewstore.SpeedItem, string, error) { return s.Scan(t.Context(), set, after) }
	wantItems(t, "scan of no items", scanned(t, scan, bySlot), nil)
	var want []viewstore.SpeedItem
	for n := range manyKeys {
		item := kappaOf(set, keyNumber(n), view.Page(n), lane(n%4))
		putSpeed(t, s, item, "")
		replayed := kappaOf(set, keyNumber(n), view.Page(n), event.ReplayLane)
		putSpeed(t, s, replayed, "")
		want = append(want, item, replayed)
		putSpeed(t, s, kappaOf(set+"x", keyNumber(n), 0, lane(0)), "")
	}
	slices.SortFunc(want, bySlot)
	wantItems(t, "scan", scanned(t, scan, bySlot), want)
}

func speedDrop(t *testing.T, s viewstore.Speed) {
	gone, left := lifecycle.OfGeneration(generationOf(t, 'g')), lifecycle.OfGeneration(generationOf(t, 'l'))
	var want []viewstore.SpeedItem
	for n := range manyKeys {
		putSpeed(t, s, kappaOf(gone, keyNumber(n), 0, lane(n%4)), "")
		item := kappaOf(left, keyNumber(n), 0, lane(n%4))
		putSpeed(t, s, item, "")
		want = append(want, item)
	}
	slices.SortFunc(want, bySlot)
	for after, calls := "", 1; ; calls++ {
		next, err := s.Drop(t.Context(), gone, after)
		wantNoError(t, "drop", err)
		if after = next; after == "" {
			break
		}
		if calls == 10_000 {
			t.Fatal("Drop never ends")
		}
	}
	of := func(set lifecycle.Set) []viewstore.SpeedItem {
		return scanned(t, func(after string) ([]viewstore.SpeedItem, string, error) {
			return s.Scan(t.Context(), set, after)
		}, bySlot)
	}
	wantItems(t, "what was dropped", of(gone), nil)
	wantItems(t, "what was not", of(left), want)
}
