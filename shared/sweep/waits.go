package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
)

// waits says what the sweep has queued of each lane of each run, and when it looks for it again. The catalog stores
// them.
type waits struct {
	all      map[laneOf]catalog.SweepWait
	revision int64
	changed  bool
	now      event.Millis
	after    time.Duration
}

type laneOf struct {
	run  uint64
	lane int
}

// readWaits reads what the sweep waits for, and how many objects it may queue. While the republish queue has messages
// it may queue only one: the messages may bring what is missing, and anything queued behind them comes no sooner. It
// may queue that one so that a message that fails for hours does not stop everything.
func (t *tick) readWaits(ctx context.Context) error {
	if t.waits != nil {
		return nil
	}
	stored, err := t.Sweeps.Waits(ctx)
	if err != nil {
		return fmt.Errorf("read what the sweep waits for: %w", err)
	}
	inQueue, err := t.Queue.Waiting(ctx)
	if err != nil {
		return err
	}
	t.room = maxQueued
	if inQueue > 0 {
		t.room = 1
	}
	t.waits = &waits{
		all: map[laneOf]catalog.SweepWait{}, revision: stored.Revision, now: event.MillisOf(t.started), after: t.After,
	}
	for _, w := range stored.Waits {
		if w.Run > t.report.Swept {
			t.waits.all[laneOf{w.Run, w.Lane}] = w
		}
	}
	t.waits.changed = len(t.waits.all) < len(stored.Waits)
	return nil
}

// putWaits notes what was queued. It comes after the queueing. After a crash in between, the next tick queues the same
// objects once more, which is harmless. In the other order, the sweep could wait in vain for what was never queued.
func (t *tick) putWaits(ctx context.Context) error {
	if t.waits == nil || !t.waits.changed {
		return nil
	}
	w := catalog.SweepWaits{Revision: t.waits.revision}
	for _, wait := range t.waits.all {
		if wait.Run > t.report.Swept {
			w.Waits = append(w.Waits, wait)
		}
	}
	slices.SortFunc(w.Waits, func(a, b catalog.SweepWait) int {
		if a.Run != b.Run {
			return int(a.Run) - int(b.Run)
		}
		return a.Lane - b.Lane
	})
	// Commit point: the sweep waits for what it queued. On a conflict, another tick has noted much the same meanwhile.
	if err := t.Sweeps.PutWaits(ctx, w); err != nil && !errors.Is(err, catalog.ErrConflict) {
		return fmt.Errorf("note what the sweep waits for: %w", err)
	}
	return nil
}

// isOver says whether the sweep does not wait, or no longer waits, for a lane of a run.
func (w *waits) isOver(at laneOf) bool { return w.now >= w.all[at].Until }

// queued notes that an object was queued. Every queueing restarts the wait. After a wait that is over, the next is
// twice as long.
func (w *waits) queued(run uint64, place int, r request) {
	w.changed = true
	for i, lane := range slices.Concat(r.lost, r.probed) {
		at := laneOf{run, lane}
		wait := w.all[at]
		if w.isOver(at) {
			wait = catalog.SweepWait{Run: run, Lane: lane, Rounds: wait.Rounds + 1, Probe: wait.Probe}
		}
		if i < len(r.lost) {
			wait.Through = place + 1
		} else {
			wait.Probe = place + 1
		}
		wait.Until = w.now.Add(w.after << min(wait.Rounds-1, maxDouble))
		w.all[at] = wait
	}
}
