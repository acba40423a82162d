// Package dev is the whole system in one process: the functions' own handlers behind a real HTTP front, fed by the event source mapping from
// a stream in memory, ticked by a schedule. Views are in memory, the archive is files in a directory, and starting on a used directory
// rebuilds every view from it.
package dev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	batchhandler "github.com/anabranch/anabranch/functions/batch/handler"
	ingesthandler "github.com/anabranch/anabranch/functions/ingest/handler"
	queryhandler "github.com/anabranch/anabranch/functions/query/handler"
	republishhandler "github.com/anabranch/anabranch/functions/republish/handler"
	speedhandler "github.com/anabranch/anabranch/functions/speed/handler"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/dirarchive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
)

// Settings are the server's. All are needed.
type Settings struct {
	Definitions  []view.Definition
	Dir          string        // the archive's directory
	Slot         time.Duration // default 5 min; a used directory keeps the one it began with
	CommitWithin time.Duration // default 10 s
	Settle       time.Duration // default 60 s; at least CommitWithin
	BatchEvery   time.Duration // default 1 min
	Log          *slog.Logger
}

// What a laptop needs no setting for.
const (
	lanes  = 4
	shards = 3 // fewer than lanes, so that lanes share shards as they do on AWS
	retain = 7 * 24 * time.Hour
	// The stream in memory does not outlive the process, so seen items need to live no longer than the speed window.
	retainSeen = 2 * time.Hour
	sweepAfter = time.Minute
	maxBody    = 4 << 20
	tries      = 5
)

// Validate names every setting that breaks a rule of the design.
func (s Settings) Validate() error {
	var all []error
	if _, err := slot.NewLength(s.Slot); err != nil {
		all = append(all, fmt.Errorf("--slot: %w", err))
	}
	if s.CommitWithin <= 0 {
		all = append(all, fmt.Errorf("--commit-within %s: must be above 0", s.CommitWithin))
	}
	if s.Settle < s.CommitWithin {
		// One process has one clock, so that the margin between clocks is 0.
		all = append(all, fmt.Errorf("--settle %s is below --commit-within %s: batch could claim a slot while events may still be put into it; "+
			"need settle >= commit-within", s.Settle, s.CommitWithin))
	}
	if s.BatchEvery <= 0 {
		all = append(all, fmt.Errorf("--batch-every %s: must be above 0", s.BatchEvery))
	}
	return errors.Join(all...)
}

// Server is the running system.
type Server struct {
	settings Settings
	layout   archive.Layout
	archive  archive.Archive
	queue    *memory.Queue
	ingest   *ingest.Ingest
	batch    *batch.Batch
	source   *source

	ingestHandler    *ingesthandler.Handler
	batchHandler     *batchhandler.Handler
	queryHandler     *queryhandler.Handler
	republishHandler *republishhandler.Handler

	work sync.WaitGroup
	stop context.CancelFunc
}

// Open wires the functions over memory and the directory, and brings every view up to what the archive holds. Nothing is served yet.
//
// Errors: those of Settings.Validate; a setting in which the directory's layout differs, by name.
func Open(ctx context.Context, settings Settings) (*Server, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	files, err := dirarchive.Open(settings.Dir, time.Now)
	if err != nil {
		return nil, err
	}
	s := &Server{settings: settings, queue: &memory.Queue{}}
	s.archive = &split{files: files, runs: &memory.Archive{Now: time.Now}}
	length, err := slot.NewLength(settings.Slot)
	if err != nil {
		return nil, err
	}
	wanted := archive.Layout{
		Number: 1, Slot: length, Lanes: lanes, DedupeWindow: 24 * time.Hour, SpeedWindow: time.Hour, Stream: "memory",
	}
	if _, err := rand.Read(wanted.HashKey[:]); err != nil {
		return nil, err
	}
	if s.layout, _, err = archive.OpenLayout(ctx, s.archive, wanted); err != nil {
		return nil, fmt.Errorf("directory %s: %w", settings.Dir, err)
	}
	if err := s.wire(); err != nil {
		return nil, err
	}
	if err := s.rebuild(ctx); err != nil {
		return nil, fmt.Errorf("rebuild views from %s: %w", settings.Dir, err)
	}
	return s, nil
}

