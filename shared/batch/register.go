package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Register puts the views that the catalog does not know into it, each with a generation to be built, which speed folds for slots from live on. It is for
// whoever can promise that speed will be given every event from there on, as one process can that starts all of the system; Tick needs no such promise.
func (b *Batch) Register(ctx context.Context, live slot.Slot) error {
	return b.each(func(d lifecycle.Definition) error {
		v, err := b.known(ctx, d.Name)
		if v.Revision > 0 || err != nil {
			return err
		}
		g, err := b.fresh(d, lifecycle.Building, live)
		if err != nil {
			return err
		}
		return unlessConflict(b.want(ctx, v, d, g, false))
	})
}

// announceAll announces the definitions that the catalog does not know, and confirms those whose announcement came in time: before any event was
// streamed that speed is to fold (docs/design.md 3.7).
//
// What an operator wants built anew is begun when whole says that the runs hold all of the archive: that is what an operator does when something is missing.
func (b *Batch) announceAll(ctx context.Context, whole bool) error {
	return b.each(func(d lifecycle.Definition) error { return b.announce(ctx, d, whole) })
}

func (b *Batch) each(register func(lifecycle.Definition) error) error {
	var all []error
	for _, d := range b.Definitions {
		if err := register(d); err != nil {
			all = append(all, fmt.Errorf("register view %s: %w", d.Name, err))
		}
	}
	return errors.Join(all...)
}

// known is the view of the name; one that the catalog has not has no revision.
func (b *Batch) known(ctx context.Context, name view.Name) (lifecycle.View, error) {
	v, err := b.Catalog.View(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return lifecycle.View{Name: name}, nil
	}
	return v, err
}

func unlessConflict(err error) error {
	if errors.Is(err, catalog.ErrConflict) {
		return nil // somebody else has moved it on
	}
	return err
}

// announce brings one definition as far as it can come: announced, and confirmed once the announcement has been read in time. What is too late is
// announced for another slot. A definition that was on its way is given up for it.
func (b *Batch) announce(ctx context.Context, d lifecycle.Definition, whole bool) error {
	for range b.Tries {
		v, err := b.known(ctx, d.Name)
		if err != nil {
			return err
		}
		done, err := b.goOn(ctx, v, d, whole)
		if done || unlessConflict(err) != nil {
			return err
		}
	}
	return nil // the next tick goes on
}

// goOn takes the next step towards a definition, and says whether there is none left.
func (b *Batch) goOn(ctx context.Context, v lifecycle.View, d lifecycle.Definition, whole bool) (done bool, err error) {
	if _, changed := v.Wanting(lifecycle.Generation{Definition: d.Hash}, whole, 0); changed {
		g, err := b.next(ctx, v, d)
		if err != nil {
			return false, err
		}
		return false, b.want(ctx, v, d, g, whole)
	}
	g, waits := v.In(lifecycle.Announced)
	if !waits {
		return true, nil
	}
	early, err := b.early(ctx, g.Live)
	if err != nil {
		return false, err
	}
	if early {
		g.State = lifecycle.Building
		v = v.With(g)
	} else if v, err = b.later(ctx, v, g); err != nil {
		return false, err
	}
	// Commit point: confirmed, it is built; or announced for a later slot.
	return false, b.Catalog.PutView(ctx, v)
}

// later announces a generation for a later slot. What speed has folded of a Lambda view for slots before that one, nobody will read. The items of a Kappa
// view carry no slot: what is in them stays in, so another generation takes the place of the one that came too late.
func (b *Batch) later(ctx context.Context, v lifecycle.View, g lifecycle.Generation) (lifecycle.View, error) {
	live, err := b.ahead(ctx)
	if err != nil {
		return v, err
	}
	if g.Architecture == view.Lambda {
		g.Live = live
		return v.With(g), nil
	}
	fresh, err := b.fresh(lifecycle.Definition{Hash: g.Definition, Architecture: g.Architecture}, lifecycle.Announced, live)
	if err != nil {
		return v, err
	}
	g.State, g.Since = lifecycle.Dropping, b.Now().UnixMilli()
	v = v.With(g)
	v.Generations = append(v.Generations, fresh)
	return v, nil
}

