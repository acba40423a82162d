// Package dev runs the whole system in one process: the functions' own handlers behind a real HTTP front, an event
// source mapping that feeds speed from a stream in memory, and a schedule of ticks. Views are in memory. The archive is
// files in a directory; a start on a used directory rebuilds every view from it.
//
// Memory grows with the keys and windows of the views, and with the events of the last hours, of which speed remembers
// the identities. What the stream has delivered, what batch has covered and what has expired leaves it.
package dev

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	adminhandler "github.com/anabranch/anabranch/functions/admin/handler"
	audithandler "github.com/anabranch/anabranch/functions/audit/handler"
	batchhandler "github.com/anabranch/anabranch/functions/batch/handler"
	ingesthandler "github.com/anabranch/anabranch/functions/ingest/handler"
	mcphandler "github.com/anabranch/anabranch/functions/mcp/handler"
	promhandler "github.com/anabranch/anabranch/functions/prometheus/handler"
	queryhandler "github.com/anabranch/anabranch/functions/query/handler"
	replayhandler "github.com/anabranch/anabranch/functions/replay/handler"
	republishhandler "github.com/anabranch/anabranch/functions/republish/handler"
	speedhandler "github.com/anabranch/anabranch/functions/speed/handler"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/dirarchive"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/system"
)

const shards = 3 // fewer than lanes, so that lanes share shards as on AWS

// Server is the running system.
type Server struct {
	settings    Settings
	layout      archive.Layout
	archive     archive.Archive
	runs        *runFiles
	stream      *memory.Stream
	queue       *memory.Queue
	catalog     *memory.Catalog
	speed       *memory.Speed
	seen        seen
	republisher *ingest.Republisher
	batch       *batch.Batch
	source      *source
	watcher     *watcher

	ingestHandler    *ingesthandler.Handler
	adminHandler     *adminhandler.Handler
	auditHandler     *audithandler.Handler
	replayHandler    *replayhandler.Handler
	batchHandler     *batchhandler.Handler
	queryHandler     *queryhandler.Handler
	promHandler      *promhandler.Handler
	mcpHandler       *mcphandler.Handler
	republishHandler *republishhandler.Handler

	told    map[toldSkip]bool // what the log has told of skipped events; only ticks use it
	covered covered           // only ticks use it

	lock io.Closer
	work sync.WaitGroup
	stop context.CancelFunc
}

