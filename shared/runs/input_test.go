package runs_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// arrival is an instant at the start of a slot.
var arrival = event.MillisOf(time.Date(2026, 5, 17, 10, 5, 0, 0, time.UTC))

// archived are stores with objects, and a reader for them.
type archived struct {
	*stores
	runs.Reader
	objects []runs.ManifestObject
}

// backwards is a runner that does the last call first.
func backwards(n int, do func(i int) error) error {
	return runner.Sequential(n, func(i int) error { return do(n - 1 - i) })
}

func newArchived(t *testing.T) *archived {
	t.Helper()
	codec, err := event.NewCodec(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	a := &archived{stores: newStores()}
	a.Reader = a.reader()
	a.Codec, a.Parallel = codec, backwards
	a.Layout = archive.Layout{Number: 1, Lanes: 4}
	return a
}

// add archives a request of events with the given ids. They arrive the given number of milliseconds after arrival.
func (a *archived) add(t *testing.T, after event.Millis, ids ...string) {
	t.Helper()
	var lines []byte
	request := ulid.ULID{15: byte(len(a.objects))}
	if err := request.SetTime(uint64(arrival + after)); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		compact := fmt.Sprintf(`{"specversion":"1.0","id":"%s","source":"/s","type":"t"}`, id)
		lines = event.AppendLine(lines, []byte(compact), event.Stamp{Request: request, Index: i})
	}
	key := archive.Key(fmt.Sprintf("object %d", len(a.objects)))
	a.put(t, string(key), a.Codec.Compress(nil, lines))
	a.objects = append(a.objects, runs.ManifestObject{Object: archive.Object{Key: key}})
}

func (a *archived) manifest() runs.Manifest { return runs.Manifest{Run: 1, Objects: a.objects} }

func (a *archived) read(m runs.Manifest) (*runs.Input, error) {
	return a.Read(ctx, event.NewFields([]event.Path{{"id"}}), m)
}

// TestRead checks that batches and the identities of their events are in archive order, whatever the order in which the
// objects are read.
func TestRead(t *testing.T) {
	a := newArchived(t)
	a.add(t, 0, "a", "b")
	a.add(t, 10)
	a.add(t, 20, "c", "a", "a")
	in, err := a.read(a.manifest())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 2, 2}, in.Starts); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(verdict{Duplicate: make([]bool, 5)}, verdictOf(in)); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	var ids []string
	for _, b := range in.Batches {
		for _, v := range b.Columns[0] {
			ids = append(ids, string(b.Raw(v)))
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "a", "a"}, ids); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for i, id := range ids {
		want, _ := a.Layout.HashKey.Identity([]byte("/s"), []byte(id), nil)
		if got := in.Seen[i]; got.Identity != want || got.Arrival != arrival+[]event.Millis{0, 0, 20, 20, 20}[i] {
			t.Errorf("event %d, %s: %+v", i, id, got)
		}
	}
	if in.Seen[0].Payload != in.Seen[3].Payload || in.Seen[0].Payload == in.Seen[1].Payload {
		t.Errorf("payload hashes depend on the stamp, or not on the payload: %+v", in.Seen)
	}
	if first, last := in.Arrivals(); first != arrival || last != arrival+20 {
		t.Errorf("arrivals from %d to %d", first, last)
	}
}

