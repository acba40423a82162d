package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Speed is the suite of viewstore.Speed.
func Speed(t *testing.T, open func(t *testing.T) viewstore.Speed) {
	t.Helper()
	runAll(t, open, []subtest[viewstore.Speed]{
		{"Load returns the items that exist", speedLoad},
		{"Load returns more items than a store returns at once", speedLoadMany},
		{"Put writes an item if the stored applied position is still loaded; empty means no item", speedPut},
		{"Put returns ErrConflict when it is not, and writes nothing", speedConflict},
		{"Put by many at once: one writes each applied position", speedRace},
		{"Slots returns the items of one key with slot >= from, ordered by slot, page and lane", speedSlots},
		{"Slots returns items of MostRead bytes at most, and a cursor for the rest", speedSlotsLarge},
		{"Pages returns the items of one key in NoSlot with from <= page <= to, ordered by page and lane", speedPages},
		{"Scan returns some items of a set at a time, and none of another set", speedScan},
		{"Drop deletes a bounded number of a set's items, and none of another set", speedDrop},
		{"Keys may hold any bytes", speedKeys},
		{"The caller owns what it passes and what it gets", speedOwned},
		{"A call with an ended ctx returns an error, and a write can be retried", speedCancelled},
		{"Live returns the keys of live keys with slot >= from", speedLive},
		{"Scan returns no live keys, and Drop deletes those of a set", speedKeysDropped},
	})
	runAll(t, open, keyTests(speedLister))
}

// bySlot compares in the order of Slots. Lane numbers have one digit here, so names order as numbers do.
func bySlot(a, b viewstore.SpeedItem) int {
	return cmp.Or(strings.Compare(string(a.Set), string(b.Set)), strings.Compare(string(a.Key), string(b.Key)),
		cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Page, b.Page), strings.Compare(a.Lane.String(), b.Lane.String()))
}

func putSpeed(t *testing.T, s viewstore.Speed, item viewstore.SpeedItem, loaded event.Sequence) {
	t.Helper()
	wantNoError(t, fmt.Sprintf("put %+v over applied position %q", item.SpeedKey, loaded),
		s.Put(t.Context(), item, loaded))
}

// wantSpeed compares the stored items of these keys with the given items, in any order.
func wantSpeed(t *testing.T, s viewstore.Speed, keys []viewstore.SpeedKey, want ...viewstore.SpeedItem) {
	t.Helper()
	got, err := s.Load(t.Context(), keys)
	wantNoError(t, "load", err)
	slices.SortFunc(got, bySlot)
	want = slices.SortedFunc(slices.Values(want), bySlot)
	wantItems(t, fmt.Sprintf("load of %d keys", len(keys)), got, want)
}

func wantSlots(t *testing.T, s viewstore.Speed, of viewstore.SpeedKey, from slot.Slot, want []viewstore.SpeedItem) {
	t.Helper()
	read := func(after string) ([]viewstore.SpeedItem, string, error) {
		return s.Slots(t.Context(), of.Set, of.Key, from, after)
	}
	wantItems(t, fmt.Sprintf("slots of key %q from %s", of.Key, from), inParts(t, read, speedStates), want)
}

const firstSequence event.Sequence = "49546986683135544286507457936321625675700192471156785154"

// sequence returns the n-th of an increasing series of sequence numbers.
func sequence(n int) event.Sequence { return event.Sequence(fmt.Sprintf("4954%052d", n)) }

// speedOf returns an item with states that no other item has.
func speedOf(definition view.Hash, key view.Key, s slot.Slot, page view.Page, lane event.Lane) viewstore.SpeedItem {
	return viewstore.SpeedItem{
		SpeedKey: viewstore.SpeedKey{Set: lifecycle.OfDefinition(definition), Key: key, Slot: s, Page: page, Lane: lane},
		Applied:  firstSequence,
		States:   fmt.Appendf(nil, "\x01\x00\xff%s %x %d %d %s", definition, key, s, page, lane), Expires: never,
	}
}

func lane(n int) event.Lane { return event.Lane{Layout: 1, Count: 4, N: n} }

func speedKeysOf(items []viewstore.SpeedItem) []viewstore.SpeedKey {
	keys := make([]viewstore.SpeedKey, len(items))
	for i, item := range items {
		keys[i] = item.SpeedKey
	}
	return keys
}

