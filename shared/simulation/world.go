// Package simulation is the whole system over memory, under a clock and a source of randomness of its own, with an oracle beside it that
// folds the archive in the plainest way. Its verbs let a test tell a story: send, deliver, tick, check.
//
// Nothing here runs by itself: no goroutine, no timer. What happens, and in which order, is what the caller says.
package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/sweep"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// The world's settings: short, and as tight as the design's inequalities allow.
const (
	Slot         = 10 * time.Second
	CommitWithin = 2 * time.Second
	ClockMargin  = time.Second
	SealDelay    = CommitWithin + ClockMargin
	SweepAfter   = 20 * time.Second
	RetainFor    = 10 * time.Minute
	DropGrace    = time.Minute
	MaxStreamAge = 24 * time.Hour
	shards       = 3
)

// World is the system. Its stores outlive a crash of any function; the functions are made anew by Restart.
type World struct {
	Clock time.Time // the time everywhere

	Archive *memory.Archive
	Stream  *memory.Stream
	Queue   *memory.Queue
	Catalog *memory.Catalog
	Base    *memory.Base
	Items   *memory.Speed
	Seen    *memory.Seen

	Ingest      *ingest.Ingest
	Republisher *ingest.Republisher
	Speed       *speed.Speed
	Batch       *batch.Batch
	Sweep       *sweep.Sweep
	Replay      *speed.Replay
	Audit       *audit.Audit
	Operations  *operations.Operations
	Serving     *serving.Serving

	definitions []lifecycle.Definition
	programs    *programs.Cache
	layout      archive.Layout
	codec       *event.Codec
	random      *rand.Rand
}

// Kit is what worlds of the same views share: nothing that ever changes.
type Kit struct {
	definitions []lifecycle.Definition
	programs    *programs.Cache
	codec       *event.Codec
}

// Prepare makes a kit for the views.
func Prepare(views string) (*Kit, error) {
	definitions, err := viewfile.Parse("views.yaml", []byte(views))
	if err != nil {
		return nil, err
	}
	codec, err := Settings().NewCodec()
	if err != nil {
		return nil, err
	}
	return &Kit{definitions: lifecycle.Define(definitions), programs: &programs.Cache{}, codec: codec}, nil
}

// New makes a world in which nothing has happened. Equal seeds make equal worlds.
func (k *Kit) New(seed uint64) (*World, error) {
	w := &World{
		Clock:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Archive: &memory.Archive{}, Stream: memory.NewStream(shards), Queue: &memory.Queue{},
		Catalog: &memory.Catalog{}, Base: &memory.Base{}, Items: &memory.Speed{}, Seen: &memory.Seen{},
		definitions: k.definitions, programs: k.programs, codec: k.codec, random: rand.New(rand.NewPCG(seed, 0)),
	}
	w.Archive.Now, w.Stream.Now = w.now, w.now
	key := event.HashKey{byte(seed), 1, 2, 3}
	var err error
	if w.layout, err = Settings().OpenLayout(context.Background(), w.Archive, "memory", bytes.NewReader(key[:]), w.now); err != nil {
		return nil, err
	}
	w.Restart()
	return w, w.Batch.Register(context.Background(), 0)
}

// Deploy makes the functions anew with other views.
func (w *World) Deploy(views string) error {
	definitions, err := viewfile.Parse("views.yaml", []byte(views))
	if err != nil {
		return err
	}
	w.definitions = lifecycle.Define(definitions)
	w.Restart()
	return nil
}

// Forget makes the functions start with nothing compiled, as a new version does.
func (w *World) Forget() {
	w.programs = &programs.Cache{}
	w.Restart()
}

func (w *World) now() time.Time { return w.Clock }

