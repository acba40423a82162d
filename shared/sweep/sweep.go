// Package sweep is the layer that finds archived objects whose lines never reached the stream, and queues them for
// republish. An object's lines miss the stream when ingest died before it published them, or when neither the stream
// nor the queue took them. Batch has counted them in any case; the sweep repairs what depends on the stream.
//
// It reads the runs that batch has made and the receipts that speed leaves, which are the seen items. It writes how far
// it has come and what it waits for. It folds nothing and knows no item of a view.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Sweep looks for receipts. All fields are required. A Sweep is not safe for concurrent use; several Sweeps may work on
// one catalog at once.
//
// Source: docs/design.md 3.1.
type Sweep struct {
	Archive archive.Archive
	Catalog catalog.Catalog
	Sweeps  catalog.Sweeps
	Seen    viewstore.Seen
	Queue   stream.Queue
	Layout  archive.Layout

	// After is the time from a run's horizon until the sweep looks at the run, and the first wait for a queued object;
	// default 10 min.
	After time.Duration
	// PublishWithin is the longest time from a request's arrival until ingest puts its records. Later it does not put them
	// at all. It is commit_within plus ingest's time-out; default 39 s.
	PublishWithin time.Duration
	// MaxStreamAge is the age above which nobody puts an event into the stream; default 72 h.
	MaxStreamAge time.Duration

	ClockMargin clock.Margin // the most by which any function's clock may differ from the store's; default 30 s
	Tries       int          // number of attempts at one conditional write; default 5
	Lease       lease.Keeper // keeps other sweeps away while one works
	Now         func() time.Time
	Log         *slog.Logger

	// looked is when this environment last looked at a run beyond a gap. It saves reading, and decides nothing.
	looked map[uint64]time.Time
}

// Report says what a tick of the sweep did.
type Report struct {
	Swept  uint64 // the last run that the sweep has finished
	Queued int    // number of objects that this tick queued for republish
	Lost   int    // number of objects that the stream certainly lacks lines of, queued or not
	Behind int    // number of objects that lack receipts, perhaps because nobody has read their lanes that far yet
	TooOld int    // number of objects of skipped runs: the stream lacks lines of them, and will not get them
	Passed int    // number of runs skipped because what the stream lacks of them is too old for it
	// Lease says whether the tick worked. Otherwise another one does, or was killed; Swept is then 0.
	Lease lease.Held
}

// The bounds of a tick.
const (
	maxAhead  = 16     // runs looked at beyond a run with a gap: one at a time would take as long as the outage lasted
	maxQueued = 10_000 // objects queued
	maxWaits  = 4096   // with more waits than this, the sweep looks at no run beyond a gap
	maxDouble = 6      // the longest wait is After, doubled this many times

	reserved = 2 * time.Second // of the tick's time, to note what was queued: else the next tick queues it again
)

// Tick looks at the runs that are old enough, in order, up to the first with an object that lacks a receipt, and at a
// few beyond it. It queues lost objects for republish. Where it cannot tell whether an object is lost, it queues a
// probe.
func (s *Sweep) Tick(ctx context.Context) (report Report, err error) {
	held, err := s.Lease.Hold(ctx, lease.Work{Name: "sweep"}, func(ctx context.Context) error {
		report, err = s.tick(ctx)
		return err
	})
	report.Lease = held
	return report, err
}

func (s *Sweep) tick(ctx context.Context) (Report, error) {
	swept, err := s.Sweeps.Swept(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read swept: %w", err)
	}
	t := tick{Sweep: s, started: s.Now(), report: Report{Swept: swept}}
	maps.DeleteFunc(s.looked, func(run uint64, _ time.Time) bool { return run <= swept })
	looking, cancel := budget.Reserve(ctx, reserved)
	defer cancel()
	err = t.look(looking)
	// Note the queued objects even when the tick failed to look at a later run, or when a call took all its time.
	return t.report, errors.Join(err, t.putWaits(ctx), t.move(ctx, swept))
}

// tick is the work of one Tick.
type tick struct {
	*Sweep
	started time.Time
	held    bool             // nothing may be queued of the run looked at, nor of a later one
	waits   *waits           // nil until something is missing
	views   []lifecycle.View // as last read or written; nil until one matters
	room    int              // number of objects that may yet be queued; set together with waits
	report  Report
}

