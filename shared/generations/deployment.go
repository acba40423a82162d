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

// Deployment brings views to the definitions that batch is deployed with. All fields are needed. Several may work on
// one catalog at once; two versions that take turns undo one another's announcements, each does only what is right to
// do, and the one that is left has its way.
type Deployment struct {
	Archive     archive.Archive
	Catalog     catalog.Catalog
	Definitions []lifecycle.Definition // what the views are to be

	Slot        slot.Length
	ClockMargin clock.Margin // by which the store's clock may differ from ours
	// for the writes of an announcement and its confirmation: one that takes longer is made again
	ConfirmWithin time.Duration
	RetainFor     time.Duration // a generation that has served is kept current for so long, to go back to
	Tries         int           // at one conditional write

	Now   func() time.Time
	NewID func() (ulid.ULID, error) // a ULID never made before
}

// Register puts the views that the catalog does not know into it, each with a generation to be built, which speed
// folds for slots from live on. It is for whoever can promise that speed will be given every event from there on, as
// one process can that starts all of the system; Announce needs no such promise.
func (s Deployment) Register(ctx context.Context, live slot.Slot) error {
	return s.each(func(d lifecycle.Definition) error {
		_, _, err := Update(ctx, s.Catalog, d.Name, s.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
			if v.Revision > 0 {
				return v, false, nil
			}
			g, err := s.newGeneration(d, lifecycle.Begin, live)
			if err != nil {
				return v, false, err
			}
			return s.makeDesired(ctx, v, d, g, false)
		})
		return err
	})
}

// Announce announces the definitions that the views, as read, do not have, and confirms those whose announcement came
// in time: before any event was streamed that speed is to fold. It says whether there was anything to do: then the
// views are to be read again.
//
// What an operator wants built anew is begun when whole says that the runs hold all of the archive: that is what an
// operator does when something is missing.
func (s Deployment) Announce(ctx context.Context, views []lifecycle.View, whole bool) (changed bool, err error) {
	err = s.each(func(d lifecycle.Definition) error {
		at := slices.IndexFunc(views, func(v lifecycle.View) bool { return v.Name == d.Name })
		if at >= 0 && isDone(views[at], d, whole) {
			return nil
		}
		changed = true
		return s.announce(ctx, d, whole)
	})
	return changed, err
}

func (s Deployment) each(step func(lifecycle.Definition) error) error {
	var all []error
	for _, d := range s.Definitions {
		if err := step(d); err != nil {
			all = append(all, fmt.Errorf("register view %s: %w", d.Name, err))
		}
	}
	return errors.Join(all...)
}

// isDone says whether a view has come as far towards a definition as announcing takes it.
func isDone(v lifecycle.View, d lifecycle.Definition, whole bool) bool {
	_, waits := v.FirstInState(lifecycle.Announced)
	return !waits && !wants(v, d, whole)
}

func wants(v lifecycle.View, d lifecycle.Definition, whole bool) bool {
	_, changed := v.WithDesired(lifecycle.Generation{Definition: d.Hash}, whole, 0)
	return changed
}

// announce brings one definition as far as it can come: announced, and confirmed once the announcement has been read
// in time. What is too late is announced for another slot. A definition that was on its way is given up for it.
func (s Deployment) announce(ctx context.Context, d lifecycle.Definition, whole bool) error {
	for range s.Tries {
		_, changed, err := Update(ctx, s.Catalog, d.Name, s.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
			return s.step(ctx, v, d, whole)
		})
		if !changed || err != nil {
			return unlessConflict(err)
		}
	}
	return nil // the next tick goes on
}

// step takes the next step towards a definition; no change when there is none left.
func (s Deployment) step(
	ctx context.Context, v lifecycle.View, d lifecycle.Definition, whole bool,
) (lifecycle.View, bool, error) {
	if wants(v, d, whole) {
		g, err := s.generationOf(ctx, v, d)
		if err != nil {
			return v, false, err
		}
		return s.makeDesired(ctx, v, d, g, whole)
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

// postpone announces a generation for a later slot.
func (s Deployment) postpone(
	ctx context.Context, v lifecycle.View, g lifecycle.Generation,
) (lifecycle.View, bool, error) {
	live, err := s.nextLiveSlot(ctx)
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
	return v.Postponed(g.ID, another, live, event.MillisOf(s.Now())), true, nil
}

// generationOf is the generation in which a definition would come.
func (s Deployment) generationOf(
	ctx context.Context, v lifecycle.View, d lifecycle.Definition,
) (lifecycle.Generation, error) {
	if live, ok := v.FoldedFrom(d); ok {
		return s.newGeneration(d, lifecycle.Begin, live)
	}
	live, err := s.nextLiveSlot(ctx)
	if err != nil {
		return lifecycle.Generation{}, err
	}
	return s.newGeneration(d, lifecycle.Announce, live)
}

// newGeneration is a generation that never was.
func (s Deployment) newGeneration(
	d lifecycle.Definition, m lifecycle.Move, live slot.Slot,
) (lifecycle.Generation, error) {
	id, err := s.NewID()
	return lifecycle.New(d, lifecycle.GenerationID(id.String()), m, live), err
}

// makeDesired makes the definition of a fresh generation the one to be. Its text is stored before, so that whoever
// reads the view can run it.
func (s Deployment) makeDesired(
	ctx context.Context, v lifecycle.View, d lifecycle.Definition, g lifecycle.Generation, whole bool,
) (lifecycle.View, bool, error) {
	if err := s.Catalog.PutDefinition(ctx, d.Hash, d.Text); err != nil {
		return v, false, err
	}
	// What is written next is a commit point: speed folds the definition from then on, and no longer one that was given
	// up for it.
	next, changed := v.WithDesired(g, whole, event.MillisOf(s.Now()))
	next.Description = d.Description
	return next, changed, nil
}

// nextLiveSlot is the slot that a definition is announced for: slot.Beginning when there is no event yet, so that a new stack's
// answers are live from its first event on.
func (s Deployment) nextLiveSlot(ctx context.Context) (slot.Slot, error) {
	empty, err := s.isArchiveEmpty(ctx)
	if err != nil || empty {
		return slot.Beginning, err
	}
	return s.Slot.Next(s.Slot.At(s.Now().Add(s.ClockMargin.Apart() + s.ConfirmWithin))), nil
}

// confirmedInTime says whether an announcement that has been read is early enough: whether no event of a slot from
// live on can have been streamed before.
//
// With slot.Beginning there must be none at all: an event is archived before it is streamed, and is folded by a function
// that reads the catalog after that.
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

// Expire gives up what was retained for long enough, of the views as read.
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

// Retire retires the views, as read, that no definition names, and drops those that have been retired for long enough.
// A file that is refused deploys nothing, and without any definition nothing is retired: that a file is empty is a
// mistake more likely than a wish.
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

// change makes a move that needs nothing but the view.
func (s Deployment) change(
	ctx context.Context, name view.Name, move func(lifecycle.View) (lifecycle.View, bool),
) error {
	_, _, err := Update(ctx, s.Catalog, name, s.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
		next, changed := move(v)
		return next, changed, nil
	})
	return unlessConflict(err)
}