// TestReadTellsLanes checks that the input's manifest has the lanes of its distinct events, or those of the given
// manifest where it has them. The given manifest does not change.
func TestReadTellsLanes(t *testing.T) {
	a := newArchived(t)
	a.add(t, 0, "a", "b", "c", "d", "e", "a", "b")
	a.add(t, 10, "a")
	known := []runs.LaneEvents{{Lane: 9, Events: 99}}
	a.objects[1].Lanes = known
	given := a.manifest()
	in, err := a.read(given)
	if err != nil {
		t.Fatal(err)
	}
	perLane := map[int]int{}
	for _, s := range in.Seen[:5] {
		perLane[a.Layout.Lane(s.Identity).N]++
	}
	got, lanes := in.Manifest.Objects[0].Lanes, []int(nil)
	for _, l := range got {
		lanes = append(lanes, l.Lane)
		if l.Events != perLane[l.Lane] {
			t.Errorf("lane %d has %d events, want %d", l.Lane, l.Events, perLane[l.Lane])
		}
	}
	if len(got) != len(perLane) || len(got) < 2 || !slices.IsSorted(lanes) {
		t.Errorf("lanes %v, want %d, ascending", got, len(perLane))
	}
	if diff := cmp.Diff(known, in.Manifest.Objects[1].Lanes); diff != "" {
		t.Errorf("lanes that were known (-want +got):\n%s", diff)
	}
	if given.Objects[0].Lanes != nil {
		t.Errorf("the manifest that was given has changed: %+v", given)
	}
}

// TestEventsBeforeTheLayoutHaveNoLane checks that the sweep looks for no receipts of events that arrived before the
// layout began.
func TestEventsBeforeTheLayoutHaveNoLane(t *testing.T) {
	a := newArchived(t)
	a.add(t, 0, "a", "b", "c")
	a.add(t, 10, "a")
	a.Layout.Begins = slot.Slot(arrival + 10)
	in, err := a.read(a.manifest())
	if err != nil {
		t.Fatal(err)
	}
	if before, after := in.Manifest.Objects[0].Lanes, in.Manifest.Objects[1].Lanes; len(before) > 0 || len(after) != 1 {
		t.Errorf("lanes %v before the layout began, %v from then on; want none and one", before, after)
	}
}

// TestReadFails checks that the error names an object that cannot be read.
func TestReadFails(t *testing.T) {
	a := newArchived(t)
	a.add(t, 0, "a")
	a.put(t, "not compressed", []byte("lines"))
	a.put(t, "not lines", a.Codec.Compress(nil, []byte("{}\n")))
	for key, want := range map[string]error{
		"none": archive.ErrNotFound, "not compressed": event.ErrCorrupt, "not lines": event.ErrLine,
	} {
		m := a.manifest()
		m.Objects = append(slices.Clone(m.Objects), runs.ManifestObject{Object: archive.Object{Key: archive.Key(key)}})
		if in, err := a.read(m); !errors.Is(err, want) || !strings.Contains(err.Error(), " "+key+":") || in != nil {
			t.Errorf("%s: error %v, want %v", key, err, want)
		}
	}
}

// TestRows checks that every row of a batch is either counted or a duplicate, in order.
func TestRows(t *testing.T) {
	a := newArchived(t)
	a.add(t, 0, "a", "b", "a")
	a.add(t, 10)
	a.add(t, 20, "c", "b", "d")
	in, err := a.read(a.manifest())
	if err != nil {
		t.Fatal(err)
	}
	new(runs.Known).MarkDuplicates(in, runner.Sequential)
	rows, duplicates := []int32{7, 7}, []int32{7}
	for batch, want := range [][2][]int32{{{0, 1}, {2}}, {{}, {}}, {{0, 2}, {1}}} {
		rows, duplicates = in.Rows(batch, rows, duplicates)
		if diff := cmp.Diff(want, [2][]int32{rows, duplicates}); diff != "" {
			t.Errorf("batch %d (-want +got):\n%s", batch, diff)
		}
	}
}

// TestNoEvents checks that an empty run is read and checked for duplicates as any other run.
func TestNoEvents(t *testing.T) {
	a := newArchived(t)
	in, err := a.read(runs.Manifest{Run: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.MarkDuplicates(ctx, in, runs.Rule{}); err != nil {
		t.Error(err)
	}
	first, last := in.Arrivals()
	if len(a.calls) > 0 || len(in.Batches)+len(in.Seen) > 0 || first != 0 || last != 0 {
		t.Errorf("asked for %q, read %+v", a.calls, in)
	}
	if !bytes.Equal(runs.EncodeManifest(in.Manifest), runs.EncodeManifest(runs.Manifest{Run: 1})) {
		t.Errorf("manifest %+v", in.Manifest)
	}
}