// wire makes the layers and their handlers.
func (s *Server) wire() error {
	codec, err := event.NewCodec(maxBody + 1<<20)
	if err != nil {
		return err
	}
	var (
		log      = s.settings.Log
		table    = &memory.Catalog{}
		programs = &catalog.Programs{}
		base     = &memory.Base{}
		items    = &memory.Speed{Now: time.Now}
		records  = memory.NewStream(shards)
		parallel = runner.Parallel(runtime.GOMAXPROCS(0))
	)
	records.Now = time.Now
	s.ingest = &ingest.Ingest{
		Archive: s.archive, Stream: records, Queue: s.queue, Codec: codec, Layout: s.layout, Limits: event.DefaultLimits(),
		MaxBody: maxBody, CommitWithin: s.settings.CommitWithin, Tries: tries, Now: time.Now, NewRequest: newULID, Log: log,
	}
	s.batch = &batch.Batch{
		Archive: s.archive, Catalog: table, Programs: programs, Base: base, Codec: codec, Layout: s.layout,
		Definitions: catalog.Define(s.settings.Definitions),
		Settle:      s.settings.Settle, Relist: 3 * time.Hour, RunBytes: 64 << 20, Tries: tries,
		Workers: runtime.GOMAXPROCS(0), Run: parallel, Now: time.Now,
		NewID: func() (ulid.ULID, error) { return newULID(time.Now()) }, Log: log,
	}
	seen := &memory.Seen{}
	sweep := &batch.Sweep{
		Archive: s.archive, Catalog: table, Sweeps: table, Seen: seen, Queue: s.queue, Layout: s.layout, After: sweepAfter, Now: time.Now, Log: log,
	}
	fast := &speed.Speed{
		Archive: s.archive, Catalog: table, Programs: programs, Items: items, Seen: seen, Codec: codec, Layout: s.layout,
		Retain: retain, RetainSeen: retainSeen, Tries: tries, Run: parallel, Now: time.Now, Log: log,
	}
	s.ingestHandler = &ingesthandler.Handler{Ingest: s.ingest, Log: log}
	s.republishHandler = &republishhandler.Handler{Ingest: s.ingest, Log: log}
	s.batchHandler = &batchhandler.Handler{Batch: s.batch, Sweep: sweep, Log: log}
	s.queryHandler = &queryhandler.Handler{Log: log, Serving: &serving.Serving{
		Catalog: table, Programs: programs, Base: base, Speed: items, MaxRows: 10_000, Now: time.Now,
		LateAfter: 2 * (s.settings.Slot + s.settings.Settle + s.settings.BatchEvery),
	}}
	s.source, err = newSource(records, (&speedhandler.Handler{Speed: fast, Log: log}).Invoke)
	return err
}

func newULID(at time.Time) (ulid.ULID, error) { return ulid.New(ulid.Timestamp(at), rand.Reader) }

// rebuild brings the views up to the archive: batch takes all sealed slots, and what lies above goes through the stream again.
func (s *Server) rebuild(ctx context.Context) error {
	// The stream is about to carry everything above the horizon, hence no slot from which the definitions begin to be live.
	if err := s.batch.Register(ctx); err != nil {
		return err
	}
	report, err := s.batch.Tick(ctx)
	if err != nil {
		return err
	}
	from := archive.SlotKey(report.Head.Horizon)
	for {
		page, _, err := s.archive.List(ctx, from, archive.EndOfEvents, 1000)
		if err != nil {
			return err
		}
		for _, object := range page {
			if err := s.ingest.Republish(ctx, stream.Republish{Object: string(object.Key), Lanes: s.ingest.Lanes()}); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			break
		}
		from = page[len(page)-1].Key.After()
	}
	return s.source.drain(ctx)
}

// Start begins to read the stream, to tick batch and to empty the republish queue.
func (s *Server) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	s.work.Go(func() {
		if err := s.source.run(ctx, forever); err != nil && ctx.Err() == nil {
			s.settings.Log.ErrorContext(ctx, "the stream is no longer read", "error", err)
		}
	})
	s.work.Go(func() { every(ctx, s.settings.BatchEvery, s.tick) })
	s.work.Go(func() { every(ctx, time.Second, s.republish) })
}

// Close ends what Start began and waits for it.
func (s *Server) Close() {
	if s.stop != nil {
		s.stop()
	}
	s.work.Wait()
}

func forever() bool { return false }

func every(ctx context.Context, period time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(ctx)
		}
	}
}

// Handler is the HTTP front.
func (s *Server) Handler() http.Handler {
	return newFront(s.ingestHandler.Handle, s.queryHandler.Handle, s.settings.Log)
}

// split keeps what can be made again, the runs of this process's catalog, in memory, and the rest in files.
type split struct {
	files, runs archive.Archive
}

var _ archive.Archive = (*split)(nil)

const runsPrefix = "runs/"

func (s *split) of(key archive.Key) archive.Archive {
	if len(key) >= len(runsPrefix) && key[:len(runsPrefix)] == runsPrefix {
		return s.runs
	}
	return s.files
}

// Put implements archive.Archive.
func (s *split) Put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	return s.of(key).Put(ctx, key, body)
}

// Get implements archive.Archive.
func (s *split) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	return s.of(key).Get(ctx, key)
}

// List implements archive.Archive, for ranges that lie in one of the two.
func (s *split) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	return s.of(from).List(ctx, from, to, limit)
}
