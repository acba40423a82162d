package batch

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// listPage is how many objects one request lists: as many as S3 returns.
const listPage = 1000

// extend makes runs until no sealed slot is left or time is short.
func (t *tick) extend(ctx context.Context, head lifecycle.Run, sealed slot.Slot) (lifecycle.Run, error) {
	for head.Horizon < sealed {
		if t.isShortOfTime(ctx) {
			t.report.Backlog = true
			break
		}
		run, lost, err := t.makeRun(ctx, head, sealed)
		if err != nil || lost {
			return head, err
		}
		if err := t.bringForward(ctx, head, run.Run, run.input); err != nil {
			return head, err
		}
		head = run.Run
	}
	return head, nil
}

// newRun is a run that this tick has made, with the input that it read for it.
type newRun struct {
	lifecycle.Run
	input *input
}

// makeRun makes the run after the head. lost says that somebody else has made that run; the next tick continues from
// there.
func (t *tick) makeRun(ctx context.Context, head lifecycle.Run, sealed slot.Slot) (run newRun, lost bool, err error) {
	manifest, err := t.plan(ctx, head, sealed, t.search == searchWanted)
	if err != nil {
		return newRun{}, false, err
	}
	if run.input, err = t.read(ctx, manifest); err != nil {
		return newRun{}, false, err
	}
	if run.Run, err = t.makeReal(ctx, head, run.input); err != nil {
		if errors.Is(err, catalog.ErrConflict) {
			return newRun{}, true, nil
		}
		return newRun{}, false, err
	}
	t.report.Runs = append(t.report.Runs, run.Run)
	t.report.Load = max(t.report.Load, runs.Load(run.Run, t.Lease.Memory))
	if t.search == searchWanted {
		t.search = searchDone
	}
	return run, false, nil
}

// bringForward brings a new run into the generations that are level with the head before it.
func (t *tick) bringForward(ctx context.Context, head, run lifecycle.Run, in *input) error {
	if err := t.readViews(ctx); err != nil {
		return err
	}
	own, replays := t.targets()
	// The tick builds generations at run 0 in one pass, once all runs are made.
	if level := atRun(own, head.N); head.N > 0 && len(level) > 0 {
		t.advance(ctx, level, run, in)
	}
	t.passOver(ctx, atRun(replays, head.N), run)
	return nil
}

// plan chooses the next run's horizon and freezes its input: the objects of the slots between the head's horizon and
// the run's, and the late objects, which belong to slots below and which no real run holds. whole says to look for late
// objects in the whole archive.
func (t *tick) plan(ctx context.Context, head lifecycle.Run, sealed slot.Slot, whole bool) (runs.Manifest, error) {
	m := runs.Manifest{Run: head.N + 1, From: head.Horizon}
	from, known, err := t.beginListing(ctx, head, sealed, whole)
	if err != nil {
		return m, err
	}
	var (
		size int64
		last slot.Slot // of the last object taken
	)
	for object, err := range t.lister().each(ctx, from, sealed) {
		if err != nil {
			return m, err
		}
		s, late := object.slot, object.slot < head.Horizon
		if late && known.has(object) {
			continue
		}
		if size >= t.RunBytes && s > head.Horizon && s != last {
			m.To = s // a large backlog: the next run continues from here
			return m, nil
		}
		if late {
			m.LateObjects++
		}
		m.Objects = append(m.Objects, runs.ManifestObject{Object: object.Object})
		size += object.Size
		last = s
	}
	m.To = sealed
	return m, nil
}

// beginListing returns the key at which the listing begins, and the objects of claimed slots that real runs hold.
func (t *tick) beginListing(
	ctx context.Context, head lifecycle.Run, sealed slot.Slot, whole bool,
) (from archive.Key, known *held, err error) {
	switch {
	case whole:
		// This is rare, so the tick does not keep what it reads about the whole archive.
		known = &held{}
		return archive.FirstEvent, known, known.read(ctx, t.Batch, head, slot.Slot(math.MinInt64))
	case head.N == 0:
		// A head of 0 has claimed no slot; the slots of a first run have no bound below.
		return archive.FirstEvent, &t.held, nil
	}
	again := runs.LookBack{For: t.Lookback, Slot: t.Layout.Slot}
	return archive.SlotKey(again.From(head.Horizon, sealed)), &t.held,
		t.held.read(ctx, t.Batch, head, again.Furthest(head.Horizon))
}

func (t *tick) lister() lister {
	return lister{archive: t.Archive, length: t.Layout.Slot, page: t.ListPage, parallel: t.Parallel}
}

// makeReal writes the run's objects and makes it real.
func (t *tick) makeReal(ctx context.Context, head lifecycle.Run, in *input) (lifecycle.Run, error) {
	attempt, err := t.NewID()
	if err != nil {
		return lifecycle.Run{}, err
	}
	run := record(head, in)
	if len(in.Manifest.Objects) > 0 {
		run.Manifest = string(archive.ManifestKey(run.N, attempt))
		if err := t.create(ctx, archive.Key(run.Manifest), runs.EncodeManifest(in.Manifest)); err != nil {
			return run, err
		}
	}
	if run.Events > 0 {
		run.Identities = string(archive.IdentitiesKey(run.N, attempt))
		if err := t.create(ctx, archive.Key(run.Identities), runs.EncodeIdentities(in.Seen)); err != nil {
			return run, err
		}
	}
	// Commit point: the run's input is fixed for ever, for every generation. A crash before leaves objects that no run
	// names. A crash after leaves generations that lack the run, and the next tick applies it from its manifest.
	if err := t.appendRun(ctx, run); err != nil {
		return run, err
	}
	t.horizons.add(run)
	return run, t.held.add(run.N, in.Manifest)
}

// appendRun makes the run real. When the answer is lost, the stored run shows whether this attempt became real.
func (t *tick) appendRun(ctx context.Context, run lifecycle.Run) error {
	err := t.Catalog.Append(ctx, run)
	if err == nil {
		return nil
	}
	stored, readErr := t.Catalog.Runs(ctx, run.N, run.N)
	switch {
	case readErr != nil || len(stored) == 0:
		return fmt.Errorf("append run %d: %w", run.N, errors.Join(err, readErr))
	case stored[0] == run: // by the attempt in its keys; an empty run is the same whoever made it
		return nil
	}
	return fmt.Errorf("append run %d: %w", run.N, catalog.ErrConflict)
}

func (t *tick) create(ctx context.Context, key archive.Key, body []byte) error {
	// The key holds this attempt's ULID, so an object that exists is our own, put by an earlier try.
	if _, err := t.Archive.Put(ctx, key, body); err != nil && !errors.Is(err, archive.ErrExists) {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}