// look looks at runs until time is short.
func (t *tick) look(ctx context.Context) error {
	head, err := t.Catalog.Head(ctx)
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	gap := false
	ahead := 0
	for n := t.report.Swept + 1; n <= head.N && ahead < maxAhead && !t.held; n++ {
		if budget.Short(ctx, t.started, t.Now()) {
			break
		}
		if gap && (t.lookedAt(n) || len(t.waits.all) > maxWaits) {
			continue
		}
		run, err := t.reader().Get(ctx, n)
		if err != nil {
			return err
		}
		if run.Horizon.Start().Add(t.After).After(t.Now()) {
			break
		}
		done, err := t.lookAt(ctx, run, gap)
		if err != nil {
			return fmt.Errorf("sweep run %d: %w", n, err)
		}
		switch {
		case gap:
			t.note(n)
			ahead++
		case done:
			t.report.Swept = n
		default:
			gap = true
		}
	}
	return nil
}

func (s *Sweep) reader() runs.Reader { return runs.Reader{Archive: s.Archive, Catalog: s.Catalog} }

// lookedAt says whether this environment looked at a run beyond a gap less than After ago.
func (s *Sweep) lookedAt(run uint64) bool {
	at, ok := s.looked[run]
	return ok && s.Now().Before(at.Add(s.After))
}

func (s *Sweep) note(run uint64) {
	if s.looked == nil {
		s.looked = map[uint64]time.Time{}
	}
	s.looked[run] = s.Now()
}

// move stores how far the sweep has come.
func (t *tick) move(ctx context.Context, from uint64) error {
	if t.report.Swept == from {
		return nil
	}
	// Commit point: the sweep has finished the runs up to here. After a crash before it, the next tick looks at them
	// again, which changes nothing.
	if err := t.Sweeps.PutSwept(ctx, t.report.Swept, from); err != nil && !errors.Is(err, catalog.ErrConflict) {
		return fmt.Errorf("move swept to run %d: %w", t.report.Swept, err)
	}
	return nil
}

// lookAt looks for the receipts of a run's objects and queues lost objects. done says that the sweep has finished the
// run: all receipts are there, or the objects that lack one are too old for the stream.
func (t *tick) lookAt(ctx context.Context, run lifecycle.Run, beyondGap bool) (done bool, err error) {
	if run.Manifest == "" {
		return true, nil
	}
	found, err := t.find(ctx, run)
	if err != nil || len(found.objects) == 0 {
		return err == nil, err
	}
	if err := t.readWaits(ctx); err != nil {
		return false, err
	}
	// Nobody puts into the stream what is too old for it, or what arrived before its layout began.
	old := found.dropOld(max(event.MillisOf(t.started.Add(-t.MaxStreamAge)), t.Layout.Begins.Millis()))
	if len(found.objects) == 0 && !beyondGap {
		return true, t.passBy(ctx, run, old)
	}
	chosen := t.choose(run.N, found, !beyondGap)
	if len(chosen) == 0 {
		return false, nil
	}
	ok, err := t.mayQueue(ctx, run.N)
	if !ok || err != nil {
		t.held = true
		return false, err
	}
	return false, t.queue(ctx, run.N, found, chosen)
}

// queue queues the chosen objects for republish, in the order of the manifest.
func (t *tick) queue(ctx context.Context, run uint64, f *found, chosen map[int]request) error {
	for _, place := range slices.Sorted(maps.Keys(chosen)) {
		if t.room == 0 || budget.Short(ctx, t.started, t.Now()) {
			return nil // the next tick continues
		}
		r, key := chosen[place], f.objects[place].key
		lanes := t.names(slices.Sorted(slices.Values(slices.Concat(r.lost, r.probed))))
		if err := t.Queue.Enqueue(ctx, stream.Republish{Object: string(key), Lanes: lanes}); err != nil {
			return fmt.Errorf("queue %s: %w", key, err)
		}
		t.Log.WarnContext(ctx, "object lacks receipts of the stream; queued for republish", "object", key, "lanes", lanes)
		t.waits.queued(run, place, r)
		t.room--
		t.report.Queued++
	}
	return nil
}
