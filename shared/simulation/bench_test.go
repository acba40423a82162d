package simulation_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// These benchmarks measure the layers over stores in memory, so they leave out the time of real stores. Events have the
// shape of the sample's, about 400 bytes. Their paths follow a Zipf distribution over 5,000 pages, and their times are
// spread over a day.

const pageViews = `
views:
  - name: page_views
    where: type == "web.request" && data.status < 400
    key:
      path: data.path
    window: 1h
    aggregates:
      views: count()
      bytes: sum(data.bytes)
      mean_bytes: mean(data.bytes)
      largest: max(data.bytes)
`

const (
	requestEvents = 1000
	requests      = 200
)

type rig struct {
	now      time.Time
	archive  *memory.Archive
	stream   *memory.Stream
	catalog  *memory.Catalog
	base     *memory.Base
	items    *memory.Speed
	seen     *memory.Seen
	codec    *event.Codec
	layout   archive.Layout
	random   *rand.Rand
	views    []lifecycle.Definition
	programs *programs.Cache
}

func newRig(b *testing.B) *rig {
	b.Helper()
	views, err := viewfile.Parse("views.yaml", []byte(pageViews))
	if err != nil {
		b.Fatal(err)
	}
	codec, err := settings().NewCodec()
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), archive: &memory.Archive{}, stream: memory.NewStream(4),
		codec: codec, random: rand.New(rand.NewPCG(1, 1)), views: lifecycle.Define(views),
		programs: &programs.Cache{},
	}
	key := event.HashKey{1}
	r.layout, err = settings().OpenLayout(b.Context(), r.archive, "memory", bytes.NewReader(key[:]), r.clock)
	if err != nil {
		b.Fatal(err)
	}
	r.forget()
	return r
}

// forget empties the catalog and the view stores.
func (r *rig) forget() {
	r.catalog, r.base, r.items, r.seen = &memory.Catalog{}, &memory.Base{}, &memory.Speed{}, &memory.Seen{}
}

func (r *rig) clock() time.Time { return r.now }

func (r *rig) id(at time.Time) (ulid.ULID, error) {
	var entropy [10]byte
	for i := range entropy {
		entropy[i] = byte(r.random.Uint32())
	}
	return ulid.New(ulid.Timestamp(at), bytes.NewReader(entropy[:]))
}

func settings() setting.All {
	s := setting.Default()
	s.Lanes, s.RunBytes = 4, 1<<30 // everything in one run
	return s
}

