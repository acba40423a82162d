package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/slot"
)

const listPage = 1000

// plan chooses the next run's horizon and freezes its input: the objects of the slots between the horizons, and stragglers, which are
// objects of slots below that no real run holds.
func (t *tick) plan(ctx context.Context, head catalog.Run, sealed slot.Slot) (archive.Manifest, error) {
	m := archive.Manifest{Run: head.N + 1, From: head.Horizon, To: sealed}
	from := archive.FirstEvent
	if head.N > 0 {
		// A head of 0 has claimed no slot; the slots of a first run have no bound below.
		again := head.Horizon - slot.Slot(t.Relist.Milliseconds())
		from = archive.SlotKey(again)
		if err := t.held.read(ctx, t.Batch, head, again); err != nil {
			return m, err
		}
	}
	var (
		size int64
		last slot.Slot // of the objects so far
	)
	for to := archive.SlotKey(sealed); ; {
		page, _, err := t.Archive.List(ctx, from, to, listPage)
		if err != nil {
			return m, fmt.Errorf("list archive from %s: %w", from, err)
		}
		for _, object := range page {
			s, _, err := archive.ParseEventsKey(object.Key)
			if err != nil {
				return m, fmt.Errorf("foreign object in the archive: %w", err)
			}
			if s < head.Horizon && t.held.has(object.Key) {
				continue
			}
			if size >= t.RunBytes && s > head.Horizon && s != last {
				m.To = s // a large backlog: the next run goes on from here
				return m, nil
			}
			if s < head.Horizon {
				m.Stragglers++
			}
			m.Objects = append(m.Objects, archive.Input{Object: object})
			size += object.Size
			last = s
		}
		if len(page) < listPage {
			return m, nil
		}
		from = page[len(page)-1].Key.After()
	}
}

// makeReal writes the run's objects and makes it real.
func (t *tick) makeReal(ctx context.Context, in *input) (catalog.Run, error) {
	attempt, err := t.NewID()
	if err != nil {
		return catalog.Run{}, err
	}
	run := in.record()
	if len(in.manifest.Objects) > 0 {
		run.Manifest = string(archive.ManifestKey(run.N, attempt))
		if err := t.create(ctx, archive.Key(run.Manifest), archive.EncodeManifest(in.manifest)); err != nil {
			return run, err
		}
	}
	if run.Events > 0 {
		run.Identities = string(archive.IdentitiesKey(run.N, attempt))
		if err := t.create(ctx, archive.Key(run.Identities), archive.EncodeIdentities(in.seen)); err != nil {
			return run, err
		}
	}
	// Commit point: the run's input is fixed for ever, for every generation. A crash before leaves objects that no run names; a crash after
	// leaves generations that lack the run, and the next tick applies it from its manifest.
	if err := t.appendRun(ctx, run); err != nil {
		return run, err
	}
	t.held.add(run.N, in.manifest)
	return run, nil
}

// appendRun makes the run real. When the answer is lost, the head tells whether it is this attempt that became real.
func (t *tick) appendRun(ctx context.Context, run catalog.Run) error {
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

// held are the objects that real runs hold, of the slots that are listed again. Real runs never change, so what is known stays true from one
// invocation to the next.
type held struct {
	objects map[archive.Key]struct{}
	through uint64 // the last run read
	from    slot.Slot
}

func (h *held) has(key archive.Key) bool {
	_, ok := h.objects[key]
	return ok
}

// read brings h up to the head, for objects of slots from the given one on.
func (h *held) read(ctx context.Context, b *Batch, head catalog.Run, from slot.Slot) error {
	if h.objects == nil {
		h.objects = map[archive.Key]struct{}{}
	}
	runs, err := b.runsDown(ctx, head.N, func(r catalog.Run) bool { return r.N > h.through && r.Horizon > from })
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.Manifest == "" {
			continue
		}
		m, err := b.manifest(ctx, r)
		if err != nil {
			return err
		}
		h.keep(m)
	}
	h.through = head.N
	if edge := archive.SlotKey(from); from > h.from+slot.Slot(b.Relist.Milliseconds()) {
		// Drop what is no longer listed, once in a while.
		for key := range h.objects {
			if key < edge {
				delete(h.objects, key)
			}
		}
		h.from = from
	}
	return nil
}

// add takes in a run that this tick made.
func (h *held) add(run uint64, m archive.Manifest) {
	if h.objects != nil && h.through == run-1 {
		h.keep(m)
		h.through = run
	}
}

func (h *held) keep(m archive.Manifest) {
	for _, o := range m.Objects {
		h.objects[o.Key] = struct{}{}
	}
}

// runsDown returns the runs up to the given one for which while holds, going down until it does not, in order.
func (b *Batch) runsDown(ctx context.Context, from uint64, while func(catalog.Run) bool) ([]catalog.Run, error) {
	const step = 256
	var all []catalog.Run
	for to := from; to > 0; {
		first := uint64(1)
		if to > step {
			first = to - step + 1
		}
		runs, err := b.Catalog.Runs(ctx, first, to)
		if err != nil {
			return nil, fmt.Errorf("read runs %d to %d: %w", first, to, err)
		}
		n := len(runs)
		for n > 0 && while(runs[n-1]) {
			n--
		}
		all = append(append([]catalog.Run(nil), runs[n:]...), all...)
		if n > 0 {
			break
		}
		to = first - 1
	}
	return all, nil
}

func (b *Batch) manifest(ctx context.Context, run catalog.Run) (archive.Manifest, error) {
	return readManifest(ctx, b.Archive, run)
}

func readManifest(ctx context.Context, a archive.Archive, run catalog.Run) (archive.Manifest, error) {
	if run.Manifest == "" {
		return archive.Manifest{Run: run.N, To: run.Horizon}, nil
	}
	text, _, err := a.Get(ctx, archive.Key(run.Manifest))
	if err != nil {
		return archive.Manifest{}, fmt.Errorf("get %s: %w", run.Manifest, err)
	}
	m, err := archive.DecodeManifest(text)
	if err == nil && (m.Run != run.N || m.To != run.Horizon) {
		err = fmt.Errorf("manifest is of run %d to %s", m.Run, m.To.Start().Format(time.RFC3339))
	}
	if err != nil {
		return archive.Manifest{}, fmt.Errorf("run %d: %s: %w", run.N, run.Manifest, err)
	}
	return m, nil
}
