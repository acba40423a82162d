package batch

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
)

// Register adds the views that the catalog lacks to it, see generations.Deployment. Like a tick, it refuses a
// deployment that cannot run what is kept.
func (b *Batch) Register(ctx context.Context, live slot.Slot) error {
	t := tick{Batch: b}
	if err := t.readViews(ctx); err != nil {
		return err
	}
	if err := t.refuse(ctx); err != nil {
		return err
	}
	return b.deployment().Register(ctx, live)
}

// refuse refuses the deployment of this release while a generation in use has a definition that the release cannot run,
// for example because its engine is older than the one before ours. Nothing is announced, switched or retired then, so
// that the release before goes on unharmed when it is deployed again.
func (t *tick) refuse(ctx context.Context) error {
	if err := t.Programs.CheckKept(ctx, t.Catalog, t.views); err != nil {
		return fmt.Errorf("batch deploys nothing: %w", err)
	}
	return nil
}

func (b *Batch) deployment() generations.Deployment {
	return generations.Deployment{
		Archive: b.Archive, Catalog: b.Catalog, Definitions: b.Definitions, Slot: b.Layout.Slot,
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
		Started: t.started, Now: t.Now, Log: t.Log,
	}
}

// announce takes every view as far towards its desired definition as it can go now. A view that cannot be announced
// stops no other one from being brought up to date.
func (t *tick) announce(ctx context.Context, whole bool) {
	changed, err := t.deployment().Announce(ctx, t.views, whole)
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
