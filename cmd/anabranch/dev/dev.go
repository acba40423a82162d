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

	adminhandler "github.com/anabranch/anabranch/functions/admin/handler"
	audithandler "github.com/anabranch/anabranch/functions/audit/handler"
	batchhandler "github.com/anabranch/anabranch/functions/batch/handler"
	ingesthandler "github.com/anabranch/anabranch/functions/ingest/handler"
	queryhandler "github.com/anabranch/anabranch/functions/query/handler"
	replayhandler "github.com/anabranch/anabranch/functions/replay/handler"
	republishhandler "github.com/anabranch/anabranch/functions/republish/handler"
	speedhandler "github.com/anabranch/anabranch/functions/speed/handler"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/dirarchive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
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
	Reload       func() ([]view.Definition, error) // the definitions when they have changed, else nil; nil: they never do
	Dir          string                            // the archive's directory
	Slot         time.Duration                     // default 5 min; a used directory keeps the one it began with
	CommitWithin time.Duration                     // default 10 s
	Settle       time.Duration                     // default 60 s; at least CommitWithin
	BatchEvery   time.Duration                     // of batch, replay and audit; default 1 min
	SweepAfter   time.Duration                     // default 1 min
	Linger       time.Duration                     // default 1 min
	Approve      bool                              // what takes the place of something that serves waits for an operator
	Log          *slog.Logger
}

// What a laptop needs no setting for.
const (
	lanes  = 4
	shards = 3 // fewer than lanes, so that lanes share shards as they do on AWS
	retain = 7 * 24 * time.Hour
	// The stream in memory does not outlive the process, so seen items need to live no longer than the speed window.
	retainSeen = 2 * time.Hour
	relist     = 3 * time.Hour
	keep       = 24 * time.Hour
	confirm    = time.Second // writes to memory
	auditEvery = 24 * time.Hour
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
	if s.SweepAfter < 0 {
		all = append(all, fmt.Errorf("--sweep-after %s: must be 0 or above", s.SweepAfter))
	}
	if s.Linger < 0 {
		all = append(all, fmt.Errorf("--linger %s: must be 0 or above", s.Linger))
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
	catalog  *memory.Catalog
	ingest   *ingest.Ingest
	batch    *batch.Batch
	source   *source

	ingestHandler    *ingesthandler.Handler
	adminHandler     *adminhandler.Handler
	auditHandler     *audithandler.Handler
	replayHandler    *replayhandler.Handler
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
	s := &Server{settings: settings, queue: &memory.Queue{}, catalog: &memory.Catalog{}}
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
		table    = s.catalog
		programs = &programs.Cache{}
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
		Definitions: lifecycle.Define(s.settings.Definitions),
		Settle:      s.settings.Settle, Relist: relist, Confirm: confirm, Keep: keep, Linger: s.settings.Linger, Approve: s.settings.Approve, RunBytes: 64 << 20, Tries: tries,
		Workers: runtime.GOMAXPROCS(0), Run: parallel, Now: time.Now,
		NewID: func() (ulid.ULID, error) { return newULID(time.Now()) }, Log: log,
	}
	seen := &memory.Seen{}
	sweep := &batch.Sweep{
		Archive: s.archive, Catalog: table, Sweeps: table, Seen: seen, Queue: s.queue, Layout: s.layout, After: s.settings.SweepAfter, Now: time.Now, Log: log,
	}
	fast := &speed.Speed{
		Archive: s.archive, Catalog: table, Programs: programs, Items: items, Seen: seen, Codec: codec, Layout: s.layout,
		Retain: retain, RetainSeen: retainSeen, Tries: tries, Run: parallel, Now: time.Now, Log: log,
	}
	s.ingestHandler = &ingesthandler.Handler{Ingest: s.ingest, Log: log}
	s.republishHandler = &republishhandler.Handler{Ingest: s.ingest, Log: log}
	s.batchHandler = &batchhandler.Handler{Batch: s.batch, Sweep: sweep, Log: log}
	replay := &speed.Replay{
		Archive: s.archive, Catalog: table, Sweeps: table, Programs: programs, Items: items, Seen: seen, Codec: codec, Layout: s.layout,
		Bytes: 32 << 20, RetainSeen: retainSeen, Linger: s.settings.Linger, Approve: s.settings.Approve, Tries: tries, Run: parallel, Now: time.Now, Log: log,
	}
	auditor := &audit.Audit{
		Archive: s.archive, Catalog: table, Audits: table, Programs: programs, Base: base, Codec: codec, Layout: s.layout, Relist: relist,
		Every: auditEvery, Workers: runtime.GOMAXPROCS(0), Run: parallel, Now: time.Now, Log: log,
	}
	views := serving.Stores{Catalog: table, Programs: programs, Base: base, Speed: items}
	answers := &serving.Serving{
		Stores: views, Sweeps: table, MaxRows: 10_000, Now: time.Now, LateAfter: 2 * (s.settings.Slot + s.settings.Settle + s.settings.BatchEvery),
	}
	s.queryHandler = &queryhandler.Handler{Log: log, Serving: answers}
	s.replayHandler = &replayhandler.Handler{Log: log, Replay: replay}
	s.auditHandler = &audithandler.Handler{Log: log, Audit: auditor}
	s.adminHandler = &adminhandler.Handler{
		Log: log, Differ: &compare.Comparer{Stores: views}, Operations: &operations.Operations{Catalog: table, Sweeps: table, Tries: tries, Now: time.Now},
	}
	s.source, err = newSource(records, (&speedhandler.Handler{Speed: fast, Log: log}).Invoke)
	return err
}

func newULID(at time.Time) (ulid.ULID, error) { return ulid.New(ulid.Timestamp(at), rand.Reader) }

// rebuild brings the views up to the archive: batch takes all sealed slots, and what lies above goes through the stream again.
func (s *Server) rebuild(ctx context.Context) error {
	live := s.layout.Slot.Sealed(time.Now(), s.settings.Settle)
	if err := s.batch.Register(ctx, live); err != nil {
		return err
	}
	report, err := s.batch.Tick(ctx)
	if err != nil {
		return err
	}
	// The stream carries everything from live on, and what is remembered of the window before, so that a copy that comes is known as one. Nothing
	// below is missing from the stream for anybody: there is nothing to sweep.
	if err := s.catalog.PutSwept(ctx, report.Head.N, 0); err != nil {
		return err
	}
	if _, err := s.replayHandler.Replay.Tick(ctx); err != nil {
		return err
	}
	from := archive.SlotKey(live - slot.Slot(s.layout.SpeedWindow.Milliseconds()))
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
	s.work.Go(func() { every(ctx, min(s.settings.BatchEvery, time.Second), s.replay) })
	s.work.Go(func() { every(ctx, min(s.settings.BatchEvery, time.Second), s.audit) }) // what an operator asks for begins at once
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
	return newFront(map[api.Function]apiHandler{
		api.Ingest: s.ingestHandler.Handle, api.Query: s.queryHandler.Handle, api.Admin: s.adminHandler.Handle,
	}, s.settings.Log)
}

// split keeps what can be made again, the runs of this process's catalog, in memory, and the rest in files.
type split struct {
	files, runs archive.Archive
}

var _ archive.Archive = (*split)(nil)

func (s *split) of(key archive.Key) archive.Archive {
	if key.IsOfRun() {
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
