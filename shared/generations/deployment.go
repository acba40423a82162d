package generations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Deployment brings views to the definitions that batch is deployed with. All fields are needed. Several Deployments
// may work on one catalog at the same time. Two deployed versions undo each other's announcements, but each step is
// safe on its own; once only one version remains, its definitions win.
type Deployment struct {
	Archive     archive.Archive
	Catalog     catalog.Catalog
	Definitions []lifecycle.Definition // definitions that the views should have

	Layout      archive.Layout
	ClockMargin clock.Margin // maximum difference between the store's clock and ours
	// Time for the writes of an announcement and its confirmation. An announcement that takes longer is made again.
	ConfirmWithin time.Duration
	RetainFor     time.Duration // a generation that has served is kept current for so long, to go back to
	Tries         int           // maximum tries of one conditional write

	Now   func() time.Time
	NewID func() (ulid.ULID, error) // returns a ULID that was never made before
}

// Register adds the views that the catalog does not have. Each gets a generation that speed folds for slots from live
// on. The caller must promise that speed receives every event from there on, as a process can that starts the whole
// system. Announce needs no such promise.
//
// Errors: the catalog's, with the view's name; retry.
func (s Deployment) Register(ctx context.Context, live slot.Slot) error {
	return s.each("register", func(d lifecycle.Definition) error {
		_, _, err := Update(ctx, s.Catalog, d.Name, s.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
			if v.Revision > 0 {
				return v, false, nil
			}
			g, err := s.newGeneration(d, lifecycle.Begin, live)
			if err != nil {
				return v, false, err
			}
			return s.makeDesired(ctx, v, d, g, 0)
		})
		return err
	})
}

// Announce announces definitions that the views, as read, do not have, and stores changed descriptions. It confirms
// the definitions that were announced in time, that is, before the stream had any event that speed should fold. changed
// reports whether there was anything to do; then the caller must read the views again.
//
// A requested rebuild begins only when searched has it, by view: the requests that were there before the archive was
// searched for what no run holds, since operators rebuild a view when something is missing.
//
// Errors: those of the archive and the catalog, with the view's name; retry.
func (s Deployment) Announce(
	ctx context.Context, views []lifecycle.View, searched map[view.Name]int64,
) (changed bool, err error) {
	err = s.each("announce", func(d lifecycle.Definition) error {
		at := slices.IndexFunc(views, func(v lifecycle.View) bool { return v.Name == d.Name })
		if at >= 0 && isDone(views[at], d, searched[d.Name]) {
			return nil
		}
		changed = true
		return s.announce(ctx, d, searched[d.Name])
	})
	return changed, err
}

// each takes a step for each definition. An error of one does not stop the others; it names the step and the view.
func (s Deployment) each(what string, step func(lifecycle.Definition) error) error {
	var all []error
	for _, d := range s.Definitions {
		if err := step(d); err != nil {
			all = append(all, fmt.Errorf("%s view %s: %w", what, d.Name, err))
		}
	}
	return errors.Join(all...)
}

// isDone reports whether Announce has nothing left to do for a view and its definition.
func isDone(v lifecycle.View, d lifecycle.Definition, searched int64) bool {
	_, waits := v.FirstInState(lifecycle.Announced)
	return !waits && !wants(v, d, searched)
}

func wants(v lifecycle.View, d lifecycle.Definition, searched int64) bool {
	_, changed := desired(v, d, lifecycle.Generation{Definition: d.Hash}, searched)
	return changed
}

// desired returns the view once a definition is the desired one, and whether that changes anything. The fresh
// generation is added only if the view needs a new one. The description is for people and no part of the definition, so
// a new description alone begins no generation.
func desired(v lifecycle.View, d lifecycle.Definition, fresh lifecycle.Generation, searched int64) (next lifecycle.View,
	changed bool) {
	next, changed = v.WithDesired(fresh, searched)
	next.Description = d.Description
	return next, changed || v.Description != d.Description
}

// announce takes one definition as far as it can: it announces it, and confirms it once the announcement was read in
// time. It announces a late one again for a later slot. It gives up a definition that was on its way before.
func (s Deployment) announce(ctx context.Context, d lifecycle.Definition, searched int64) error {
	for range s.Tries {
		_, changed, err := Update(ctx, s.Catalog, d.Name, s.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
			return s.step(ctx, v, d, searched)
		})
		if !changed || err != nil {
			return unlessConflict(err)
		}
	}
	return nil // the next tick continues
}

// step takes the next step towards a definition; changed is false when there is none.
func (s Deployment) step(
	ctx context.Context, v lifecycle.View, d lifecycle.Definition, searched int64,
) (lifecycle.View, bool, error) {
	if wants(v, d, searched) {
		g, err := s.generationOf(ctx, v, d)
		if err != nil {
			return v, false, err
		}
		return s.makeDesired(ctx, v, d, g, searched)
	}
	g, waits := v.FirstInState(lifecycle.Announced)
	if !waits {
		return v, false, nil
	}
	// What is written next is a commit point: confirmed, the generation is built; or it is announced for a later slot.
	inTime, err := s.confirmedInTime(ctx, g.LiveFrom)
	if err != nil {
		return v, false, err
	}
	if inTime {
		return v.Confirmed(g.ID), true, nil
	}
	return s.postpone(ctx, v, g)
}

