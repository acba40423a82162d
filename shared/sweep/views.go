package sweep

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
)

// mayQueue reports whether the sweep may bring events of a run to the stream: every generation that answers from base
// items has the run. If so, it first notes in the generations that do not answer, and lack the run, that they must not
// answer without it. So a view that cannot be built does not hold the sweep back, and nothing without the run replaces
// a Kappa generation, for which the sweep does not wait.
//
// Otherwise, in a slot below the generation's horizon, speed would skip such an event but remember it. It would then
// drop a client's retry as a duplicate, and nobody would count the event (found by the model, shared/simulation/model).
// In a slot above the horizon, speed would show the event, and batch would hide it again while it applies the runs in
// between (found by a history).
func (t *tick) mayQueue(ctx context.Context, run uint64) (bool, error) {
	if err := t.readViews(ctx); err != nil {
		return false, err
	}
	// Nothing is noted for a run of which nothing may be queued.
	for _, v := range t.views {
		if t.waitsFor(ctx, v, run) {
			return false, nil
		}
	}
	for i, v := range t.views {
		v, err := generations.AnswerFrom(ctx, t.Catalog, v, t.Tries, run)
		if err != nil {
			return false, fmt.Errorf("note in view %s that it answers from run %d on: %w", t.views[i].Name, run, err)
		}
		// The view may have changed since it was read, so that another generation answers.
		if t.views[i] = v; t.waitsFor(ctx, v, run) {
			return false, nil
		}
	}
	return true, nil
}

// readViews reads the views, once a tick, after the head. What changes later needs no second look, however long the
// tick takes. A generation that is begun later is built up to the head that the tick has read or further, since batch
// reads the head after the generation. Whoever lets a generation serve by a later state of the view has read the head
// after that state, so the generation has every run of the tick. Whoever does so by the state that the tick has read,
// or an earlier one, finds either the revision raised by the note in mayQueue, or a generation that has the run already
// or must not answer without it.
func (t *tick) readViews(ctx context.Context) (err error) {
	if t.views != nil {
		return nil
	}
	if t.views, err = t.Catalog.Views(ctx); err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	return nil
}

// waitsFor reports whether the sweep must wait until batch has applied a run to the generation that answers.
func (t *tick) waitsFor(ctx context.Context, v lifecycle.View, run uint64) bool {
	if !v.HoldsBack(run) {
		return false
	}
	t.Log.WarnContext(ctx, "the sweep waits until batch has applied the run to the view", "run", run, "view", v.Name)
	return true
}

// passBy moves the sweep past a run whose missing events are too old for the stream. A copy could count twice by now,
// because the seen item of the first one may have expired. So the events stay out. passBy marks every Kappa generation
// that needed them from the stream, or that can no longer tell whether its live half has counted a copy: the generation
// is incomplete from this run on, until the view is rebuilt.
func (t *tick) passBy(ctx context.Context, run lifecycle.Run, old []lacking) error {
	last := event.Never
	for _, o := range old {
		last = max(last, o.arrival)
	}
	// A generation that is begun after the views were read is live from a later slot than these events.
	if err := t.readViews(ctx); err != nil {
		return err
	}
	for i := range t.views {
		if err := t.mark(ctx, &t.views[i], run.N, last); err != nil {
			return err
		}
	}
	t.report.TooOld += len(old)
	t.report.Passed++
	t.Log.ErrorContext(ctx, "run skipped: events never reached the stream and are too old for it; rebuild Kappa views",
		"run", run.N, "objects", len(old))
	return nil
}

// mark marks the generations of a view, as read, that lack events of the run; the last of these events arrived at last.
// It replaces the view by the one that is stored then.
func (t *tick) mark(ctx context.Context, v *lifecycle.View, run uint64, last event.Millis) error {
	lacking := func(v lifecycle.View) (lifecycle.View, bool, error) {
		next, changed := v.Lacking(run, last.Add(t.Layout.SpeedWindow))
		return next, changed, nil
	}
	if _, changed, _ := lacking(*v); !changed {
		return nil
	}
	// Commit point: the generations say that they lack events. The sweep moves past the run only after it, so whoever
	// reads that it did also reads the mark.
	stored, _, err := generations.Update(ctx, t.Catalog, v.Name, t.Tries, lacking)
	if err != nil {
		return fmt.Errorf("mark view %s as incomplete from run %d on: %w", v.Name, run, err)
	}
	*v = stored
	return nil
}
