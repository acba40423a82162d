package runs

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
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
		known.MarkDuplicates(in)
	}
	used := heap() - before
	runtime.KeepAlive(known)
	return used / int64(n)
}

// TestEventBytes measures what a build keeps for each event, at sizes over which the map doubles. EventBytes is what is
// documented: no less, and not twice as much.
func TestEventBytes(t *testing.T) {
	most := int64(0)
	for n := 200_000; n <= 500_000; n += 50_000 {
		got := perEvent(n)
		t.Logf("%d events: %d bytes each", n, got)
		most = max(most, got)
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
	for _, c := range []struct {
		events, objects int64
		memory          int
		want            string
	}{
		{0, 0, 2048, ""},
		{limit, MaxObjects, 2048, ""},
		{41_000_000, 10, 2048, "a build of 41 M events may not fit into 2048 MB (limit about 32 M)"},
		{41_000_000, 10, 0, ""},
		{3_000_000, 10, 128, "a build of 3 M events may not fit into 128 MB (limit about 2 M)"},
		{10, MaxObjects + 1, 2048, "a build of 1 M objects may not end within 15 minutes (limit about 1 M)"},
	} {
		if got := Misfit(c.events, c.objects, c.memory); got != c.want {
			t.Errorf("%d events, %d objects, %d MB: %q, want %q", c.events, c.objects, c.memory, got, c.want)
		}
	}
}
