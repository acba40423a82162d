package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
)

// copies remembers the arrivals of all copies of every event, over all runs so far. It finds duplicates again,
// independently of batch.
type copies struct {
	window time.Duration                     // the dedupe window
	first  map[event.Identity]event.Millis   // arrival of the first copy
	more   map[event.Identity][]event.Millis // of those that have several, the arrivals of all, ascending
}

func newCopies(layout archive.Layout) copies {
	return copies{window: layout.DedupeWindow, first: map[event.Identity]event.Millis{},
		more: map[event.Identity][]event.Millis{}}
}

// meet adds one copy. within says that an earlier copy arrived within the window of it; ever says that there was any.
func (c copies) meet(s runs.Seen) (within, ever bool) {
	first, ever := c.first[s.Identity]
	if !ever {
		c.first[s.Identity] = s.Arrival
		return false, false
	}
	all := c.more[s.Identity]
	if all == nil {
		all = []event.Millis{first}
	}
	near, _ := slices.BinarySearch(all, s.Arrival.Add(-c.window))
	within = near < len(all) && all[near] <= s.Arrival.Add(c.window)
	if at, met := slices.BinarySearch(all, s.Arrival); !met {
		c.more[s.Identity] = slices.Insert(all, at, s.Arrival)
	}
	return within, true
}

// markDuplicates finds an input's duplicates, over all history or within the window only, as batch did for the
// generation. It returns the places of the events that count in spite of an earlier copy. Call it in the order of the
// runs.
func (c copies) markDuplicates(in *runs.Input, history bool) (beyond map[int]bool) {
	for i, s := range in.Seen {
		within, ever := c.meet(s)
		in.Duplicate[i] = within || ever && history
		if ever && !in.Duplicate[i] {
			if beyond == nil {
				beyond = map[int]bool{}
			}
			beyond[i] = true
		}
	}
	return beyond
}

// foldRuns adds runs to what is expected, and remembers their objects. It holds a piece of a run at a time.
func (e *examination) foldRuns(ctx context.Context, from, to uint64) error {
	return e.eachManifest(ctx, from, to, func(m runs.Manifest) error {
		if err := e.hold(m); err != nil {
			return err
		}
		for piece := range m.Pieces() {
			in, err := e.reader().Read(ctx, e.set.Fields(), piece)
			if err != nil {
				return err
			}
			beyond := e.copies.markDuplicates(in, m.Run <= e.built)
			e.expected.Merge(e.fold(in))
			e.foldBeyond(in, beyond)
		}
		return nil
	})
}

// eachRun reads the objects of runs, one whole run after another.
func (e *examination) eachRun(ctx context.Context, from, to uint64, each func(*runs.Input) error) error {
	return e.eachManifest(ctx, from, to, func(m runs.Manifest) error {
		in, err := e.reader().Read(ctx, e.set.Fields(), m)
		if err != nil {
			return err
		}
		return each(in)
	})
}

// eachManifest reads the manifests of runs, one after another.
func (e *examination) eachManifest(ctx context.Context, from, to uint64, each func(runs.Manifest) error) error {
	history, err := e.Catalog.Runs(ctx, from, to)
	if err != nil {
		return fmt.Errorf("read runs %d to %d: %w", from, to, err)
	}
	if want := to + 1 - from; uint64(len(history)) != want {
		return fmt.Errorf("the catalog has %d runs from %d to %d; want %d", len(history), from, to, want)
	}
	for _, run := range history {
		m, err := e.reader().Manifest(ctx, run)
		if err != nil {
			return err
		}
		if err := each(m); err != nil {
			return fmt.Errorf("run %d: %w", run.N, err)
		}
	}
	return nil
}

// fold makes a delta of an input.
func (e *examination) fold(in *runs.Input) *view.Delta {
	return in.Fold([]*view.Program{e.program}, e.Parallel, e.Workers)[0]
}

// foldBeyond folds the rows that count although an earlier copy is known.
func (e *examination) foldBeyond(in *runs.Input, beyond map[int]bool) {
	if len(beyond) == 0 {
		return
	}
	for b, batch := range in.Batches {
		var rows []int32
		for row := range batch.Len() {
			if beyond[in.Starts[b]+row] {
				rows = append(rows, int32(row))
			}
		}
		e.beyond.Fold(batch, rows)
	}
}
