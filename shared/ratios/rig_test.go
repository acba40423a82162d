package ratios_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/functions/speed/handler"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// now is when all requests arrive.
var now = time.Date(2026, 6, 1, 12, 1, 0, 0, time.UTC)

// byURL has thousands of keys in an invocation, and so thousands of items; byCountry has ten.
const byURL, byCountry = "url: data.url", "country: data.country"

const views = `
views:
  - name: visits
    where: type == "page.viewed"
    key:
      KEY
    window: 1h
    aggregates:
      views: count()
      amount: sum(data.amount)
      shortest: min(data.duration_ms)
      longest: max(data.duration_ms)
      users: distinct(data.user)
`

// rig is ingest and speed over stores in memory.
type rig struct {
	testing.TB
	objects *objects
	records *records
	catalog *memory.Catalog
	codec   *event.Codec
	random  *rand.Rand
	system  *system.System
	host    setting.Host
	stores  system.Stores
	setting setting.All
}

func newRig(tb testing.TB, lanes int, key string) *rig {
	tb.Helper()
	r := &rig{
		TB: tb, objects: &objects{}, records: &records{}, catalog: &memory.Catalog{}, random: rand.New(rand.NewPCG(1, 1)),
		setting: setting.Default(),
	}
	r.setting.Lanes = lanes
	codec, err := r.setting.NewCodec()
	r.check(err)
	hashKey := event.HashKey{1}
	clock := func() time.Time { return now }
	layout, err := r.setting.OpenLayout(tb.Context(), &memory.Archive{}, "memory", bytes.NewReader(hashKey[:]), clock)
	r.check(err)
	r.codec = codec
	r.host = setting.Host{
		Layout: layout, Codec: codec, Parallel: runner.Parallel(8), Workers: 1, Repeat: runner.Repeat, Now: clock,
		NewULID: r.id, Log: slog.New(slog.DiscardHandler),
	}
	r.stores = system.Stores{
		Archive: r.objects, Stream: r.records, Queue: &memory.Queue{}, Catalog: r.catalog, Base: &memory.Base{},
		Speed: &memory.Speed{}, Seen: &memory.Seen{}, Programs: &programs.Cache{},
	}
	r.assemble()
	definitions, err := viewfile.Parse("views.yaml", []byte(strings.Replace(views, "KEY", key, 1)))
	r.check(err)
	r.check(r.system.Batch(lifecycle.Define(definitions)).Register(tb.Context(), 0))
	return r
}

func (r *rig) assemble() {
	var err error
	r.system, err = system.New(r.stores, r.setting, r.host)
	r.check(err)
}

func (r *rig) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) id(at time.Time) (id ulid.ULID, err error) {
	err = id.SetTime(ulid.Timestamp(at))
	for i := 6; i < len(id); i++ {
		id[i] = byte(r.random.Uint32())
	}
	return id, err
}

// accept ingests one body.
func (r *rig) accept(in *ingest.Ingest, body []byte) {
	answer, err := in.Accept(context.Background(), ingest.Request{ContentType: "application/x-ndjson", Body: body})
	if err != nil || len(answer.Rejected) > 0 {
		r.Fatal(err, answer.Rejected)
	}
}

// lines returns the content of the last object.
func (r *rig) lines() []byte {
	lines, err := r.codec.Decompress(nil, r.objects.last)
	r.check(err)
	return lines
}

// ingested is what ingest is held against: the same events by other means, in jobs for measure.
type ingested struct{ ingest, compression, usual job }

func (r *rig) ingested(all [][]byte) ingested {
	in := r.system.Ingest()
	var contents [][]byte // what ingest compresses
	for _, body := range all {
		r.accept(in, body)
		contents = append(contents, r.lines())
		if len(r.records.last) > 1 {
			for _, e := range r.records.last {
				lines, err := r.codec.Decompress(nil, e.Data)
				r.check(err)
				contents = append(contents, lines)
			}
		}
	}
	var packed []byte
	return ingested{
		ingest: func() {
			for _, body := range all {
				r.accept(in, body)
			}
		},
		compression: func() {
			for _, content := range contents {
				packed = r.codec.Compress(packed[:0], content)
			}
		},
		usual: func() {
			for _, body := range all {
				r.usual(body)
			}
		},
	}
}

// usual takes a body in as most programs do: each event as a map, with a stamp, into one gzip file.
func (r *rig) usual(body []byte) {
	var out bytes.Buffer
	file := gzip.NewWriter(&out)
	for i, line := range bytes.Split(bytes.TrimSpace(body), []byte("\n")) {
		var e map[string]any
		r.check(json.Unmarshal(line, &e))
		for _, name := range []string{"specversion", "id", "source", "type"} {
			if text, _ := e[name].(string); text == "" {
				r.Fatal("no ", name)
			}
		}
		e["stamp"] = i
		text, err := json.Marshal(e)
		r.check(err)
		_, err = file.Write(append(text, '\n'))
		r.check(err)
	}
	r.check(file.Close())
}

// payloads makes what Lambda hands to speed, of the given number of requests each.
func (r *rig) payloads(all [][]byte, together int) [][]byte {
	in := r.system.Ingest()
	var payloads [][]byte
	sequence := 0
	for start := 0; start < len(all); start += together {
		var b []byte
		for _, body := range all[start:min(start+together, len(all))] {
			r.accept(in, body)
			for _, e := range r.records.last {
				sequence++
				b = append(b, "{\"Records\":["[min(1, len(b))*len("{\"Records\":["):]...)
				b = fmt.Appendf(b, `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"%s","sequenceNumber":"4954%052d",`+
					`"data":"%s","approximateArrivalTimestamp":%d.123},"eventSource":"aws:kinesis","eventVersion":"1.0",`+
					`"eventID":"shardId-000000000006:4954%052d","eventName":"aws:kinesis:record",`+
					`"invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2",`+
					`"eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"},`,
					e.Lane, sequence, base64.StdEncoding.EncodeToString(e.Data), now.Unix(), sequence)
			}
		}
		b[len(b)-1] = ']'
		payloads = append(payloads, append(b, '}'))
	}
	return payloads
}

// invoke applies payloads in a new environment, over new stores in memory or over stores that keep nothing.
func (r *rig) invoke(payloads [][]byte, inMemory bool) { r.deliver(r.handler(inMemory), payloads) }

// handler returns the handler of a new environment.
func (r *rig) handler(inMemory bool) *handler.Handler {
	r.stores.Speed, r.stores.Seen = items{}, seen{}
	if inMemory {
		r.stores.Speed, r.stores.Seen = &memory.Speed{}, &memory.Seen{}
	}
	r.assemble()
	return &handler.Handler{Speed: r.system.Speed(), Log: r.host.Log}
}

func (r *rig) deliver(h *handler.Handler, payloads [][]byte) {
	for _, payload := range payloads {
		response, err := h.Invoke(context.Background(), payload)
		if err != nil || string(response) != `{"batchItemFailures":[]}` {
			r.Fatal(string(response), err)
		}
	}
}
