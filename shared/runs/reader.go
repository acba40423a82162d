// Package runs reads real runs: their manifests and identities, and the objects of a manifest as batches of events. It
// marks the duplicates among those events and folds the others. Batch makes runs. Batch, replay and the audit all read
// them through this package, so they agree on what a run counts.
//
// It also defines how manifests and identities are stored.
//
// It lies between the contracts and the layers. It knows nothing of generations or items, and writes nothing.
package runs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runner"
)

// Reader reads real runs. Only Read needs Codec and Layout. Read and MarkDuplicates need Parallel. Get, RunsDownTo and
// MarkDuplicates need Catalog.
// A Reader is safe for concurrent use.
type Reader struct {
	Archive  archive.Archive
	Catalog  catalog.Catalog
	Codec    *event.Codec
	Layout   archive.Layout
	Parallel runner.Runner // gets several objects at once, and finds duplicates
}

// RunsDownTo first asks for firstRuns runs, and for twice as many with each further request, up to mostRuns. A tick
// that finds nothing new needs a few runs, and the search for duplicates those of a day.
const (
	firstRuns = 16
	mostRuns  = 256
)

// RunsDownTo reads runs from number from downwards as long as while returns true, and returns them in ascending order.
// With from 0 it returns none. Errors: those of the catalog.
func (r Reader) RunsDownTo(ctx context.Context, from uint64, while func(lifecycle.Run) bool) ([]lifecycle.Run, error) {
	var parts [][]lifecycle.Run // the last runs first
	size := uint64(firstRuns)
	for to := from; to > 0; size = min(2*size, mostRuns) {
		first := uint64(1)
		if to > size {
			first = to - size + 1
		}
		part, err := r.Catalog.Runs(ctx, first, to)
		if err != nil {
			return nil, fmt.Errorf("read runs %d to %d: %w", first, to, err)
		}
		n := len(part)
		for n > 0 && while(part[n-1]) {
			n--
		}
		parts = append(parts, part[n:])
		if n > 0 {
			break
		}
		to = first - 1
	}
	slices.Reverse(parts)
	return slices.Concat(parts...), nil
}

// Get returns run n. Errors: catalog.ErrNotFound when there is no such run; any other error of the catalog.
func (r Reader) Get(ctx context.Context, n uint64) (lifecycle.Run, error) {
	found, err := r.Catalog.Runs(ctx, n, n)
	if err == nil && len(found) != 1 {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return lifecycle.Run{}, fmt.Errorf("read run %d: %w", n, err)
	}
	return found[0], nil
}

// Manifest reads a run's manifest. A run that reads no object has an empty manifest, which is not stored.
//
// Errors: a manifest that cannot be read, or that belongs to another run; the error names the key.
func (r Reader) Manifest(ctx context.Context, run lifecycle.Run) (Manifest, error) {
	if run.Manifest == "" {
		return Manifest{Run: run.N, To: run.Horizon}, nil
	}
	text, _, err := r.Archive.Get(ctx, archive.Key(run.Manifest))
	if err != nil {
		return Manifest{}, fmt.Errorf("get %s: %w", run.Manifest, err)
	}
	m, err := DecodeManifest(text)
	if err == nil && (m.Run != run.N || m.To != run.Horizon) {
		err = fmt.Errorf("manifest is of run %d to %s", m.Run, m.To.Start().Format(time.RFC3339))
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("run %d: %s: %w", run.N, run.Manifest, err)
	}
	return m, nil
}

// Identities calls each for every event of a run, duplicates included, in archive order.
//
// Errors: the identities cannot be read, before the first call; the error names run and key.
func (r Reader) Identities(ctx context.Context, run lifecycle.Run, each func(Seen)) error {
	identities, err := r.identities(ctx, run)
	if err != nil {
		return err
	}
	for s := range identities.all() {
		each(s)
	}
	return nil
}

// identities reads the identities of a run. A run without events has none.
func (r Reader) identities(ctx context.Context, run lifecycle.Run) (found identitiesData, err error) {
	if run.Identities == "" {
		return nil, nil
	}
	data, _, err := r.Archive.Get(ctx, archive.Key(run.Identities))
	if err == nil {
		found, err = checkIdentities(data)
	}
	if err != nil {
		return nil, fmt.Errorf("identities of run %d, %s: %w", run.N, run.Identities, err)
	}
	return found, nil
}
