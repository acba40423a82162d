//go:build emulator

package counts_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/kinesisstream"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
	"github.com/anabranch/anabranch/shared/aws/sqsqueue"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/sweep"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
	"github.com/anabranch/anabranch/shared/viewstore"
	"github.com/anabranch/anabranch/shared/watch"
)

// The settings are the template's defaults.
const (
	shards       = 1    // one has the lane
	batchRecords = 1000 // records per invocation of speed
	atOnce       = 16
)

// The settings that the story depends on.
var (
	slotLength = setting.Default().Slot
	sealDelay  = setting.Default().SealDelay
	sweepAfter = setting.Default().SweepAfter
)

// begin is when the story begins, at the start of a slot.
var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is the whole system, with its own clock, over a wire that counts.
type world struct {
	wire   *wire.Transport
	now    time.Time
	chance *rand.ChaCha8

	ingest  *ingest.Ingest
	speed   []*speed.Speed // one environment per shard
	batch   *batch.Batch
	sweep   *sweep.Sweep
	serving *serving.Serving
	replay  *speed.Replay
	audit   *audit.Audit
	watch   *watch.Watch

	reader    *kinesis.Client // reads past the wire, as Lambda's poller does
	iterators []*string       // one per shard
	sequence  *big.Int
}

// variant says how a world differs from one of the template's defaults and the sample's views.
type variant struct {
	noSeen  bool // speed remembers no events
	noLive  bool // speed lists no live keys
	rollups bool // the views have roll-ups
}

// rollups are the roll-ups of a variant, by view: every question that leaves out key fields is for a single key.
var rollups = map[view.Name][][]string{"page_views": {{}}, "errors_by_status": {{"status"}, {}}}

// newWorld creates the stores in an empty emulator.
func newWorld(t *testing.T, endpoint string, v variant) *world {
	t.Helper()
	w := &world{now: begin, chance: rand.NewChaCha8([32]byte{'c', 'o', 'u', 'n', 't', 's'}), sequence: firstSequence()}
	plain := awstest.Config(endpoint)
	cfg := plain
	w.wire = wire.New(&dated{&http.Transport{MaxIdleConnsPerHost: atOnce}, w.clock}, 1)
	cfg.HTTPClient = w.wire
	awstest.Bucket(t, plain, "archive")
	w.reader = awstest.Stream(t, plain, "events", shards)
	_, queue := awstest.Queue(t, plain, "republish")
	awstest.Table(t, plain, "catalog", awstest.CatalogTable)
	awstest.Table(t, plain, "base", awstest.BaseTable)
	awstest.Table(t, plain, "speed", awstest.SpeedTable)
	awstest.Table(t, plain, "seen", awstest.SeenTable)
	w.wireUp(t, cfg, queue, v)
	w.openShards(t)
	return w
}

func (w *world) clock() time.Time { return w.now }