// Settings are the world's.
func Settings() setting.All {
	s := setting.Default()
	s.Slot, s.CommitWithin, s.ClockMargin, s.SealDelay = Slot, CommitWithin, ClockMargin, SealDelay
	s.ClockUnit = 0 // the archive in memory tells its time exactly
	s.SweepAfter, s.Lookback, s.RetainFor, s.DropGrace = SweepAfter, time.Hour, RetainFor, DropGrace
	s.PublishTime, s.MaxStreamAge = 0, MaxStreamAge
	s.StreamRetention, s.QueueRetention = 24*time.Hour, 24*time.Hour // so long do stories leave things in them
	s.WriteTries = 3
	return s
}

// Restart makes the functions anew, with nothing in their memory, over the stores that the world has by then.
func (w *World) Restart() {
	s, err := system.New(system.Stores{
		Archive: w.Archive, Stream: w.Stream, Queue: w.Queue, Catalog: w.Catalog, Base: w.Base, Speed: w.Items, Seen: w.Seen, Programs: w.programs,
	}, Settings(), setting.Host{
		Layout: w.layout, Codec: w.codec, Parallel: runner.Sequential, Workers: 3, Now: w.now, NewULID: w.newULID,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err) // the settings are this package's own
	}
	w.Ingest, w.Republisher, w.Speed, w.Batch, w.Sweep = s.Ingest(), s.Republisher(), s.Speed(), s.Batch(w.definitions), s.Sweep()
	w.Replay, w.Audit, w.Operations, w.Serving = s.Replay(), s.Audit(), s.Operations(), s.Serving()
}

func (w *World) newULID(at time.Time) (ulid.ULID, error) {
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(at)); err != nil {
		return id, err
	}
	var entropy [10]byte
	for i := range entropy {
		entropy[i] = byte(w.random.Uint32())
	}
	return id, id.SetEntropy(entropy[:])
}

// Wait lets time pass.
func (w *World) Wait(d time.Duration) { w.Clock = w.Clock.Add(d) }

// Send sends events, one JSON text each, in one request.
func (w *World) Send(ctx context.Context, events ...string) (ingest.Answer, error) {
	var body []byte
	for _, e := range events {
		body = append(append(body, e...), '\n')
	}
	return w.Ingest.Accept(ctx, ingest.Request{ContentType: "application/x-ndjson", Body: body})
}

// Records are all records of the stream by shard, in order.
func (w *World) Records() ([][]stream.Record, error) {
	var all [][]stream.Record
	for _, shard := range w.Stream.Shards() {
		found, _, err := w.Stream.Read(shard.ID, "", 1<<30)
		if err != nil {
			return nil, err
		}
		var records []stream.Record
		for _, r := range found {
			records = append(records, r.Record)
		}
		all = append(all, records)
	}
	return all, nil
}

// ErrNotApplied: speed left records to be delivered again.
var ErrNotApplied = errors.New("records not applied")

// Deliver gives speed one batch of records.
func (w *World) Deliver(ctx context.Context, records []stream.Record) error {
	applied, _, err := w.Speed.Apply(ctx, records)
	if err == nil && applied < len(records) {
		err = fmt.Errorf("%w: %d of %d", ErrNotApplied, len(records)-applied, len(records))
	}
	return err
}

// DeliverAll gives speed every record of the stream, a batch per shard: what it has seen already, too.
func (w *World) DeliverAll(ctx context.Context) error {
	shards, err := w.Records()
	if err != nil {
		return err
	}
	for _, records := range shards {
		if len(records) > 0 {
			if err := w.Deliver(ctx, records); err != nil {
				return err
			}
		}
	}
	return nil
}

// Republish does what is in the republish queue; what fails stays in it.
func (w *World) Republish(ctx context.Context) error {
	for _, request := range w.Queue.Take(1000) {
		if err := w.Republisher.Republish(ctx, request); err != nil {
			return errors.Join(err, w.Queue.Enqueue(ctx, request))
		}
	}
	return nil
}

// Tick runs batch once.
func (w *World) Tick(ctx context.Context) (batch.Report, error) { return w.Batch.Tick(ctx) }