func speedLoad(t *testing.T, s viewstore.Speed) {
	d, e := definitionOf(t, 'd'), definitionOf(t, 'e')
	wantSpeed(t, s, nil)
	items := []viewstore.SpeedItem{
		speedOf(d, "k", firstSlot, 1, lane(0)), speedOf(d, "k", firstSlot, 1, lane(1)),
		speedOf(d, "k", firstSlot, -1, lane(0)),
		speedOf(d, "k", firstSlot+slotLength, 1, lane(0)), speedOf(d, "l", firstSlot, 1, lane(0)),
		speedOf(e, "k", firstSlot, 1, lane(0)),
		speedOf(d, "k", firstSlot, 1, event.Lane{Layout: 2, Count: 4}),
		speedOf(d, "k", firstSlot, 1, event.Lane{Layout: 1, Count: 8}),
	}
	wantSpeed(t, s, speedKeysOf(items))
	for _, item := range items {
		putSpeed(t, s, item, "")
	}
	wantSpeed(t, s, speedKeysOf(items), items...)
	none := speedKeysOf([]viewstore.SpeedItem{
		speedOf(d, "k", firstSlot, 1, lane(2)), speedOf(d, "k", firstSlot, 0, lane(0)),
		speedOf(e, "l", firstSlot, 1, lane(0)),
		speedOf(d, "k", firstSlot+1, 1, lane(0)), speedOf(d, "", firstSlot, 1, lane(0)),
	})
	wantSpeed(t, s, none)
	wantSpeed(t, s, append(none, items[3].SpeedKey, items[1].SpeedKey), items[1], items[3])
}

func speedLoadMany(t *testing.T, s viewstore.Speed) {
	var items []viewstore.SpeedItem
	for i := range 350 {
		item := speedOf(definitionOf(t, 'd'), view.Key(fmt.Sprint("k", i%50)), firstSlot, view.Page(i), lane(i%4))
		putSpeed(t, s, item, "")
		items = append(items, item)
	}
	wantSpeed(t, s, speedKeysOf(items), items...)
}

func speedPut(t *testing.T, s viewstore.Speed) {
	item := speedOf(definitionOf(t, 'd'), "k", firstSlot, 7, lane(3))
	var loaded event.Sequence
	for i, applied := range []event.Sequence{"1", "9", "10", firstSequence,
		event.Sequence("1" + strings.Repeat("0", 128))} {
		item.Applied, item.States, item.Expires = applied, noise(uint64(i), 1+i*largeStates/4), never+viewstore.Expiry(i)
		putSpeed(t, s, item, loaded)
		wantSpeed(t, s, []viewstore.SpeedKey{item.SpeedKey}, item)
		loaded = applied
	}
}

func speedConflict(t *testing.T, s viewstore.Speed) {
	item := speedOf(definitionOf(t, 'd'), "k", firstSlot, 7, lane(3))
	conflicts := func(positions ...event.Sequence) {
		t.Helper()
		for _, loaded := range positions {
			other := item
			other.Applied, other.States, other.Expires = sequence(1), []byte("another"), never+1
			wantError(t, fmt.Sprintf("put over applied position %q", loaded), s.Put(t.Context(), other, loaded),
				viewstore.ErrConflict)
		}
	}
	conflicts(firstSequence, "0")
	wantSpeed(t, s, []viewstore.SpeedKey{item.SpeedKey})
	putSpeed(t, s, item, "")
	// "": this is also what a retry of the call that succeeded passes.
	conflicts("", "0", firstSequence[:len(firstSequence)-1], firstSequence+"0", "0"+firstSequence, sequence(1))
	wantSpeed(t, s, []viewstore.SpeedKey{item.SpeedKey}, item)
}

func speedRace(t *testing.T, s viewstore.Speed) {
	var loaded event.Sequence
	for round := range 8 {
		entry := func(i int) viewstore.SpeedItem {
			item := speedOf(definitionOf(t, 'd'), "k", firstSlot, -3, lane(1))
			item.Applied, item.States = sequence(round), noise(uint64(i), 2000)
			return item
		}
		var errs [racers]error
		race(func(i int) { errs[i] = s.Put(t.Context(), entry(i), loaded) })
		won := entry(oneWinner(t, errs[:], viewstore.ErrConflict))
		wantSpeed(t, s, []viewstore.SpeedKey{won.SpeedKey}, won)
		loaded = won.Applied
	}
}