// postpone announces a generation again, for a later slot.
func (s Deployment) postpone(
	ctx context.Context, v lifecycle.View, g lifecycle.Generation,
) (lifecycle.View, bool, error) {
	live, err := s.nextLiveSlot(ctx, g.PerSlot())
	if err != nil {
		return v, false, err
	}
	var another lifecycle.GenerationID
	if !g.PerSlot() {
		id, err := s.NewID()
		if err != nil {
			return v, false, err
		}
		another = lifecycle.GenerationID(id.String())
	}
	return v.Postponed(g.ID, another, live), true, nil
}

// generationOf returns the new generation that a definition would get.
func (s Deployment) generationOf(
	ctx context.Context, v lifecycle.View, d lifecycle.Definition,
) (lifecycle.Generation, error) {
	if live, ok := v.FoldedFrom(d); ok {
		return s.newGeneration(d, lifecycle.Begin, live)
	}
	g, err := s.newGeneration(d, lifecycle.Announce, slot.Beginning)
	if err == nil {
		g.LiveFrom, err = s.nextLiveSlot(ctx, g.PerSlot())
	}
	return g, err
}

// newGeneration returns a generation with a new id.
func (s Deployment) newGeneration(
	d lifecycle.Definition, m lifecycle.Move, live slot.Slot,
) (lifecycle.Generation, error) {
	id, err := s.NewID()
	return lifecycle.New(d, lifecycle.GenerationID(id.String()), m, live), err
}

// makeDesired makes the definition of a fresh generation the desired one. It stores the definition's text first, so
// that every reader of the view can run it.
func (s Deployment) makeDesired(
	ctx context.Context, v lifecycle.View, d lifecycle.Definition, g lifecycle.Generation, searched int64,
) (lifecycle.View, bool, error) {
	if err := s.Catalog.PutDefinition(ctx, d.Hash, d.Text); err != nil {
		return v, false, err
	}
	// What is written next is a commit point: speed folds the definition from then on, and no longer one that was given
	// up for it.
	next, changed := desired(v, d, g, searched)
	return next, changed, nil
}

// nextLiveSlot returns the slot from which an announced definition is live. It is slot.Beginning while the archive has
// no event, so that a new stack's answers are live from its first event on.
//
// In an archive that was taken over, events of slots before the layout began are not in the stream. A copy of such an
// event may follow within the speed window. Items that are not per slot would count it for ever, so they are live only
// from the end of that window on: then replay brings both copies.
func (s Deployment) nextLiveSlot(ctx context.Context, perSlot bool) (slot.Slot, error) {
	length, begins := s.Layout.Slot, s.Layout.Begins
	if begins == slot.Beginning {
		empty, err := s.isArchiveEmpty(ctx)
		if err != nil || empty {
			return slot.Beginning, err
		}
	}
	live := length.Next(length.At(s.Now().Add(s.ClockMargin.Apart() + s.ConfirmWithin)))
	if begins != slot.Beginning && !perSlot {
		live = max(live, length.Next(length.At(begins.Start().Add(s.Layout.SpeedWindow-time.Millisecond))))
	}
	return live, nil
}

// confirmedInTime reports whether an announcement was read early enough: before any event of a slot from live on can
// have been streamed.
//
// For slot.Beginning, the archive must have no event at all. An event is archived before it is streamed, and the
// function that folds it reads the catalog after that.
func (s Deployment) confirmedInTime(ctx context.Context, live slot.Slot) (bool, error) {
	if live == slot.Beginning {
		return s.isArchiveEmpty(ctx)
	}
	return !s.Now().Add(s.ClockMargin.Apart()).After(live.Start()), nil
}

func (s Deployment) isArchiveEmpty(ctx context.Context) (bool, error) {
	found, _, err := s.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1)
	if err != nil {
		return false, fmt.Errorf("look for the first event: %w", err)
	}
	return len(found) == 0, nil
}

// Expire gives up the generations of the views, as read, that were retained for RetainFor. Errors: the catalog's;
// retry.
func (s Deployment) Expire(ctx context.Context, views []lifecycle.View) error {
	now := event.MillisOf(s.Now())
	var all []error
	for _, v := range views {
		if _, is := v.Expired(s.RetainFor, now); is {
			all = append(
				all, s.change(ctx, v.Name, func(v lifecycle.View) (lifecycle.View, bool) { return v.Expired(s.RetainFor, now) }),
			)
		}
	}
	return errors.Join(all...)
}

// Retire retires views, as read, that no definition names, and drops those that were retired for RetainFor. A views
// file that is refused deploys nothing. Without any definition nothing is retired, since an empty file is more likely a
// mistake than a wish.
//
// Errors: the catalog's; retry.
func (s Deployment) Retire(ctx context.Context, views []lifecycle.View) error {
	if len(s.Definitions) == 0 {
		return nil
	}
	now := event.MillisOf(s.Now())
	unnamed := func(v lifecycle.View) (lifecycle.View, bool) { return v.Unnamed(s.RetainFor, now) }
	var all []error
	for _, v := range views {
		isNamed := slices.ContainsFunc(s.Definitions, func(d lifecycle.Definition) bool { return d.Name == v.Name })
		if _, is := unnamed(v); is && !isNamed {
			// Commit point: the view is retired; or no query begins with it any more. A crash before leaves it to the next tick.
			all = append(all, s.change(ctx, v.Name, unnamed))
		}
	}
	return errors.Join(all...)
}

// change applies a move that needs only the view.
func (s Deployment) change(
	ctx context.Context, name view.Name, move func(lifecycle.View) (lifecycle.View, bool),
) error {
	_, _, err := Update(ctx, s.Catalog, name, s.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
		next, changed := move(v)
		return next, changed, nil
	})
	return unlessConflict(err)
}
