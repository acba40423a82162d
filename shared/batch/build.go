package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// buildTries is how many builds of a generation in a row may be killed before batch gives it up.
const buildTries = 3

// build builds the generations that have no run yet, one after another, each under a lease of its own. So one that is
// killed counts for no other, and the next tick may build another one meanwhile. A build begins only when half of the
// tick's time is left, because a build that is killed has read in vain. A generation that fails does not stop the
// others from being built.
func (t *tick) build(ctx context.Context) error {
	if t.report.Head.N == 0 {
		return nil
	}
	own, _ := t.targets()
	var all []error
	someBuilt := false
	for _, g := range atRun(own, 0) {
		if t.isShortOfTime(ctx) {
			t.report.Backlog = true
			break
		}
		isBuilt, err := t.buildOne(ctx, g)
		if err != nil {
			all = append(all, fmt.Errorf("build view %s: %w", g.view, err))
		}
		someBuilt = someBuilt || isBuilt
	}
	if someBuilt {
		all = append(all, t.moveAll(ctx, t.report.Head))
	}
	return errors.Join(all...)
}

// buildOne builds a generation, unless another tick builds it. It gives the generation up when builds of it were killed
// each time. It reports whether it has built it.
func (t *tick) buildOne(ctx context.Context, g target) (isBuilt bool, err error) {
	work := lease.Work{Name: "build " + string(g.view), Of: string(g.generation.ID), Tries: buildTries}
	held, err := t.Lease.Hold(ctx, work, func(ctx context.Context) error {
		still, head, err := t.readUnbuilt(ctx, g)
		if !still || err != nil {
			return err
		}
		total, err := t.foldAll(ctx, head, g)
		if err != nil {
			return err
		}
		err = t.bringIn(ctx, g, head, total, built)
		isBuilt = err == nil
		return err
	})
	if held.GivenUp {
		err = t.giveUp(ctx, g, held.Killed)
	}
	return isBuilt, err
}

// readUnbuilt reads the views again, and then the head, and reports whether a generation still has no run. The sweep
// does not wait for a generation that did not exist when it looked. Such a generation is built up to every run that had
// been swept by then.
func (t *tick) readUnbuilt(ctx context.Context, g target) (still bool, head lifecycle.Run, err error) {
	if err := t.readViews(ctx); err != nil {
		return false, lifecycle.Run{}, err
	}
	own, _ := t.targets()
	for _, one := range atRun(own, 0) {
		still = still || one.generation.ID == g.generation.ID
	}
	if head, err = t.Catalog.Head(ctx); err != nil {
		return false, head, fmt.Errorf("read head: %w", err)
	}
	return still, head, nil
}

// foldAll returns the fold of all runs up to the head, without duplicates over all history.
func (t *tick) foldAll(ctx context.Context, head lifecycle.Run, g target) (*view.Delta, error) {
	history, err := t.Catalog.Runs(ctx, 1, head.N)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	reader := t.reader()
	builder := reader.NewBuilder(t.set.Fields(), t.set.Programs[g.place], t.Parallel, t.Workers)
	for _, run := range history {
		m, err := reader.Manifest(ctx, run)
		if err == nil {
			err = builder.Add(ctx, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return builder.Delta(), nil
}

// giveUp gives up a generation whose builds were killed, with the size of what they had to read.
func (t *tick) giveUp(ctx context.Context, g target, killed int) error {
	head, id := t.report.Head, g.generation.ID
	why := fmt.Sprintf("the build of generation %s was killed or ran out of time %d times in a row; it reads %d events "+
		"in %d objects", id, killed, head.AllEvents, head.AllObjects)
	if t.Lease.Memory > 0 {
		why += fmt.Sprintf(", and the function has %d MB", t.Lease.Memory)
	}
	// Commit point: batch does not build the generation any more, and holds its definition. A crash before leaves the
	// count of its attempts as it is, and the next tick gives it up.
	v, failed, err := generations.Update(ctx, t.Catalog, g.view, t.Tries,
		func(v lifecycle.View) (lifecycle.View, bool, error) {
			next, changed := v.Failed(id, why)
			return next, changed, nil
		})
	if err != nil {
		return fmt.Errorf("give up generation %s: %w", id, err)
	}
	t.keep(v)
	if failed {
		t.Log.ErrorContext(ctx, "build given up", "view", g.view, "generation", id, "why", why)
	}
	return nil
}
