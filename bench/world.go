package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/dirarchive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// views is the definition that the benchmark folds.
const views = `
views:
  - name: pages
    key:
      url: data.url
    window: 1h
    aggregates:
      views: count()
      amount: sum(data.amount)
      shortest: min(data.duration_ms)
      longest: max(data.duration_ms)
      users: distinct(data.user)
`

// world is the system over an archive in a folder, and over catalog and view stores in memory.
type world struct {
	now        time.Time
	archive    *dirarchive.Archive
	catalog    *memory.Catalog
	base       *memory.Base
	layout     archive.Layout
	codec      *event.Codec
	random     *rand.Rand
	views      []lifecycle.Definition
	definition view.Definition // the one of views
}

// open returns the world of the archive in a folder. Every call begins with an empty catalog and without items.
func open(ctx context.Context, folder string) (*world, error) {
	definitions, err := viewfile.Parse("views.yaml", []byte(views))
	if err != nil {
		return nil, err
	}
	w := &world{
		now: begin.Add(-time.Hour), random: rand.New(rand.NewPCG(1, 1)),
		views: lifecycle.Define(definitions), definition: definitions[0],
		catalog: &memory.Catalog{}, base: &memory.Base{},
	}
	if w.archive, err = dirarchive.Open(folder, w.clock); err != nil {
		return nil, err
	}
	if w.codec, err = settings().NewCodec(); err != nil {
		return nil, err
	}
	key := event.HashKey{1}
	w.layout, err = settings().OpenLayout(ctx, w.archive, "bench", bytes.NewReader(key[:]), w.clock)
	return w, err
}

func (w *world) clock() time.Time { return w.now }

func (w *world) id(at time.Time) (ulid.ULID, error) {
	var entropy [10]byte
	for i := range entropy {
		entropy[i] = byte(w.random.Uint32())
	}
	return ulid.New(ulid.Timestamp(at), bytes.NewReader(entropy[:]))
}

func settings() setting.All {
	s := setting.Default()
	s.RunBytes = 1 << 40 // everything in one run
	return s
}

func (w *world) system() (*system.System, error) {
	cores := runtime.GOMAXPROCS(0)
	return system.New(system.Stores{
		Archive: w.archive, Stream: memory.NewStream(1), Queue: &memory.Queue{}, Catalog: w.catalog, Base: w.base,
		Speed: &memory.Speed{}, Seen: &memory.Seen{}, Programs: &programs.Cache{},
	}, settings(), setting.Host{
		Layout: w.layout, Codec: w.codec, Parallel: runner.Parallel(cores), Workers: cores, Repeat: runner.Repeat,
		Now: w.clock, NewULID: w.id, Log: slog.New(slog.DiscardHandler),
	})
}

// archiveOf returns the folder below root with the archive of a shape, and makes it if there is none.
func archiveOf(ctx context.Context, root string, shape Shape) (folder string, err error) {
	folder = filepath.Join(root, fmt.Sprintf("%d-by-%d-seed-%d", shape.Events, shape.PerObject, shape.Seed))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	draft := folder + ".draft"
	if err := os.RemoveAll(draft); err != nil {
		return "", err
	}
	w, err := open(ctx, draft)
	if err != nil {
		return "", err
	}
	s, err := w.system()
	if err != nil {
		return "", err
	}
	in := s.Ingest()
	for g := newGenerator(shape); ; {
		body, arrival, ok := g.next()
		if !ok {
			return folder, os.Rename(draft, folder)
		}
		w.now = arrival
		if _, err := in.Accept(ctx, ingest.Request{ContentType: "application/x-ndjson", Body: body}); err != nil {
			return "", err
		}
	}
}
