// Package watch is the layer that sees that something does not happen. A step that stands still prints nothing and
// fails nowhere: a mapping is switched off, a schedule is gone, an audit was killed. So the watch reads from the
// catalog how far each step has come, and says by how much the step is overdue by the settings.
//
// It reads the catalog and, until batch has made its first run, the oldest key of the archive. It writes nothing.
//
// Source: docs/design.md 3.11.
package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// ReplayWithin is how long replay may take to bring a new Kappa generation the events from before it was live, and a
// late object of that time afterwards.
const ReplayWithin = 24 * time.Hour

// settles is how long the watch says that nothing was found, once an audit has found nothing.
const settles = time.Hour

// Watch looks at the catalog. All fields are required. It is safe for concurrent use.
type Watch struct {
	Archive archive.Archive
	Begins  slot.Slot // the first slot of the archive's layout: what arrived before was the work of another batch
	Catalog catalog.Catalog
	Sweeps  catalog.Sweeps
	Audits  catalog.Audits

	LateAfter  time.Duration // the age of a horizon above which batch is overdue
	SweepAfter time.Duration // time from a run's horizon until the sweep looks at the run, and its first wait
	AuditEvery time.Duration // the interval of audits; a view is overdue after twice this time
	Now        func() time.Time
}

// New returns a Watch. The settings must pass setting.All.Check.
func New(a archive.Archive, control catalog.Control, settings setting.All, host setting.Host) *Watch {
	return &Watch{
		Archive: a, Begins: host.Layout.Begins, Catalog: control, Sweeps: control, Audits: control,
		LateAfter: settings.LateAfter(), SweepAfter: settings.SweepAfter, AuditEvery: settings.AuditEvery, Now: host.Now,
	}
}

// Step says by how much a step is overdue; 0: it is in time.
type Step struct {
	Overdue time.Duration
	View    view.Name // the view that is overdue most; "" if the step is the same for all views
}

// Report says what the watch has seen.
type Report struct {
	// Batch: the horizon should have moved on, of the archive or of a generation that serves; or there should be a run.
	Batch Step
	// Stream: speed should have read all events of a run. Either speed stands still, or the stream lacks the events and
	// republish does not bring them.
	Stream Step
	Replay Step // a Kappa generation should have had the events from before it was live
	Audit  Step // a view should have been audited

	// What the last audit of each generation that serves has found. It counts until an audit finds it mended, or another
	// generation serves.
	Drift int64 // windows that differ from the archive
	Lost  int64 // objects that no run holds and that no run will read by itself, once per view
	// Whether Drift or Lost may have become 0 within the last hour: an audit has ended since, the generation that serves
	// has no audit yet, or no Lambda view serves. Alarms stay as they are without data, so 0 must then be said.
	Unsettled bool

	// Views whose build batch has given up, or whose last audit was given up: all attempts were killed.
	GivenUp int64
}

// Look reads how far every step has come.
//
// Errors: those of the catalog and the archive, and a foreign object among the events. The report then holds what was
// read before. Retry at the next tick.
func (w *Watch) Look(ctx context.Context) (Report, error) {
	l := look{Watch: w, now: w.Now()}
	var err error
	if l.head, err = w.Catalog.Head(ctx); err != nil {
		return l.report, fmt.Errorf("read head: %w", err)
	}
	views, err := w.Catalog.Views(ctx)
	if err != nil {
		return l.report, fmt.Errorf("read views: %w", err)
	}
	all := []error{l.batch(ctx, views), l.stream(ctx)}
	for _, v := range views {
		if v.Failure != "" {
			l.report.GivenUp++
		}
		all = append(all, l.replay(ctx, v), l.serving(ctx, v))
	}
	l.report.Unsettled = l.report.Unsettled || l.settled == 0
	return l.report, errors.Join(all...)
}

// look is the work of one Look.
type look struct {
	*Watch
	now     time.Time
	head    lifecycle.Run
	settled int // number of views whose findings are older than an hour
	report  Report
}

// late notes that a step was due at a time, for a view or for all views.
func (l *look) late(step *Step, name view.Name, due time.Time) {
	if overdue := l.now.Sub(due); overdue > step.Overdue {
		*step = Step{overdue, name}
	}
}

