// Package sweep is the layer that finds archived objects whose lines never reached the stream, since ingest died
// between the two or neither stream nor queue took them, and queues them for republish. Batch has counted them in any
// case; what the sweep mends is what only the stream brings.
//
// It reads the runs that batch has made and the receipts that speed leaves, seen items, and writes how far it has come
// and what it waits for. It folds nothing and knows no item of a view.
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
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Sweep looks for receipts. All fields are needed. A Sweep does one thing at a time; several may work on one catalog at
// once.
//
// Source: docs/design.md 3.1.
type Sweep struct {
	Archive archive.Archive
	Catalog catalog.Catalog
	Sweeps  catalog.Sweeps
	Seen    viewstore.Seen
	Queue   stream.Queue
	Layout  archive.Layout

	// After is how long after its horizon a run is looked at, and the first wait for what was queued; default 10 min.
	After time.Duration
	// PublishWithin is the time after the arrival of a request within which ingest puts its records, or not at all:
	// commit_within and its time-out; default 39 s.
	PublishWithin time.Duration
	// MaxStreamAge: events older than this are put into the stream by nobody; default 72 h.
	MaxStreamAge time.Duration

	ClockMargin clock.Margin // by which any function's clock may differ from the store's; default 30 s
	Tries       int          // at one conditional write; default 5
	Now         func() time.Time
	Log         *slog.Logger

	// looked is when this environment looked at a run beyond a gap last. It saves reading, and decides nothing.
	looked map[uint64]time.Time
}

// Report says what a tick of the sweep did.
type Report struct {
	Swept  uint64 // the last run that needs no look any more
	Queued int    // objects queued for republish by this tick
	Lost   int    // objects of the runs looked at of which the stream lacks something for certain, queued or not
	Behind int    // objects of them without all their receipts, of lanes that were not read that far, for all we know
	TooOld int    // objects of runs passed by: the stream lacks something, and will not get it
	Passed int    // runs passed by
}

// The bounds of a tick.
const (
	maxAhead  = 16     // runs beyond one with a gap: one at a time would take as long as an outage has
	maxQueued = 10_000 // objects
	maxWaits  = 4096   // beyond so many notes nothing is looked at that would need more
	maxDouble = 6      // the longest wait is After, doubled so often
)

// Tick looks at the runs that are old enough, in order, up to the first with an object that lacks a receipt, and at a
// few beyond it; it queues what is lost, and asks where nothing is known.
func (s *Sweep) Tick(ctx context.Context) (Report, error) {
	swept, err := s.Sweeps.Swept(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read swept: %w", err)
	}
	t := tick{Sweep: s, started: s.Now(), report: Report{Swept: swept}}
	maps.DeleteFunc(s.looked, func(run uint64, _ time.Time) bool { return run <= swept })
	err = t.look(ctx)
	// What was queued is noted also when a later run could not be looked at.
	return t.report, errors.Join(err, t.putWaits(ctx), t.move(ctx, swept))
}

// tick is the work of one Tick.
type tick struct {
	*Sweep
	started time.Time
	applied uint64 // see lastApplied
	waits   *waits // nil until something is missing
	room    int    // so many objects may yet be queued; it is known when waits are
	report  Report
}