func speedSlots(t *testing.T, s viewstore.Speed) {
	d := definitionOf(t, 'd')
	lanes := []event.Lane{{Layout: 1, Count: 2, N: 1}, {Layout: 1, Count: 4, N: 0}, {Layout: 1, Count: 4, N: 3},
		{Layout: 2, Count: 4, N: 2}}
	var items []viewstore.SpeedItem
	for _, at := range []slot.Slot{1000, firstSlot - slotLength, firstSlot, firstSlot + slotLength} {
		for _, page := range []view.Page{view.FirstPage, -10, -9, 0, 9, 10, view.LastPage} {
			for _, lane := range lanes {
				items = append(items, speedOf(d, "key", at, page, lane))
			}
		}
	}
	for i := range items {
		// 37 and the number of items have no common factor, so each item is put once, in a mixed order.
		putSpeed(t, s, items[i*37%len(items)], "")
	}
	for _, other := range []viewstore.SpeedItem{
		speedOf(definitionOf(t, 'e'), "key", firstSlot, 0, lane(0)), speedOf(d, "ke", firstSlot, 0, lane(0)),
		speedOf(d, "key\x00", firstSlot, 0, lane(0)), speedOf(d, "kez", firstSlot, 0, lane(0)),
	} {
		putSpeed(t, s, other, "")
	}
	of := items[0].SpeedKey
	for _, from := range []slot.Slot{
		0, 999, 1000, 1001, firstSlot - slotLength, firstSlot - 1, firstSlot, firstSlot + 1, firstSlot + slotLength,
		firstSlot + slotLength + 1, math.MaxInt64,
	} {
		at, _ := slices.BinarySearchFunc(items, from, func(item viewstore.SpeedItem, from slot.Slot) int {
			return cmp.Compare(item.Slot, from)
		})
		wantSlots(t, s, of, from, items[at:])
	}
	wantSlots(t, s, viewstore.SpeedKey{Set: lifecycle.OfDefinition(d), Key: "k"}, 0, nil)
	wantSlots(t, s, viewstore.SpeedKey{Set: lifecycle.OfDefinition(definitionOf(t, 'f')), Key: "key"}, 0, nil)
}

func speedSlotsLarge(t *testing.T, s viewstore.Speed) {
	var items []viewstore.SpeedItem
	for i := range 8 {
		item := speedOf(definitionOf(t, 'd'), "k", firstSlot+slot.Slot(i/2*slotLength), 0, lane(i%2))
		item.States = noise(uint64(i), largeStates)
		putSpeed(t, s, item, "")
		items = append(items, item)
	}
	wantSlots(t, s, items[0].SpeedKey, 0, items)
	wantSlots(t, s, items[0].SpeedKey, firstSlot+slotLength, items[2:])
}

func speedKeys(t *testing.T, s viewstore.Speed) {
	d := definitionOf(t, 'd')
	var items []viewstore.SpeedItem
	for _, key := range awkwardKeys() {
		items = append(items, speedOf(d, key, firstSlot, -1, lane(0)), speedOf(d, key, firstSlot, 0, lane(0)),
			speedOf(definitionOf(t, 'e'), key, firstSlot, 0, lane(0)))
	}
	for _, item := range items {
		putSpeed(t, s, item, "")
	}
	wantSpeed(t, s, speedKeysOf(items), items...)
	for i := 0; i < len(items); i += 3 {
		wantSlots(t, s, items[i].SpeedKey, 0, items[i:i+2])
	}
}

func speedOwned(t *testing.T, s viewstore.Speed) {
	want := speedOf(definitionOf(t, 'd'), "k", firstSlot, 0, lane(0))
	passed := speedOf(definitionOf(t, 'd'), "k", firstSlot, 0, lane(0))
	putSpeed(t, s, passed, "")
	spoil(passed.States)
	keys := []viewstore.SpeedKey{want.SpeedKey}
	wantSpeed(t, s, keys, want)
	loaded, err := s.Load(t.Context(), keys)
	wantNoError(t, "load", err)
	spoil(loaded[0].States)
	wantSlots(t, s, want.SpeedKey, 0, []viewstore.SpeedItem{want})
	slots, _, err := s.Slots(t.Context(), want.Set, want.Key, 0, "")
	wantNoError(t, "slots", err)
	spoil(slots[0].States)
	wantSpeed(t, s, keys, want)
}

func speedCancelled(t *testing.T, s viewstore.Speed) {
	item := speedOf(definitionOf(t, 'd'), "k", firstSlot, 0, lane(0))
	keys := []viewstore.SpeedKey{item.SpeedKey}
	if err := s.Put(cancelled(t), item, ""); err == nil || errors.Is(err, viewstore.ErrConflict) {
		t.Errorf("put with an ended ctx: error %v", err)
	}
	// The cancelled put may have been applied.
	if err := s.Put(t.Context(), item, ""); err != nil && !errors.Is(err, viewstore.ErrConflict) {
		t.Errorf("put after one with an ended ctx: %v", err)
	}
	wantSpeed(t, s, keys, item)
	reads := map[string]func(ctx context.Context) error{
		"load":  func(ctx context.Context) error { _, err := s.Load(ctx, keys); return err },
		"slots": func(ctx context.Context) error { _, _, err := s.Slots(ctx, item.Set, item.Key, 0, ""); return err },
		"pages": func(ctx context.Context) error { _, _, err := s.Pages(ctx, item.Set, item.Key, 0, 1, ""); return err },
		"scan":  func(ctx context.Context) error { _, _, err := s.Scan(ctx, item.Set, ""); return err },
		"drop":  func(ctx context.Context) error { _, err := s.Drop(ctx, item.Set, ""); return err },
	}
	for name, read := range reads {
		if err := read(cancelled(t)); err == nil {
			t.Errorf("%s with an ended ctx returned no error", name)
		}
	}
}