func (r *rig) system() *system.System {
	s, err := system.New(system.Stores{
		Archive: r.archive, Stream: r.stream, Queue: &memory.Queue{}, Catalog: r.catalog, Base: r.base, Speed: r.items,
		Seen: r.seen, Programs: r.programs,
	}, settings(), setting.Host{
		Layout: r.layout, Codec: r.codec, Parallel: runner.Parallel(runtime.GOMAXPROCS(0)), Workers: runtime.GOMAXPROCS(0),
		Repeat: runner.Repeat, Now: r.clock, NewULID: r.id, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	return s
}

func (r *rig) ingest() *ingest.Ingest { return r.system().Ingest() }

func (r *rig) batch() *batch.Batch { return r.system().Batch(r.views) }

func (r *rig) speed() *speed.Speed { return r.system().Speed() }

// body returns one NDJSON request.
func (r *rig) body(first int) []byte {
	zipf := rand.NewZipf(r.random, 1.1, 1, 4999)
	var out []byte
	for i := range requestEvents {
		at := time.Date(2026, 1, 1, 0, 0, r.random.IntN(86400), 0, time.UTC)
		out = fmt.Appendf(out, `{"specversion":"1.0","id":"req-%08d","source":"//example.com/web","type":"web.request","time":"%s","data":{`+
			`"client":"83.149.%d.%d","method":"GET","path":"/presentations/page-%04d/images/kibana-search.png","status":%d,"bytes":%d,`+
			`"referrer":"http://example.com/presentations/logstash-monitorama-2013/","agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) `+
			`AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36"}}`+"\n",
			first+i, at.Format(time.RFC3339), r.random.IntN(256), r.random.IntN(256), zipf.Uint64(),
			[]int{200, 200, 304, 404}[r.random.IntN(4)],
			r.random.IntN(300_000))
	}
	return out
}

func perEvent(b *testing.B, events int) {
	n := float64(b.N * events)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/event")
	b.ReportMetric(n/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkIngest decodes, stamps, compresses and puts one request of 1,000 events, on one core.
func BenchmarkIngest(b *testing.B) {
	r := newRig(b)
	body := r.body(0)
	in := r.ingest()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r.archive, r.stream = &memory.Archive{}, memory.NewStream(4)
		in.Archive, in.Stream = r.archive, r.stream
		if _, err := in.Accept(b.Context(), ingest.Request{ContentType: "application/x-ndjson", Body: body}); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, requestEvents)
}

// BenchmarkSpeed applies the records of one request of 1,000 events: decompress, scan, fold, write the items.
func BenchmarkSpeed(b *testing.B) {
	r := newRig(b)
	r.register(b)
	if _, err := r.ingest().Accept(b.Context(),
		ingest.Request{ContentType: "application/x-ndjson", Body: r.body(0)}); err != nil {
		b.Fatal(err)
	}
	var records []stream.Record
	for _, shard := range r.stream.Shards() {
		found, _, err := r.stream.Read(shard.ID, "", 1000)
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range found {
			records = append(records, f.Record)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		r.items, r.seen = &memory.Speed{}, &memory.Seen{}
		applied, _, err := r.speed().Apply(b.Context(), records)
		if err != nil || applied != len(records) {
			b.Fatal(applied, err)
		}
	}
	perEvent(b, requestEvents)
}

func (r *rig) register(b *testing.B) {
	b.Helper()
	if err := r.batch().Register(b.Context(), 0); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBatch measures one run over 200 objects of 1,000 events: get, decompress, scan, find duplicates, fold, write
// the base items.
func BenchmarkBatch(b *testing.B) {
	r := newRig(b)
	start := r.now
	r.now = start.Add(24 * time.Hour)
	in := r.ingest()
	for i := range requests {
		if _, err := in.Accept(b.Context(),
			ingest.Request{ContentType: "application/x-ndjson", Body: r.body(i * requestEvents)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		r.forget()
		r.now = start
		r.register(b)
		tickAll(b, r) // an empty first run, so the benchmark measures an advance
		r.now = start.Add(25 * time.Hour)
		b.StartTimer()
		report := tickAll(b, r)
		if len(report.Runs) != 1 || report.Runs[0].Events != requests*requestEvents {
			b.Fatalf("%+v", report)
		}
	}
	perEvent(b, requests*requestEvents)
}

// BenchmarkBatchFold measures what a run does to every event, without finding duplicates and without writing: get,
// decompress, scan, hash the identity, fold and merge, on all cores.
func BenchmarkBatchFold(b *testing.B) {
	r := newRig(b)
	in := r.ingest()
	for i := range requests {
		if _, err := in.Accept(b.Context(),
			ingest.Request{ContentType: "application/x-ndjson", Body: r.body(i * requestEvents)}); err != nil {
			b.Fatal(err)
		}
	}
	objects, _, err := r.archive.List(b.Context(), archive.FirstEvent, archive.EndOfEvents, 2*requests)
	if err != nil || len(objects) != requests {
		b.Fatal(len(objects), err)
	}
	r.register(b)
	set, err := r.programs.Of(b.Context(), r.catalog, []view.Hash{r.views[0].Hash})
	if err != nil {
		b.Fatal(err)
	}
	workers := runtime.GOMAXPROCS(0)
	b.ReportAllocs()
	for b.Loop() {
		deltas := make([]*view.Delta, workers)
		err := runner.Parallel(workers)(workers, func(w int) error {
			deltas[w] = set.Programs[0].NewDelta()
			return r.fold(b, objects, w, workers, set, deltas[w])
		})
		if err != nil {
			b.Fatal(err)
		}
		for _, delta := range deltas[1:] {
			deltas[0].Merge(delta)
		}
		if deltas[0].Counts().Folded < requests*requestEvents/2 {
			b.Fatalf("%+v", deltas[0].Counts())
		}
	}
	perEvent(b, requests*requestEvents)
}

// fold folds every workers-th object from w on.
func (r *rig) fold(b *testing.B, objects []archive.Object, w, workers int, set *view.Set, delta *view.Delta) error {
	var rows []int32
	var scratch []byte
	for i := w; i < len(objects); i += workers {
		body, _, err := r.archive.Get(b.Context(), objects[i].Key)
		if err != nil {
			return err
		}
		lines, err := r.codec.Decompress(nil, body)
		if err != nil {
			return err
		}
		batch, err := set.Fields().NewBatch(lines)
		if err != nil {
			return err
		}
		rows = rows[:0]
		for row := range batch.Len() {
			_, scratch = batch.Identity(row, r.layout.HashKey, scratch)
			rows = append(rows, int32(row))
		}
		delta.Fold(batch, rows)
	}
	return nil
}

func tickAll(b *testing.B, r *rig) batch.Report {
	b.Helper()
	report, err := r.batch().Tick(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return report
}

// BenchmarkQuery queries 24 hours of one key that has base items and speed items.
func BenchmarkQuery(b *testing.B) {
	r := newRig(b)
	r.register(b)
	in := r.ingest()
	if _, err := in.Accept(b.Context(), ingest.Request{ContentType: "application/x-ndjson", Body: r.body(0)}); err != nil {
		b.Fatal(err)
	}
	r.now = r.now.Add(time.Hour)
	tickAll(b, r)
	if _, err := in.Accept(b.Context(),
		ingest.Request{ContentType: "application/x-ndjson", Body: r.body(requestEvents)}); err != nil {
		b.Fatal(err)
	}
	fast := r.speed()
	for _, shard := range r.stream.Shards() {
		found, _, err := r.stream.Read(shard.ID, "", 1000)
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range found {
			if _, _, err := fast.Apply(b.Context(), []stream.Record{f.Record}); err != nil {
				b.Fatal(err)
			}
		}
	}
	s := r.system().Serving()
	parameters := map[string][]string{"path": {"/presentations/page-0000/images/kibana-search.png"}}
	rows := 0
	b.ReportAllocs()
	for b.Loop() {
		answer, err := simulation.Query(b.Context(), s, "page_views", parameters)
		if err != nil {
			b.Fatal(err)
		}
		rows = len(answer.Data)
	}
	if rows < 20 {
		b.Fatalf("%d rows", rows)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
}
