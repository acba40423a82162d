package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// ErrDefinitionChanged: a view of the catalog has another definition than the one to be.
var ErrDefinitionChanged = errors.New("view is in the catalog with another definition")

// Register puts the views that the catalog does not know into it, each with a generation to be built, which speed folds for slots from live
// on. live = 0 says that speed will be given every event from the horizon on.
//
// Errors: ErrDefinitionChanged, naming the view; the others are registered all the same.
func (b *Batch) Register(ctx context.Context, live slot.Slot) error {
	var all []error
	for _, d := range b.Definitions {
		if err := b.register(ctx, d, live); err != nil {
			all = append(all, fmt.Errorf("register view %s: %w", d.Name, err))
		}
	}
	return errors.Join(all...)
}

func (b *Batch) register(ctx context.Context, d catalog.Definition, live slot.Slot) error {
	known, err := b.Catalog.View(ctx, d.Name)
	if err == nil {
		for _, g := range known.Generations {
			if g.Definition == d.Hash {
				return nil
			}
		}
		return fmt.Errorf("%w: wanted %s", ErrDefinitionChanged, d.Hash)
	}
	if !errors.Is(err, catalog.ErrNotFound) {
		return err
	}
	if err := b.Catalog.PutDefinition(ctx, d.Hash, d.Text); err != nil {
		return err
	}
	id, err := b.NewID()
	if err != nil {
		return err
	}
	// Commit point: from here on speed folds the definition. The definition's text is stored before, so that whoever reads the view can run it.
	err = b.Catalog.PutView(ctx, catalog.View{Name: d.Name, Description: d.Description, Generations: []catalog.Generation{{
		ID: viewstore.Generation(id.String()), Definition: d.Hash, State: catalog.Building, Live: live,
	}}})
	if errors.Is(err, catalog.ErrConflict) {
		return nil // somebody else has just registered it
	}
	return err
}

// serve lets the generations serve that are built up to the head, when their horizon has reached the slot from which speed folds them: before
// that, slots between the two would be in neither half.
func (t *tick) serve(ctx context.Context, head catalog.Run) error {
	views, err := t.Catalog.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	for _, v := range views {
		for _, g := range v.Generations {
			if g.State != catalog.Building || g.Run == 0 || g.Run < head.N || g.Horizon < g.Live {
				continue
			}
			g.State = catalog.Serving
			next := v.With(g)
			next.Serving = g.ID
			// Commit point: queries follow the pointer.
			if err := t.Catalog.PutView(ctx, next); err != nil && !errors.Is(err, catalog.ErrConflict) {
				return fmt.Errorf("let view %s serve: %w", v.Name, err)
			}
			t.Log.InfoContext(ctx, "view serves", "view", v.Name, "generation", g.ID, "horizon", g.Horizon)
			break // one move per view and tick
		}
	}
	return nil
}
