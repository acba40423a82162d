// Package simulation runs the whole system in memory, with a clock and a random source of its own. Beside it stands an
// oracle that folds the archive in the simplest way. The verbs of a World let a test tell a story: send, deliver, tick,
// check.
//
// Nothing runs by itself: there is no goroutine and no timer. The caller decides what happens, and in which order.
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

// The world's settings. They are short, and as tight as the inequalities of the design allow.
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

// World is the system. Its stores outlive a crash of any function. Restart makes the functions anew.
type World struct {
	Clock    time.Time     // the time on every clock
	LeaseFor time.Duration // how long leases last, from the next Restart on; 0: there are none

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

	settings    setting.All
	definitions []lifecycle.Definition
	programs    *programs.Cache
	layout      archive.Layout
	codec       *event.Codec
	random      *rand.Rand
}

// Kit is what worlds of the same views share. It never changes.
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

// New makes a world in which nothing has happened. Equal seeds give equal worlds.
func (k *Kit) New(seed uint64) (*World, error) {
	w := &World{
		Clock:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Archive: &memory.Archive{}, Stream: memory.NewStream(shards), Queue: &memory.Queue{},
		Catalog: &memory.Catalog{}, Base: &memory.Base{}, Items: &memory.Speed{}, Seen: &memory.Seen{},
		settings:    Settings(),
		definitions: k.definitions, programs: k.programs, codec: k.codec, random: rand.New(rand.NewPCG(seed, 0)),
	}
	w.Archive.Now, w.Stream.Now = w.now, w.now
	if err := w.openLayout(byte(seed)); err != nil {
		return nil, err
	}
	w.Restart()
	return w, w.Batch.Register(context.Background(), 0)
}

// openLayout opens the archive with the layout of the settings. Every layout has a stream of its own.
func (w *World) openLayout(seed byte) (err error) {
	key := event.HashKey{seed, 1, 2, 3}
	w.layout, err = w.settings.OpenLayout(
		context.Background(), w.Archive, fmt.Sprint("memory ", w.settings.Layout), bytes.NewReader(key[:]), w.now,
	)
	return err
}

// TakeOver replaces the stack by a new one over the same archive, as after the loss of all tables: stream, queue,
// tables and functions are new. The sequence numbers of the new stream begin again.
func (w *World) TakeOver() error {
	w.Stream, w.Queue = memory.NewStream(shards), &memory.Queue{}
	w.Catalog, w.Base, w.Items, w.Seen = &memory.Catalog{}, &memory.Base{}, &memory.Speed{}, &memory.Seen{}
	return w.NextLayout()
}

// NextLayout makes the functions use the next layout of the archive. The tables stay.
func (w *World) NextLayout() error {
	w.Stream.Now = w.now
	w.settings.Layout++
	if err := w.openLayout(0); err != nil {
		return err
	}
	w.Restart()
	return nil
}

// Deploy makes new functions with other views.
func (w *World) Deploy(views string) error {
	definitions, err := viewfile.Parse("views.yaml", []byte(views))
	if err != nil {
		return err
	}
	w.definitions = lifecycle.Define(definitions)
	w.Restart()
	return nil
}

// Forget makes new functions that have compiled nothing yet, as a new version does.
func (w *World) Forget() {
	w.programs = &programs.Cache{}
	w.Restart()
}

func (w *World) now() time.Time { return w.Clock }

// Settings returns the world's settings.
func Settings() setting.All {
	s := setting.Default()
	s.Slot, s.CommitWithin, s.ClockMargin, s.SealDelay = Slot, CommitWithin, ClockMargin, SealDelay
	s.ClockUnit = 0 // the clock of the archive in memory is exact
	s.SweepAfter, s.Lookback, s.RetainFor, s.DropGrace = SweepAfter, time.Hour, RetainFor, DropGrace
	s.Lanes, s.PublishTime, s.MaxStreamAge = 4, 0, MaxStreamAge
	s.StreamRetention, s.QueueRetention = 24*time.Hour, 24*time.Hour // stories leave records and messages there this long
	s.WriteTries, s.LeaseFor = 3, 0                                  // a story plays the next tick at once
	return s
}

// Restart makes new functions with empty memory over the world's present stores.
func (w *World) Restart() {
	settings := w.settings
	settings.LeaseFor = w.LeaseFor
	// No work of a story takes so long that a lease must be renewed.
	never := func(context.Context, time.Duration, func(context.Context) bool) (stop func()) { return func() {} }
	s, err := system.New(system.Stores{
		Archive: w.Archive, Stream: w.Stream, Queue: w.Queue, Catalog: w.Catalog, Base: w.Base,
		Speed: w.Items, Seen: w.Seen, Programs: w.programs,
	}, settings, setting.Host{
		Layout: w.layout, Codec: w.codec, Parallel: runner.Sequential, Repeat: never, Workers: 3, Now: w.now,
		NewULID: w.newULID, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err) // cannot happen: the settings are constants of this package
	}
	w.Ingest, w.Republisher, w.Speed, w.Batch, w.Sweep = s.Ingest(), s.Republisher(), s.Speed(), s.Batch(
		w.definitions,
	), s.Sweep()
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

// Records returns all records of the stream by shard, in order.
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

// ErrNotApplied says that speed left records to be delivered again.
var ErrNotApplied = errors.New("records not applied")

// Deliver gives speed one batch of records.
func (w *World) Deliver(ctx context.Context, records []stream.Record) error {
	applied, _, err := w.Speed.Apply(ctx, records)
	if err == nil && applied < len(records) {
		err = fmt.Errorf("%w: %d of %d", ErrNotApplied, len(records)-applied, len(records))
	}
	return err
}

// DeliverAll gives speed every record of the stream, one batch per shard, including records that it has already seen.
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

// Republish handles the republish queue. A request that fails goes back into the queue.
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