// batch looks at the horizon of the archive. Before the first run there is none, and batch is as late as what waits for
// that run: a generation, which batch has begun, or an event, if batch has never worked.
func (l *look) batch(ctx context.Context, views []lifecycle.View) error {
	if l.head.N > 0 {
		l.late(&l.report.Batch, "", l.head.Horizon.Start().Add(l.LateAfter))
		return nil
	}
	for _, v := range views {
		for _, g := range v.Generations {
			if at := begun(g.ID); at != event.Never {
				l.late(&l.report.Batch, "", at.Time().Add(l.LateAfter))
			}
		}
	}
	oldest, _, err := l.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1)
	if err != nil {
		return fmt.Errorf("list archive: %w", err)
	}
	if len(oldest) == 0 {
		return nil
	}
	s, _, err := archive.ParseEventsKey(oldest[0].Key)
	if err != nil {
		return fmt.Errorf("foreign object in the archive: %w", err)
	}
	l.late(&l.report.Batch, "", max(s, l.Begins).Start().Add(l.LateAfter))
	return nil
}

// stream looks at the first run that the sweep has not finished. The sweep finishes a run when speed has read all its
// events. It looks at the run after SweepAfter, gives what it queues for republish as much again, and needs some ticks.
func (l *look) stream(ctx context.Context) error {
	swept, err := l.Sweeps.Swept(ctx)
	if err != nil {
		return fmt.Errorf("read swept: %w", err)
	}
	run, err := l.runAfter(ctx, swept)
	if err == nil && run.N > 0 {
		l.late(&l.report.Stream, "", run.Horizon.Start().Add(2*l.SweepAfter+l.LateAfter))
	}
	return err
}

// runAfter returns the run after number n, or the zero Run if there is none.
func (l *look) runAfter(ctx context.Context, n uint64) (lifecycle.Run, error) {
	if n >= l.head.N {
		return lifecycle.Run{}, nil
	}
	runs, err := l.Catalog.Runs(ctx, n+1, n+1)
	if err == nil && len(runs) == 0 {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return lifecycle.Run{}, fmt.Errorf("read run %d: %w", n+1, err)
	}
	return runs[0], nil
}

// replay looks at the generations that replay brings runs into.
func (l *look) replay(ctx context.Context, v lifecycle.View) error {
	for _, g := range v.Generations {
		if g.Owner() != lifecycle.Replay || !g.TakesRuns() || g.LiveFrom == slot.Beginning {
			continue
		}
		run, err := l.runAfter(ctx, g.Run)
		if err != nil {
			return err
		}
		if run.N > 0 {
			l.late(&l.report.Replay, v.Name, max(run.Horizon, g.LiveFrom).Start().Add(ReplayWithin))
		}
	}
	return nil
}

// serving looks at the generation of a view that serves, if batch applies runs to it: at its horizon and its last
// audit.
func (l *look) serving(ctx context.Context, v lifecycle.View) error {
	g, ok := v.Generation(v.Serving)
	if !ok || !g.IsKept() || !g.HasBase() || g.Run == 0 {
		return nil
	}
	l.late(&l.report.Batch, v.Name, g.Horizon.Start().Add(l.LateAfter))
	a, err := l.Audits.Audit(ctx, v.Name)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return fmt.Errorf("read audit of view %s: %w", v.Name, err)
	}
	if since := max(a.Audited, begun(g.ID)); since != event.Never {
		l.late(&l.report.Audit, v.Name, since.Time().Add(2*l.AuditEvery))
	}
	if a.Generation != g.ID || l.now.Sub(a.Audited.Time()) < settles {
		l.report.Unsettled = true
	} else {
		l.settled++
	}
	if a.Generation == g.ID {
		l.report.Drift += a.Drift
		l.report.Lost += a.Lost
		if a.Killed > 0 && v.Failure == "" {
			l.report.GivenUp++
		}
	}
	return nil
}

// begun returns when batch began a generation, which its id contains; event.Never if the id is no ULID.
func begun(id lifecycle.GenerationID) event.Millis {
	parsed, err := ulid.ParseStrict(string(id))
	if err != nil {
		return event.Never
	}
	return event.Millis(parsed.Time())
}
