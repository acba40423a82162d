package speed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// finish lets generations serve that are complete, and deletes what was given up, with one move per view; the next tick goes on.
func (t *replaying) finish(ctx context.Context) error {
	views, err := t.Catalog.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	var all []error
	for _, v := range views {
		if err := t.finishView(ctx, v); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (t *replaying) finishView(ctx context.Context, v catalog.View) error {
	for _, g := range v.Generations {
		switch {
		case g.Architecture != view.Kappa:
		case t.mayServe(v, g):
			if err := t.serve(ctx, v, g); err != nil {
				return fmt.Errorf("let generation %s of view %s serve: %w", g.ID, v.Name, err)
			}
			return nil
		case t.isOver(g):
			if err := t.delete(ctx, v, g); err != nil {
				return fmt.Errorf("drop generation %s of view %s: %w", g.ID, v.Name, err)
			}
			return nil
		}
	}
	return nil
}

// mayServe says whether a generation is to be switched to. With approval asked for, only what serves first does so by itself.
func (t *replaying) mayServe(v catalog.View, g catalog.Generation) bool {
	return g.State == catalog.Building && !(t.Approve && v.Serving != "") && v.MayServe(g.ID, t.head) == nil
}

func (t *replaying) serve(ctx context.Context, v catalog.View, g catalog.Generation) error {
	// Commit point: queries follow the pointer. What they have begun they finish on the generation they began with, which is retained.
	err := t.Catalog.PutView(ctx, v.Switched(g.ID, t.Now().UnixMilli()))
	if errors.Is(err, catalog.ErrConflict) {
		return nil // somebody else has moved it on
	}
	if err == nil {
		t.Log.InfoContext(ctx, "view serves", "view", v.Name, "generation", g.ID, "run", g.Run)
	}
	return err
}

// isOver says whether the queries that had begun with a generation before it was given up have ended, by any two clocks.
func (t *replaying) isOver(g catalog.Generation) bool {
	apart := 2 * (t.ClockMargin + time.Second)
	return g.State == catalog.Dropping && t.Now().UnixMilli()-g.Since >= (t.Linger+apart).Milliseconds()
}

// delete deletes a generation's items, as far as time allows, and then the generation.
func (t *replaying) delete(ctx context.Context, v catalog.View, g catalog.Generation) error {
	for after := ""; ; {
		if t.short(ctx) {
			return nil
		}
		next, err := t.Items.Drop(ctx, viewstore.OfGeneration(g.ID), after)
		if err != nil {
			return err
		}
		if after = next; after == "" {
			break
		}
	}
	// Commit point: nothing is left of it. A crash before has the store looked through again.
	err := t.Catalog.PutView(ctx, v.Without(g.ID))
	if errors.Is(err, catalog.ErrConflict) {
		return nil // the next tick finds nothing to delete, and tries again
	}
	if err == nil {
		t.Log.InfoContext(ctx, "generation dropped", "view", v.Name, "generation", g.ID)
	}
	return err
}
