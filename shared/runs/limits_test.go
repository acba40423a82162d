package runs

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runner"
)

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// perEvent returns the bytes that a build keeps for each of n distinct events.
func perEvent(n int) int64 {
	const inRun = 10_000
	random, known, before := rand.New(rand.NewPCG(1, 1)), Known{}, heap()
	for range n / inRun {
		in := &Input{Seen: make([]Seen, inRun), Duplicate: make([]bool, inRun)}
		for i := range in.Seen {
			in.Seen[i] = Seen{Identity: event.Identity{Hi: random.Uint64(), Lo: random.Uint64()}, Payload: random.Uint64()}
		}
		known.MarkDuplicates(in, runner.Sequential)
	}
	used := heap() - before
	runtime.KeepAlive(known)
	return used / int64(n)
}

// perAuditedEvent returns the bytes that an audit keeps for each of n distinct events: an entry of a map like its own.
func perAuditedEvent(n int) int64 {
	random, first, before := rand.New(rand.NewPCG(1, 1)), map[event.Identity]event.Millis{}, heap()
	for range n {
		first[event.Identity{Hi: random.Uint64(), Lo: random.Uint64()}] = 1
	}
	used := heap() - before
	runtime.KeepAlive(first)
	return used / int64(n)
}

// TestEventBytes measures what a build and an audit keep for each event, at sizes over which their tables double.
// EventBytes is what is documented: no less, and not twice as much.
func TestEventBytes(t *testing.T) {
	most := int64(0)
	for n := 200_000; n <= 500_000; n += 50_000 {
		build, audit := perEvent(n), perAuditedEvent(n)
		t.Logf("%d events: %d bytes each in a build, %d in an audit", n, build, audit)
		most = max(most, build, audit)
	}
	if most > EventBytes || 2*most < EventBytes {
		t.Errorf("%d bytes an event, documented are %d", most, EventBytes)
	}
}

// BenchmarkBuildMemory reports what a build keeps for each of 4 million events.
func BenchmarkBuildMemory(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(perEvent(4_000_000)), "bytes/event")
	}
}

func TestMisfit(t *testing.T) {
	limit := MaxEvents(2048)
	half := usable(2048) / 2
	for name, c := range map[string]struct {
		head   lifecycle.Run
		memory int
		want   string
	}{
		"nothing":  {lifecycle.Run{}, 2048, ""},
		"the most": {lifecycle.Run{AllEvents: limit, AllObjects: MaxObjects}, 2048, ""},
		"too many events": {lifecycle.Run{AllEvents: 41_000_000, AllObjects: 10}, 2048,
			"a build of 41 M events may not fit into 2048 MB (limit about 32 M)"},
		"unknown memory": {lifecycle.Run{AllEvents: 41_000_000, Events: 41_000_000, AllObjects: 10}, 0, ""},
		"little memory": {lifecycle.Run{AllEvents: 3_000_000, AllObjects: 10}, 128,
			"a build of 3 M events may not fit into 128 MB (limit about 2 M)"},
		"too many objects": {lifecycle.Run{AllEvents: 10, AllObjects: MaxObjects + 1}, 2048,
			"a build of 1 M objects may not end within 15 minutes (limit about 1 M)"},
		"a run below the half": {lifecycle.Run{N: 8, Bytes: half - half/25}, 2048, ""},
		"a run above the half": {lifecycle.Run{N: 8, Bytes: half + 1}, 2048, "run 8 has read 0 events in 921 MB of lines, " +
			"which takes about 51% of 2048 MB; a slot that takes more than 100% stops batch"},
		"a run of many events": {lifecycle.Run{N: 9, Events: 3_000_000, Bytes: 900_000_000, AllEvents: 41_000_000}, 2048,
			"a build of 41 M events may not fit into 2048 MB (limit about 32 M); run 9 has read 3 M events in 858 MB of " +
				"lines, which takes about 86% of 2048 MB; a slot that takes more than 100% stops batch"},
		"a run of many objects": {lifecycle.Run{N: 9, Objects: MaxObjects/2 + 1}, 0,
			"run 9 has read 500001 objects, and about 1 M fit into 15 minutes"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Misfit(c.head, c.memory); got != c.want {
				t.Errorf("%d MB: %q, want %q", c.memory, got, c.want)
			}
		})
	}
}

// runBytes returns the bytes that a run takes for each of n events beside the lines, while it finds their duplicates.
func runBytes(t *testing.T, n int) int64 {
	const inObject, fields = 500, 12
	codec, err := event.NewCodec(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	reader := Reader{Archive: &memory.Archive{}, Catalog: &memory.Catalog{}, Codec: codec, Parallel: runner.Sequential}
	reader.Layout.Lanes = 4
	m := Manifest{Run: 1}
	for at := 0; at < n; at += inObject {
		var lines []byte
		request := ulid.ULID{15: byte(at >> 16), 14: byte(at >> 8), 13: byte(at)}
		for i := range inObject {
			text := fmt.Appendf(nil, `{"specversion":"1.0","id":"event %d","source":"/shop","type":"t",`+
				`"data":{"f0":"a","f1":"b","f2":1,"f3":2}}`, at+i)
			lines = event.AppendLine(lines, text, event.Stamp{Request: request, Index: i})
		}
		key := archive.Key(fmt.Sprintf("object %d", at))
		if _, err := reader.Archive.Put(t.Context(), key, codec.Compress(nil, lines)); err != nil {
			t.Fatal(err)
		}
		m.Objects = append(m.Objects, ManifestObject{Object: archive.Object{Key: key}})
	}
	paths := make([]event.Path, fields)
	for i := range paths {
		paths[i] = event.Path{"data", fmt.Sprintf("f%d", i)}
	}
	before := heap()
	in, err := reader.Read(t.Context(), event.NewFields(paths), m)
	if err != nil {
		t.Fatal(err)
	}
	known := Known{}
	known.MarkDuplicates(in, runner.Sequential)
	used := heap() - before
	for _, b := range in.Batches {
		used -= int64(len(b.Data))
	}
	runtime.KeepAlive(known)
	runtime.KeepAlive(in)
	return used / int64(n)
}

// TestRunBytes measures what a run takes for each event. RunEventBytes is what is documented: no less, and not twice as
// much.
func TestRunBytes(t *testing.T) {
	got := runBytes(t, 200_000)
	t.Logf("%d bytes each", got)
	if got > RunEventBytes || 2*got < RunEventBytes {
		t.Errorf("%d bytes an event, documented are %d", got, RunEventBytes)
	}
}