// Open wires the functions to the stores in memory and the directory, and builds every view from the archive. Nothing
// is served yet. The directory stays locked until Close.
//
// Errors: those of setting.All.Check; a setting that differs from the directory's layout, by name; a directory that
// another server uses.
func Open(ctx context.Context, settings Settings) (server *Server, err error) {
	settings.All = Fit(settings.All)
	if err := settings.Check(); err != nil {
		return nil, err
	}
	files, err := dirarchive.Open(settings.Dir, time.Now)
	if err != nil {
		return nil, err
	}
	if err := files.Check(ctx); err != nil {
		return nil, fmt.Errorf("directory %s: %w", settings.Dir, err)
	}
	if err := files.CheckWrite(); err != nil {
		settings.Log.WarnContext(ctx, "the archive cannot be written: queries are answered, events are refused", "error", err)
	}
	lock, err := lockDirectory(settings.Dir)
	if err != nil {
		return nil, err
	}
	runs := openRunFiles(settings.Dir)
	defer func() {
		if server == nil {
			runs.remove()
			err = errors.Join(err, lock.Close())
		}
	}()
	s := &Server{
		settings: settings, runs: runs, stream: memory.NewStream(shards), queue: &memory.Queue{},
		catalog: &memory.Catalog{}, speed: &memory.Speed{Now: time.Now}, seen: seen{&memory.Seen{}},
		told: map[toldSkip]bool{},
		lock: lock,
	}
	s.stream.Now = time.Now
	s.archive = &split{files: files, runs: s.runs}
	if s.layout, err = settings.OpenLayout(ctx, s.archive, "memory", rand.Reader, time.Now); err != nil {
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
	codec, err := s.settings.NewCodec()
	if err != nil {
		return err
	}
	s.watcher = newWatcher(s.archive, codec, s.settings.Definitions)
	log := s.settings.Log
	layers, err := system.New(system.Stores{
		Archive: s.archive, Stream: s.stream, Queue: s.queue, Catalog: s.catalog,
		Base: &memory.Base{}, Speed: s.speed, Seen: s.seen, Programs: &programs.Cache{},
	}, s.settings.All, setting.Host{
		Layout: s.layout, Codec: codec, Parallel: runner.Parallel(runtime.GOMAXPROCS(0)),
		Workers: runtime.GOMAXPROCS(0), Now: time.Now, NewULID: newULID, Log: log,
	})
	if err != nil {
		return err
	}
	s.batch, s.republisher = layers.Batch(lifecycle.Define(s.settings.Definitions)), layers.Republisher()
	s.ingestHandler = &ingesthandler.Handler{Ingest: layers.Ingest(), Log: log}
	s.republishHandler = &republishhandler.Handler{Republisher: s.republisher, Log: log}
	s.batchHandler = &batchhandler.Handler{Batch: s.batch, Sweep: layers.Sweep(), Log: log}
	s.queryHandler = &queryhandler.Handler{
		Serving: layers.Serving(), MaxAnswer: s.settings.MaxAnswer, Log: log,
	}
	s.promHandler = promhandler.New(promql.New(layers.Serving(), promql.BoundsOf(s.settings.All), log), time.Now,
		s.settings.MaxAnswer, log)
	s.mcpHandler = mcphandler.New(mcphandler.Settings{
		Query: s.queryHandler.Handle, MaxAnswer: s.settings.MaxAnswer, Now: time.Now, Log: log,
	})
	s.replayHandler = &replayhandler.Handler{Replay: layers.Replay(), Log: log}
	s.auditHandler = &audithandler.Handler{Audit: layers.Audit(), Log: log}
	s.adminHandler = &adminhandler.Handler{
		Differ: layers.Comparer(), Operations: layers.Operations(), MaxAnswer: s.settings.MaxAnswer, Log: log,
	}
	s.source, err = newSource(s.stream, (&speedhandler.Handler{Speed: layers.Speed(), Log: log}).Invoke)
	return err
}

func newULID(at time.Time) (ulid.ULID, error) { return ulid.New(ulid.Timestamp(at), rand.Reader) }

// rebuild builds the views from the archive: batch applies all sealed slots, and later events go through the stream
// again.
func (s *Server) rebuild(ctx context.Context) error {
	live := s.layout.Slot.Sealed(time.Now(), s.settings.SealDelay)
	if err := s.batch.Register(ctx, live); err != nil {
		return err
	}
	report, err := s.batch.Tick(ctx)
	if err != nil {
		return err
	}
	// The stream carries every event from live on. It also carries the speed window before live, so that speed recognises
	// later copies. Nobody needs older events from the stream, so there is nothing to sweep.
	if err := s.catalog.PutSwept(ctx, report.Head.N, 0); err != nil {
		return err
	}
	if _, err := s.replayHandler.Replay.Tick(ctx); err != nil {
		return err
	}
	return s.restream(ctx, archive.SlotKey(live.Add(-s.layout.SpeedWindow)))
}

// restream puts the archived events from a key on into the stream again, and waits until speed has handled them. It
// waits every now and then, so that the stream never holds much of them.
func (s *Server) restream(ctx context.Context, from archive.Key) error {
	held := int64(0)
	for {
		page, _, err := s.archive.List(ctx, from, archive.EndOfEvents, listAtOnce)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return s.source.drain(ctx)
		}
		for _, object := range page {
			if err := s.republisher.Republish(ctx, stream.Republish{Object: string(object.Key),
				Lanes: s.republisher.Lanes()}); err != nil {
				return err
			}
			if held += object.Size + recordBytes; held < mostRestreamed {
				continue
			}
			if err := s.source.drain(ctx); err != nil {
				return err
			}
			held = 0
		}
		from = page[len(page)-1].Key.After()
	}
}

const (
	mostRestreamed = 8 << 20 // bytes that restream puts into the stream at once, about
	recordBytes    = 500     // what an object's records take in the stream beside their data, about
)

// Start starts reading the stream, ticking the schedule and emptying the republish queue.
func (s *Server) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	s.work.Go(func() {
		if err := s.source.run(ctx, forever); err != nil && ctx.Err() == nil {
			s.settings.Log.ErrorContext(ctx, "reading the stream failed; speed has stopped", "error", err)
		}
	})
	s.work.Go(func() { every(ctx, s.settings.BatchEvery, s.tick) })
	s.work.Go(func() { every(ctx, min(s.settings.BatchEvery, time.Second), s.replay) })
	// an operator's request begins at once
	s.work.Go(func() { every(ctx, min(s.settings.BatchEvery, time.Second), s.audit) })
	s.work.Go(func() { every(ctx, time.Second, s.republish) })
}

// Close stops what Start started and waits for it. Then it gives the directory free.
func (s *Server) Close() {
	if s.stop != nil {
		s.stop()
	}
	s.work.Wait()
	s.runs.remove()
	_ = s.lock.Close() // nothing was written that anybody needs
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

// Handler returns the HTTP front. Once stopping ends, it gives clients that dawdle no more than a second.
func (s *Server) Handler(stopping context.Context) http.Handler {
	return &front{
		functions: map[api.Function]apiHandler{
			api.Ingest: s.ingestHandler.Handle, api.Query: s.queryHandler.Handle, api.Admin: s.adminHandler.Handle,
			api.Prometheus: s.promHandler.Handle,
			api.MCP:        s.mcpHandler.Handle,
		},
		guard:  guard{hosts: s.settings.Hosts, origins: s.settings.Origins},
		limits: cmp.Or(s.settings.Limits, DefaultLimits()), log: s.settings.Log,
		slots: make(chan struct{}, maxAtOnce), stopping: stopping,
	}
}