// next is the generation in which a definition would come.
func (b *Batch) next(ctx context.Context, v lifecycle.View, d lifecycle.Definition) (lifecycle.Generation, error) {
	if same, ok := v.Of(d.Hash); ok && d.Architecture == view.Lambda && same.State != lifecycle.Announced {
		// Speed folds the definition already, into items that all its generations share.
		return b.fresh(d, lifecycle.Building, same.Live)
	}
	live, err := b.ahead(ctx)
	if err != nil {
		return lifecycle.Generation{}, err
	}
	return b.fresh(d, lifecycle.Announced, live)
}

// fresh is a generation that never was.
func (b *Batch) fresh(d lifecycle.Definition, state lifecycle.State, live slot.Slot) (lifecycle.Generation, error) {
	id, err := b.NewID()
	return lifecycle.Generation{ID: lifecycle.GenerationID(id.String()), Definition: d.Hash, Architecture: d.Architecture, State: state, Live: live}, err
}

// want makes the definition of a fresh generation the one to be. Its text is stored before, so that whoever reads the view can run it.
func (b *Batch) want(ctx context.Context, v lifecycle.View, d lifecycle.Definition, g lifecycle.Generation, whole bool) error {
	if err := b.Catalog.PutDefinition(ctx, d.Hash, d.Text); err != nil {
		return err
	}
	next, _ := v.Wanting(g, whole, b.Now().UnixMilli())
	next.Description = d.Description
	// Commit point: from here on speed folds the definition, and no longer one that was given up for it.
	return b.Catalog.PutView(ctx, next)
}

// ahead is the slot that a definition is announced for: 0 when there is no event yet, so that a new stack's answers are live from its first event on.
func (b *Batch) ahead(ctx context.Context) (slot.Slot, error) {
	empty, err := b.empty(ctx)
	if err != nil || empty {
		return 0, err
	}
	return b.Layout.Slot.Next(b.Layout.Slot.At(b.Now().Add(b.ClockMargin.Apart() + b.Confirm))), nil
}

// early says whether an announcement that has been read is early enough: whether no event of a slot from live on can have been streamed before.
//
// With live = 0 there must be none at all: an event is archived before it is streamed, and is folded by a function that reads the catalog after that.
func (b *Batch) early(ctx context.Context, live slot.Slot) (bool, error) {
	if live == 0 {
		return b.empty(ctx)
	}
	return !b.Now().Add(b.ClockMargin.Apart()).After(live.Start()), nil
}

func (b *Batch) empty(ctx context.Context) (bool, error) {
	found, _, err := b.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1)
	if err != nil {
		return false, fmt.Errorf("look for the first event: %w", err)
	}
	return len(found) == 0, nil
}

// move lets generations serve that may, and deletes what was given up. Replay does so with those of Kappa views.
func (t *tick) move(ctx context.Context, views []lifecycle.View, head lifecycle.Run) error {
	return generations.Mover{
		Catalog: t.Catalog, Architecture: view.Lambda, Approve: t.Approve, Linger: t.Linger + t.ClockMargin.Apart(), Drop: t.Base.Drop,
		Started: t.started, Now: t.Now, Log: t.Log,
	}.Move(ctx, views, head)
}

// giveUp gives up what was retained for long enough, of either architecture.
func (t *tick) giveUp(ctx context.Context, views []lifecycle.View) error {
	for _, v := range views {
		g, ok := v.In(lifecycle.Retained)
		if !ok || t.Now().UnixMilli()-g.Since < t.Keep.Milliseconds() {
			continue
		}
		g.State, g.Since = lifecycle.Dropping, t.Now().UnixMilli()
		// Commit point: from here on nobody goes back to it.
		if err := unlessConflict(t.Catalog.PutView(ctx, v.With(g))); err != nil {
			return fmt.Errorf("give up generation %s of view %s: %w", g.ID, v.Name, err)
		}
	}
	return nil
}
