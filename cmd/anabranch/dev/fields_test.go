package dev_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/shared/archive"
	events "github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

const watchedViews = `views:
  - name: by_orign
    where: type == "visit"
    key: {origin: data.orign}
    window: 1h
    aggregates: {n: count(), ms: sum(data.took.milis), free: sum(data.nothing_like_it)}
  - name: right
    where: 'type in ["visit", "other"] && (has(data.error) ? data.error == "x" : true)'
    key: {origin: data.origin}
    window: 1h
    aggregates: {ms: sum(data.took.millis)}
  - name: extension
    key: {origin: ext.origin, tenant: ext.tenant}
    window: 1h
    aggregates: {n: count()}
  - name: no_events
    where: type == "rare" && data.missing == 1
    key: {}
    window: 1h
    aggregates: {n: count()}
  - name: misspelt_type
    where: type == "visits"
    key: {}
    window: 1h
    aggregates: {n: count()}
`

// watching is a watcher over an archive in memory.
type watching struct {
	t       *testing.T
	objects *memory.Archive
	codec   *events.Codec
	watcher *dev.Watcher
	puts    int
}

func watch(t *testing.T) *watching {
	t.Helper()
	definitions, err := viewfile.Parse("v.yaml", []byte(watchedViews))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := events.NewCodec(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{t: t, objects: &memory.Archive{Now: time.Now}, codec: codec}
	w.watcher = dev.NewWatcher(w.objects, codec, definitions)
	return w
}

// put archives n events of a type in one object.
func (w *watching) put(n int, kind string) {
	w.t.Helper()
	w.puts++
	request := ulid.ULID{14: byte(w.puts >> 8), 15: byte(w.puts)}
	var lines []byte
	for i := range n {
		lines = events.AppendLine(lines, fmt.Appendf(nil,
			`{"specversion":"1.0","id":"%d","source":"/s","type":%q,"tenant":"a","data":{"origin":"b","took":{"millis":1}}}`,
			i, kind), events.Stamp{Request: request, Index: i})
	}
	key := archive.EventsKey(slot.Slot(0), request)
	if _, err := w.objects.Put(w.t.Context(), key, w.codec.Compress(nil, lines)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watching) look() []string {
	w.t.Helper()
	warnings, err := dev.Look(w.t.Context(), w.watcher)
	if err != nil {
		w.t.Fatal(err)
	}
	return warnings
}

// TestFieldsThatNoEventHas checks that each such field is named once, with the field that may be meant, and so is a
// type that no event has.
func TestFieldsThatNoEventHas(t *testing.T) {
	w := watch(t)
	w.put(19, "visit")
	if got := w.look(); len(got) > 0 {
		t.Errorf("warned after 19 events: %q", got)
	}
	w.put(1, "visit")
	want := []string{
		"view by_orign: none of the first 20 events had data.orign; they have data.origin",
		"view by_orign: none of the first 20 events had data.took.milis; they have data.took.millis",
		"view by_orign: none of the first 20 events had data.nothing_like_it",
		"view extension: none of the first 20 events had ext.origin; they have data.origin",
		`view no_events: none of the first 20 events had type "rare"; their types are "visit"`,
		`view misspelt_type: none of the first 20 events had type "visits"; some have "visit"`,
	}
	if diff := cmp.Diff(want, w.look()); diff != "" {
		t.Error(diff)
	}
	w.put(100, "visit")
	if got := w.look(); len(got) > 0 {
		t.Errorf("warned again: %q", got)
	}
	w.put(30, "rare")
	late := []string{"view no_events: none of the first 30 events of its types had data.missing"}
	if diff := cmp.Diff(late, w.look()); diff != "" {
		t.Error(diff)
	}
}

// TestFieldsOfManyEvents checks that an archive is read in parts, and that a view is checked after 1,000 events.
func TestFieldsOfManyEvents(t *testing.T) {
	w := watch(t)
	for range 30 {
		w.put(50, "visit")
	}
	got := w.look() // 20 objects
	if len(got) != 6 || !strings.Contains(got[0], "none of the first 1000 events had data.orign") {
		t.Errorf("got %q, want six warnings after 1,000 events", got)
	}
	if again := w.look(); len(again) > 0 {
		t.Errorf("warned again: %q", again)
	}
}

// TestTypesThatEventsHave checks that a warning lists some of the types of events and counts the others.
func TestTypesThatEventsHave(t *testing.T) {
	w := watch(t)
	for _, kind := range strings.Fields("g f e d c b a") {
		w.put(3, kind)
	}
	const want = `view no_events: none of the first 21 events had type "rare"; ` +
		`their types are "a", "b", "c", "d", "e" and 2 more`
	if got := w.look(); !slices.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWatchNothing(t *testing.T) {
	w := watch(t)
	w.watcher = dev.NewWatcher(w.objects, w.codec, []view.Definition{{Name: "n", Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}}}})
	w.put(100, "visit")
	if got := w.look(); slices.ContainsFunc(got, func(s string) bool { return s != "" }) {
		t.Errorf("got %q", got)
	}
}