// wireUp makes the layers, as the functions' mains do.
func (w *world) wireUp(t *testing.T, cfg aws.Config, queue string, v variant) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(failer{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	codec, err := setting.Default().NewCodec()
	need(t, err)
	definitions, err := viewfile.Parse("views.yaml", file(t, "../../sample/views.yaml"))
	need(t, err)
	if v.rollups {
		for i := range definitions {
			definitions[i].Rollups = rollups[definitions[i].Name]
		}
	}
	tables, store := dynamodb.NewFromConfig(cfg), s3archive.New(s3.NewFromConfig(cfg), "archive")
	var seen viewstore.Seen = dynamoviews.NewSeen(tables, "seen")
	if v.noSeen {
		seen = nothingSeen{}
	}
	var base viewstore.Base = dynamoviews.NewBase(tables, "base")
	var live viewstore.Speed = dynamoviews.NewSpeed(tables, "speed")
	if v.noLive {
		live = unlistedSpeed{live}
	}
	s := setting.Default()
	layout, err := s.OpenLayout(t.Context(), store, "events", w.chance, w.clock)
	need(t, err)
	stores := system.Stores{
		Archive: store,
		Stream:  kinesisstream.New(kinesis.NewFromConfig(cfg), "events"),
		Queue:   sqsqueue.New(sqs.NewFromConfig(cfg), queue),
		Catalog: dynamocatalog.New(tables, "catalog"),
		Base:    base,
		Speed:   live,
		Seen:    seen,
	}
	// Each function has its own environment, which keeps its own compiled programs.
	host := setting.Host{
		Layout: layout, Codec: codec, Parallel: runner.Parallel(atOnce), Repeat: runner.Repeat, Workers: 1, Now: w.clock,
		NewULID: w.newULID, Log: log,
	}
	environment := func() *system.System {
		stores.Programs = &programs.Cache{}
		made, err := system.New(stores, s, host)
		need(t, err)
		return made
	}
	w.ingest = environment().Ingest()
	w.batch = environment().Batch(lifecycle.Define(definitions))
	w.sweep = environment().Sweep()
	w.serving = environment().Serving()
	w.replay = environment().Replay()
	w.audit, w.watch = environment().Audit(), watch.New(store, dynamocatalog.New(tables, "catalog"), s, host)
	for range shards {
		w.speed = append(w.speed, environment().Speed())
	}
}

func (w *world) newULID(at time.Time) (ulid.ULID, error) {
	return ulid.New(ulid.Timestamp(at), w.chance)
}

// send sends the events to ingest, size events per request, spread evenly over a second less than the batching window.
func (w *world) send(t *testing.T, lines [][]byte, size int) {
	t.Helper()
	requests := slices.Collect(slices.Chunk(lines, size))
	for _, request := range requests {
		answer, err := w.ingest.Accept(
			t.Context(), ingest.Request{ContentType: "application/x-ndjson", Body: bytes.Join(request, []byte("\n"))},
		)
		need(t, err)
		if answer.Accepted != len(request) {
			t.Fatalf("%d of %d events were accepted: %v", answer.Accepted, len(request), answer.Rejected)
		}
		w.now = w.now.Add(4 * time.Second / time.Duration(len(requests)))
	}
}

// deliver gives speed all records of the stream: one batch per shard, or several when a batch is full. It returns the
// number of invocations.
func (w *world) deliver(t *testing.T, events int) (invocations int) {
	t.Helper()
	folded := 0
	for shard, s := range w.speed {
		for records := range slices.Chunk(w.read(t, shard), batchRecords) {
			applied, report, err := s.Apply(t.Context(), records)
			need(t, err)
			if applied != len(records) || report.Duplicates != 0 {
				t.Fatalf("%d of %d records were applied, with %d copies", applied, len(records), report.Duplicates)
			}
			folded += report.Events
			invocations++
		}
	}
	if folded != events {
		t.Fatalf("speed was given %d events, want %d", folded, events)
	}
	return invocations
}

func (w *world) openShards(t *testing.T) {
	t.Helper()
	all, err := w.reader.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("events")})
	need(t, err)
	for _, shard := range all.Shards {
		out, err := w.reader.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: aws.String("events"), ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		need(t, err)
		w.iterators = append(w.iterators, out.ShardIterator)
	}
}

// read continues to read a shard. It replaces the emulator's sequence numbers, which contain its clock, by numbers like
// those of AWS.
func (w *world) read(t *testing.T, shard int) (all []stream.Record) {
	t.Helper()
	for {
		out, err := w.reader.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: w.iterators[shard]})
		need(t, err)
		w.iterators[shard] = out.NextShardIterator
		for _, r := range out.Records {
			w.sequence.Add(w.sequence, sequenceStep())
			all = append(
				all, stream.Record{PartitionKey: *r.PartitionKey, Sequence: event.Sequence(w.sequence.String()), Data: r.Data},
			)
		}
		if len(out.Records) == 0 && aws.ToInt64(out.MillisBehindLatest) == 0 {
			return all
		}
	}
}

// firstSequence and sequenceStep are the first sequence number of a shard, and the difference between two records that
// follow each other.
//
// Source: Lambda Developer Guide, the sample event of a Kinesis stream.
func firstSequence() *big.Int {
	return decimal("49590338271490256608559692538361571095921575989136588898")
}

func sequenceStep() *big.Int {
	return new(big.Int).Sub(decimal("49590338271490256608559692540925702759324208523137515618"), firstSequence())
}

func decimal(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		panic("not a decimal number: " + text)
	}
	return n
}

// dated gives every answer the world's clock, as S3's answers have S3's clock.
type dated struct {
	next http.RoundTripper
	now  func() time.Time
}

func (d *dated) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := d.next.RoundTrip(r)
	if err == nil {
		response.Header.Set("Date", d.now().UTC().Format(http.TimeFormat))
	}
	return response, err
}

// failer fails the test when a layer logs a warning, since nothing may go wrong here.
type failer struct{ t *testing.T }

func (f failer) Write(text []byte) (int, error) {
	f.t.Errorf("log: %s", text)
	return len(text), nil
}

func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	need(t, err)
	return text
}

// sample returns the first n real events.
func sample(t *testing.T, n int) [][]byte {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(file(t, "../../sample/web-requests.ndjson.gz")))
	need(t, err)
	lines := bufio.NewScanner(unzipped)
	var all [][]byte
	for len(all) < n && lines.Scan() {
		all = append(all, bytes.Clone(lines.Bytes()))
	}
	need(t, lines.Err())
	if len(all) < n {
		t.Fatal(fmt.Errorf("the sample has %d events, want %d", len(all), n))
	}
	return all
}
