package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Register adds the views that the catalog lacks to it, see generations.Deployment. Like a tick, it refuses a
// deployment that cannot run what is kept.
func (b *Batch) Register(ctx context.Context, live slot.Slot) error {
	t := tick{Batch: b}
	if err := t.readViews(ctx); err != nil {
		return err
	}
	if err := t.compile(ctx); err != nil {
		return err
	}
	return errors.Join(append(t.unusable, b.deployment().Register(ctx, live))...)
}

// compile compiles the definitions of all generations in use into programs. A definition that cannot be read or run
// holds up its own generations only: they stay where they are, and unusable has the errors.
//
// It refuses the deployment of this release while a generation in use has a definition of an engine that the release
// does not run: view.ErrVersion. Nothing is announced, switched or retired then, so that the release before goes on
// unharmed when it is deployed again.
func (t *tick) compile(ctx context.Context) (err error) {
	t.set, t.unusable, err = t.Programs.OfKept(ctx, t.Catalog, t.views)
	for _, one := range t.unusable {
		if errors.Is(one, view.ErrVersion) {
			return fmt.Errorf("batch deploys nothing: %w", one)
		}
	}
	return err
}

func (b *Batch) deployment() generations.Deployment {
	return generations.Deployment{
		Archive: b.Archive, Catalog: b.Catalog, Definitions: b.Definitions, Layout: b.Layout,
		ClockMargin: b.ClockMargin, ConfirmWithin: b.ConfirmWithin, RetainFor: b.RetainFor,
		Tries: b.Tries, Now: b.Now, NewID: b.NewID,
	}
}

// mover moves the generations that batch owns. Replay moves its own.
func (t *tick) mover() generations.Mover {
	drop := func(ctx context.Context, g lifecycle.Generation, after string) (string, error) {
		return t.Base.Drop(ctx, g.ID, after)
	}
	return generations.Mover{
		Catalog: t.Catalog, Owner: lifecycle.Batch, RequireApproval: t.RequireApproval,
		DropGrace: t.DropGrace + t.ClockMargin.Apart(), Tries: t.Tries, Drop: drop,
		Started: t.started, DeleteParts: 4, Now: t.Now, Log: t.Log, // a build begins while half of the time is left
	}
}

// announce takes every view as far towards its desired definition as it can go now. A view that cannot be announced
// stops no other one from being brought up to date.
// searched has the requests for a rebuild that may begin, by view: see generations.Deployment.
func (t *tick) announce(ctx context.Context, searched map[view.Name]int64) {
	changed, err := t.deployment().Announce(ctx, t.views, searched)
	if err != nil {
		t.fail(err)
	}
	if !changed {
		return
	}
	if err := t.readViews(ctx); err != nil {
		t.fail(err)
	}
}

// readViews reads all views. A tick with nothing to do reads them once. A tick with work reads them again before it
// writes.
func (t *tick) readViews(ctx context.Context) error {
	views, err := t.Catalog.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	t.views = views
	return nil
}

// keep replaces the tick's copy of a view by the view as it is stored now.
func (t *tick) keep(v lifecycle.View) {
	for i := range t.views {
		if t.views[i].Name == v.Name {
			t.views[i] = v
		}
	}
}
