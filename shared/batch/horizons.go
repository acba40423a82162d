package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// errForeignItem means that a base item has a horizon that no run of the catalog has. The catalog was set back to an
// earlier state, and has made other runs since. Adding a run to the item could count events twice, or leave them out.
// Do not retry: rebuild the view.
var errForeignItem = errors.New("written under another catalog: rebuild the view")

// checkItem refuses an item, as loaded, whose horizon is no real run's.
func (t *tick) checkItem(ctx context.Context, g target, run lifecycle.Run, item viewstore.BaseItem) error {
	switch item.Horizon {
	case slot.Beginning, run.Horizon, g.generation.Horizon: // no item; or the horizon of a run that the catalog has
		return nil
	}
	ends, err := t.horizons.have(ctx, t.Batch, run, item.Horizon)
	if err == nil && !ends {
		err = fmt.Errorf("base item of generation %s, page %d, is at %s, where no run ends: %w",
			g.generation.ID, item.Page, item.Horizon, errForeignItem)
	}
	return err
}

// forgetLost drops what this environment remembers of runs when it knows a run above the head. The catalog was set back
// to an earlier state, so the remembered runs may be others than those that it has now.
func (b *Batch) forgetLost(head lifecycle.Run) {
	if max(b.held.through, b.horizons.last()) > head.N {
		b.held, b.horizons = held{}, horizons{}
	}
}

// horizons remembers the horizons of real runs, as far back as items have asked for. Real runs never change, so the
// memory stays true from one invocation to the next.
type horizons struct {
	mu    sync.Mutex
	first uint64      // number of the run that the first horizon belongs to
	all   []slot.Slot // ascending, since the horizon grows with every run
}

// last returns the number of the last run that is known; 0: none.
func (h *horizons) last() uint64 {
	if len(h.all) == 0 {
		return 0
	}
	return h.first + uint64(len(h.all)) - 1
}

// add takes in a run that this tick made.
func (h *horizons) add(run lifecycle.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) == 0 {
		h.first = run.N
	}
	if h.first+uint64(len(h.all)) == run.N {
		h.all = append(h.all, run.Horizon)
	}
}

// have reports whether a horizon is that of a real run. It reads the runs that it does not know: up to the given run,
// or up to the head when another batch may be ahead of it.
func (h *horizons) have(ctx context.Context, b *Batch, run lifecycle.Run, wanted slot.Slot) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := slices.BinarySearch(h.all, wanted); known {
		return true, nil
	}
	if wanted > run.Horizon {
		head, err := b.Catalog.Head(ctx)
		if err != nil {
			return false, fmt.Errorf("read head: %w", err)
		}
		run = head
	}
	if err := h.readUp(ctx, b.reader(), run, wanted); err != nil {
		return false, err
	}
	if err := h.readDown(ctx, b.reader(), wanted); err != nil {
		return false, err
	}
	_, known := slices.BinarySearch(h.all, wanted)
	return known, nil
}

// readUp reads the runs after the last known one up to the given one; if none is known, those that end at the wanted
// horizon or later.
func (h *horizons) readUp(ctx context.Context, reader runs.Reader, to lifecycle.Run, wanted slot.Slot) error {
	next := h.first + uint64(len(h.all))
	later, err := reader.RunsDownTo(ctx, to.N, func(r lifecycle.Run) bool {
		return r.N >= next && (len(h.all) > 0 || r.Horizon >= wanted)
	})
	if err != nil || len(later) == 0 {
		return err
	}
	if len(h.all) == 0 {
		h.first = later[0].N
	}
	for _, r := range later {
		h.all = append(h.all, r.Horizon)
	}
	return nil
}

// readDown reads the runs before the first known one that end at the wanted horizon or later.
func (h *horizons) readDown(ctx context.Context, reader runs.Reader, wanted slot.Slot) error {
	if len(h.all) == 0 || wanted >= h.all[0] {
		return nil
	}
	earlier, err := reader.RunsDownTo(ctx, h.first-1, func(r lifecycle.Run) bool { return r.Horizon >= wanted })
	if err != nil || len(earlier) == 0 {
		return err
	}
	own := make([]slot.Slot, 0, len(earlier)+len(h.all))
	for _, r := range earlier {
		own = append(own, r.Horizon)
	}
	h.first, h.all = earlier[0].N, append(own, h.all...)
	return nil
}