// look looks at runs until time is short.
func (t *tick) look(ctx context.Context) error {
	head, err := t.Catalog.Head(ctx)
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	if t.applied, err = t.lastApplied(ctx, head.N); err != nil {
		return err
	}
	gap := false
	ahead := 0
	for n := t.report.Swept + 1; n <= head.N && ahead < maxAhead && !budget.Short(ctx, t.started, t.Now()); n++ {
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

// lookedAt says whether this environment looked at a run beyond a gap a short while ago.
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

// lastApplied is the last run that every generation has that answers, or that may be the first to, of those that batch
// keeps: a view that nothing of serves yet answers from what is built first. What a later run holds is not to be
// streamed yet. Of a slot below the generation's horizon, speed would fold none of it, and would drop as its copies
// what a client has sent again meanwhile, which then nobody counted (found by the model, shared/simulation/model). Of a
// slot above it, speed would fold it, and it would be gone again while batch applies the runs in between (found by a
// history).
func (s *Sweep) lastApplied(ctx context.Context, head uint64) (uint64, error) {
	views, err := s.Catalog.Views(ctx)
	if err != nil {
		return 0, fmt.Errorf("read views: %w", err)
	}
	for _, v := range views {
		for _, g := range v.Generations {
			answers := g.Run > 0 || v.Serving == ""
			if answers && g.IsKept() && g.Owner() == lifecycle.Batch {
				head = min(head, g.Run)
			}
		}
	}
	return head, nil
}

// move makes it known how far the sweep has come.
func (t *tick) move(ctx context.Context, from uint64) error {
	if t.report.Swept == from {
		return nil
	}
	// Commit point: runs up to here need no look again. A crash before has them looked at again, which changes nothing.
	if err := t.Sweeps.PutSwept(ctx, t.report.Swept, from); err != nil && !errors.Is(err, catalog.ErrConflict) {
		return fmt.Errorf("move swept to run %d: %w", t.report.Swept, err)
	}
	return nil
}

// lookAt looks for the receipts of a run's objects, queues what is lost, and says whether the run needs no look any
// more: all receipts are there, or what lacks one is too old to be put into the stream.
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
	old := found.dropOld(event.MillisOf(t.started.Add(-t.MaxStreamAge)))
	if len(found.objects) == 0 && !beyondGap {
		return true, t.passBy(ctx, run, old)
	}
	if run.N > t.applied {
		t.report.Behind += len(found.objects)
		return false, nil
	}
	return false, t.queue(ctx, run.N, found, t.choose(run.N, found, !beyondGap))
}

// queue asks for what was chosen to be republished, in the order of the manifest.
func (t *tick) queue(ctx context.Context, run uint64, f *found, chosen map[int]request) error {
	for _, place := range slices.Sorted(maps.Keys(chosen)) {
		if t.room == 0 || budget.Short(ctx, t.started, t.Now()) {
			return nil // the next tick goes on
		}
		r, key := chosen[place], f.objects[place].key
		lanes := t.names(slices.Sorted(slices.Values(slices.Concat(r.lost, r.probed))))
		if err := t.Queue.Enqueue(ctx, stream.Republish{Object: string(key), Lanes: lanes}); err != nil {
			return fmt.Errorf("queue %s: %w", key, err)
		}
		t.Log.WarnContext(ctx, "object without a receipt of the stream; queued", "object", key, "lanes", lanes)
		t.waits.queued(run, place, r)
		t.room--
		t.report.Queued++
	}
	return nil
}

// passBy moves the sweep past a run of which the stream lacks what is too old to be put into it. A copy might count
// twice by now, for what tells of the first one has expired, or may have. So the events stay out, and every Kappa
// generation that was to have them from the stream, or that cannot tell any more whether its live half has counted a
// copy, is marked: it is incomplete from this run on, until it is built anew.
func (t *tick) passBy(ctx context.Context, run lifecycle.Run, old []lacking) error {
	last := event.Never
	for _, o := range old {
		last = max(last, o.arrival)
	}
	views, err := t.Catalog.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	for _, v := range views {
		if err := t.mark(ctx, v, run.N, last); err != nil {
			return fmt.Errorf("mark view %s as incomplete from run %d on: %w", v.Name, run.N, err)
		}
	}
	t.report.TooOld += len(old)
	t.report.Passed++
	t.Log.ErrorContext(ctx, "run passed by: events never reached the stream and are too old for it; rebuild Kappa views",
		"run", run.N, "objects", len(old))
	return nil
}

// mark marks those generations of a view that lack events which arrived up to some instant.
func (t *tick) mark(ctx context.Context, v lifecycle.View, run uint64, last event.Millis) error {
	var err error
	for range t.Tries {
		next, changed := v.Lacking(run, last.Add(t.Layout.SpeedWindow))
		if !changed {
			return nil
		}
		// Commit point: the generations say that they lack something. Only after it the run is passed by, so whoever
		// reads that it was reads the mark, too.
		if err = t.Catalog.PutView(ctx, next); err == nil {
			return nil
		}
		var readErr error
		if v, readErr = t.Catalog.View(ctx, v.Name); readErr != nil {
			return errors.Join(err, readErr)
		}
	}
	return err
}
