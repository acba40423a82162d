package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// ErrDefinitionChanged: a view of the catalog has another definition than the one to be.
var ErrDefinitionChanged = errors.New("view is in the catalog with another definition")

// Register puts the views that the catalog does not know into it, each with a generation to be built. It is for whoever can promise that speed will
// be given every event from the horizon on, as one process can that starts all of the system; Tick needs no such promise.
//
// Errors: ErrDefinitionChanged, naming the view; the others are registered all the same.
func (b *Batch) Register(ctx context.Context) error {
	return b.each(func(d catalog.Definition) error {
		known, err := b.known(ctx, d)
		if known != nil || err != nil {
			return err
		}
		return unlessConflict(b.put(ctx, d, catalog.Building, 0))
	})
}

// announceAll announces the definitions that the catalog does not know, and confirms those whose announcement came in time: before any event was
// streamed that speed is to fold (docs/design.md 3.7).
func (b *Batch) announceAll(ctx context.Context) error {
	return b.each(func(d catalog.Definition) error { return b.announce(ctx, d) })
}

func (b *Batch) each(register func(catalog.Definition) error) error {
	var all []error
	for _, d := range b.Definitions {
		if err := register(d); err != nil {
			all = append(all, fmt.Errorf("register view %s: %w", d.Name, err))
		}
	}
	return errors.Join(all...)
}

// known is the view of the definition, nil when the catalog has none of that name.
func (b *Batch) known(ctx context.Context, d catalog.Definition) (*catalog.View, error) {
	v, err := b.Catalog.View(ctx, d.Name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, g := range v.Generations {
		if g.Definition == d.Hash {
			return &v, nil
		}
	}
	return nil, fmt.Errorf("%w: wanted %s", ErrDefinitionChanged, d.Hash)
}

// put writes a new view. The definition's text is stored before, so that whoever reads the view can run it.
func (b *Batch) put(ctx context.Context, d catalog.Definition, state catalog.State, live slot.Slot) error {
	if err := b.Catalog.PutDefinition(ctx, d.Hash, d.Text); err != nil {
		return err
	}
	id, err := b.NewID()
	if err != nil {
		return err
	}
	// Commit point: from here on speed folds the definition.
	return b.Catalog.PutView(ctx, catalog.View{Name: d.Name, Description: d.Description, Generations: []catalog.Generation{{
		ID: viewstore.Generation(id.String()), Definition: d.Hash, State: state, Live: live,
	}}})
}

func unlessConflict(err error) error {
	if errors.Is(err, catalog.ErrConflict) {
		return nil // somebody else has moved it on
	}
	return err
}

// announce brings one definition as far as it can come: announced, and confirmed once the announcement has been read in time. What is too late is
// announced for another slot.
func (b *Batch) announce(ctx context.Context, d catalog.Definition) error {
	for range b.Tries {
		v, err := b.known(ctx, d)
		if err != nil {
			return err
		}
		if v == nil {
			live, err := b.ahead(ctx)
			if err == nil {
				err = unlessConflict(b.put(ctx, d, catalog.Announced, live))
			}
			if err != nil {
				return err
			}
			continue
		}
		g, waits := announced(*v)
		if !waits {
			return nil
		}
		early, err := b.early(ctx, g.Live)
		if err != nil {
			return err
		}
		if early {
			g.State = catalog.Building
		} else if g.Live, err = b.ahead(ctx); err != nil {
			return err
		}
		// Commit point: confirmed, it is built; or announced for a later slot. What speed has folded for slots before that one, nobody will read.
		if err := unlessConflict(b.Catalog.PutView(ctx, v.With(g))); err != nil {
			return err
		}
	}
	return nil // the next tick goes on
}

func announced(v catalog.View) (catalog.Generation, bool) {
	for _, g := range v.Generations {
		if g.State == catalog.Announced {
			return g, true
		}
	}
	return catalog.Generation{}, false
}

// ahead is the slot that a definition is announced for: 0 when there is no event yet, so that a new stack's answers are live from its first event on.
func (b *Batch) ahead(ctx context.Context) (slot.Slot, error) {
	empty, err := b.empty(ctx)
	if err != nil || empty {
		return 0, err
	}
	return b.Layout.Slot.Next(b.Layout.Slot.At(b.Now().Add(b.clocksApart() + timeToConfirm))), nil
}

// timeToConfirm is for the writes of an announcement and its confirmation. One that takes longer is made again.
const timeToConfirm = 10 * time.Second

// early says whether an announcement that has been read is early enough: whether no event of a slot from live on can have been streamed before.
//
// With live = 0 there must be none at all: an event is archived before it is streamed, and is folded by a function that reads the catalog after that.
func (b *Batch) early(ctx context.Context, live slot.Slot) (bool, error) {
	if live == 0 {
		return b.empty(ctx)
	}
	return !b.Now().Add(b.clocksApart()).After(live.Start()), nil
}

// clocksApart is how far the clock of ingest may be ahead of this one: each is held against the store's, which tells whole seconds.
func (b *Batch) clocksApart() time.Duration { return 2 * (b.ClockMargin + time.Second) }

func (b *Batch) empty(ctx context.Context) (bool, error) {
	found, _, err := b.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1)
	if err != nil {
		return false, fmt.Errorf("look for the first event: %w", err)
	}
	return len(found) == 0, nil
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
