package audit

import (
	"context"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

const (
	listPage  = 1000
	lostBytes = 16 << 20 // of objects as stored, that are read at once
)

// hold remembers the objects of a run, by the requests that put them.
func (e *examination) hold(m runs.Manifest) error {
	for _, o := range m.Objects {
		_, request, err := archive.ParseEventsKey(o.Key)
		if err != nil {
			return fmt.Errorf("foreign object in the manifest: %w", err)
		}
		e.held[request] = struct{}{}
	}
	return nil
}

// findLost lists the archive below the horizon and finds the objects that no run holds. It counts those that batch
// still looks for as pending; the others are lost.
func (e *examination) findLost(ctx context.Context) error {
	edge := runs.LookBack{For: e.Lookback, Slot: e.Layout.Slot}.Furthest(e.generation.Horizon)
	lost, pending, err := e.unheld(ctx, edge)
	if err != nil || len(lost) == 0 {
		e.found.Pending = pending
		return err
	}
	// A later run may have taken some in, because an operator asked for a rebuild.
	head, err := e.Catalog.Head(ctx)
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	later, err := e.Catalog.Runs(ctx, e.generation.Run+1, head.N)
	if err != nil {
		return fmt.Errorf("read runs: %w", err)
	}
	reader := e.reader()
	for _, run := range later {
		m, err := reader.Manifest(ctx, run)
		if err != nil {
			return err
		}
		if err := e.hold(m); err != nil {
			return err
		}
	}
	for _, o := range lost {
		if _, request, err := archive.ParseEventsKey(o.Key); err != nil || !e.has(request) {
			e.lost = append(e.lost, o)
		}
	}
	e.found.Pending, e.found.Lost = pending, int64(len(e.lost))
	for _, o := range e.lost[:min(len(e.lost), maxListed)] {
		e.found.LostObjects = append(e.found.LostObjects, string(o.Key))
	}
	return nil
}

func (e *examination) has(request ulid.ULID) bool {
	_, ok := e.held[request]
	return ok
}

// unheld returns the objects of slots below the edge that no run up to the generation's holds, in archive order, and
// the number of such objects from the edge up to the generation's horizon.
func (e *examination) unheld(ctx context.Context, edge slot.Slot) (lost []archive.Object, pending int64, err error) {
	for from, to := archive.FirstEvent, archive.SlotKey(e.generation.Horizon); ; {
		page, _, err := e.Archive.List(ctx, from, to, listPage)
		if err != nil {
			return nil, 0, fmt.Errorf("list archive from %s: %w", from, err)
		}
		for _, o := range page {
			s, request, err := archive.ParseEventsKey(o.Key)
			switch {
			case err != nil:
				return nil, 0, fmt.Errorf("foreign object in the archive: %w", err)
			case e.has(request):
			case s >= edge:
				pending++
			default:
				lost = append(lost, o)
			}
		}
		if len(page) < listPage {
			return lost, pending, nil
		}
		from = page[len(page)-1].Key.After()
	}
}

// eachLost reads the lost objects, some at once, in archive order: as batch would if a run took them in.
func (e *examination) eachLost(ctx context.Context, each func(*runs.Input) error) error {
	for rest := e.lost; len(rest) > 0; {
		var (
			m    runs.Manifest
			size int64
		)
		for len(rest) > 0 && (size == 0 || size+rest[0].Size <= lostBytes) {
			m.Objects = append(m.Objects, runs.ManifestObject{Object: rest[0]})
			size, rest = size+max(rest[0].Size, 1), rest[1:]
		}
		in, err := e.reader().Read(ctx, e.set.Fields(), m)
		if err != nil {
			return fmt.Errorf("objects of no run: %w", err)
		}
		if err := each(in); err != nil {
			return err
		}
	}
	return nil
}
