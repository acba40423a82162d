// Package operations is the layer for who operates the views: it tells their status, and does what is wanted of one.
// It decides nothing: what may be done is said by shared/lifecycle, and what is begun here, batch, replay and audit
// carry out at their next ticks.
//
// It reads and writes the catalog only, and knows no events and no items.
package operations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Operations operates views. All fields are needed. It is safe for concurrent use.
type Operations struct {
	Catalog interface {
		catalog.Catalog
		catalog.Audits
	}
	Sweeps catalog.Sweeps
	Tries  int // of one operation, each from what is stored by then
	Now    func() time.Time
}

// Operation is what may be wanted of a view.
type Operation string

// The operations.
const (
	Rebuild  Operation = "rebuild"  // build the definition anew, beside what serves
	Audit    Operation = "audit"    // compare what is stored with what the archive gives
	Switch   Operation = "switch"   // let a generation serve
	Rollback Operation = "rollback" // let the retained one serve again
	Drop     Operation = "drop"     // give up the retained one; of a retired view, all of it
	Abandon  Operation = "abandon"  // give up one that is on its way
)

// All are the operations, in the order in which people are told them.
func All() []Operation { return []Operation{Rebuild, Audit, Switch, Rollback, Drop, Abandon} }

// What can be wrong with what is wanted, beside a *lifecycle.Refusal.
var (
	ErrUnknownView      = errors.New("unknown view")
	ErrUnknownOperation = errors.New("unknown operation")
	ErrNoGeneration     = errors.New("the operation applies to the whole view; omit generation")
)

// Do does an operation on a generation, "" for the only one that it can be about, and returns the view's status after
// it. It is one conditional write, made again when the view has changed meanwhile, and only for the generation that it
// was about at first. What has been done already is not done again.
//
// Errors: ErrUnknownView; ErrUnknownOperation; ErrNoGeneration; *lifecycle.Refusal; catalog.ErrConflict: the view kept
// changing, and nothing was done. Any other: it may or may not have been done; look at the status.
func (o *Operations) Do(
	ctx context.Context, name view.Name, operation Operation, generation lifecycle.GenerationID,
) (Status, error) {
	if !slices.Contains(All(), operation) {
		return Status{}, fmt.Errorf("%w: %.80q", ErrUnknownOperation, operation)
	}
	if generation != "" && (operation == Rebuild || operation == Audit) {
		return Status{}, fmt.Errorf("%s: %w", operation, ErrNoGeneration)
	}
	var (
		v   lifecycle.View
		err error
	)
	if operation == Audit {
		v, err = o.wantAudit(ctx, name)
	} else {
		v, err = o.change(ctx, name, operation, generation)
	}
	if err != nil {
		return Status{}, err
	}
	return o.statusOf(ctx, v)
}

// change does an operation that changes the view, and returns the view after it. It is about the same generation at
// every try: a rollback whose answer was lost must not go forward again.
func (o *Operations) change(
	ctx context.Context, name view.Name, operation Operation, generation lifecycle.GenerationID,
) (lifecycle.View, error) {
	var w *wish
	v, _, err := generations.Update(ctx, o.Catalog, name, o.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
		switch {
		case v.Revision == 0:
			return v, false, fmt.Errorf("%w: %.80q", ErrUnknownView, name)
		case w == nil:
			w = &wish{operation: operation, generation: about(v, operation, generation), first: v, now: event.MillisOf(o.Now())}
			w.dropsView = operation == Drop && generation == "" && v.Retired != event.Never
		case w.isReached(v):
			return v, false, nil // the answer was lost, or somebody else wanted the same
		}
		// The head is read after the view: what it shows of runs is no older than what the view does.
		head, err := o.Catalog.Head(ctx)
		if err != nil {
			return v, false, fmt.Errorf("read head: %w", err)
		}
		// What is written next is a commit point: the operation is done. A crash before leaves the view as it was; a crash
		// after leaves an operator without an answer, who finds the status as wanted.
		next, err := w.apply(v, head)
		return next, err == nil && !same(v, next), err
	})
	return v, err
}

// wish is what is wanted of a view, as it was when it was asked for.
type wish struct {
	operation  Operation
	generation lifecycle.GenerationID
	first      lifecycle.View
	dropsView  bool // it is about the view, which is retired
	now        event.Millis
}

// about is the generation that an operation is about where none is named; "" when there is none. An operation that is
// tried again is about the same one: a rollback whose answer was lost must not go forward again.
func about(v lifecycle.View, operation Operation, named lifecycle.GenerationID) lifecycle.GenerationID {
	if named != "" {
		return named
	}
	states := map[Operation][]lifecycle.State{
		Switch: {lifecycle.Building}, Rollback: {lifecycle.Retained}, Drop: {lifecycle.Retained}, Abandon: {lifecycle.Announced, lifecycle.Building},
	}[operation]
	g, _ := v.FirstInState(states...)
	return g.ID
}

// apply is the view when the wish is granted. Errors: *lifecycle.Refusal.
func (w wish) apply(v lifecycle.View, head lifecycle.Run) (lifecycle.View, error) {
	switch w.operation {
	case Rebuild:
		return v.WantRebuild()
	case Switch:
		return v.Switch(w.generation, head, w.now)
	case Drop:
		if w.dropsView {
			return v.DropRetired(w.now)
		}
		return v.Drop(w.generation, w.now)
	case Abandon:
		return v.Abandon(w.generation, w.now)
	}
	if w.generation == "" {
		return v.Rollback(head, w.now)
	}
	if g, _ := v.Generation(w.generation); g.State == lifecycle.Announced || g.State == lifecycle.Building {
		return v, &lifecycle.Refusal{
			View:   v.Name,
			Reason: fmt.Sprintf("generation %s is %s, not retained; switch to it instead", g.ID, g.State),
		}
	}
	return v.Switch(w.generation, head, w.now)
}

// isReached says whether the view, read anew, is as wanted already.
func (w wish) isReached(v lifecycle.View) bool {
	if w.dropsView {
		return v.IsGone()
	}
	g, ok := v.Generation(w.generation)
	switch w.operation {
	case Switch, Rollback:
		return w.generation != "" && v.Serving == w.generation
	case Drop, Abandon:
		return w.generation != "" && (!ok || g.State == lifecycle.Dropping) ||
			w.generation == "" && w.first.Rebuild && !v.Rebuild
	}
	return v.Rebuild || slices.ContainsFunc(v.Generations, func(g lifecycle.Generation) bool {
		_, known := w.first.Generation(g.ID)
		return !known && g.Definition == w.definition()
	})
}

// definition is the one that a rebuild is to begin with: what was put away, else what was on its way, else what served.
func (w wish) definition() view.Hash {
	if w.first.Held != "" {
		return w.first.Held
	}
	id := about(w.first, Abandon, "")
	if id == "" {
		id = w.first.Serving
	}
	g, _ := w.first.Generation(id)
	return g.Definition
}

func same(a, b lifecycle.View) bool {
	return a.Serving == b.Serving && a.Held == b.Held && a.Retired == b.Retired && a.Rebuild == b.Rebuild &&
		slices.Equal(a.Generations, b.Generations)
}

// wantAudit asks for an audit from now on, since one that is under way has read some of the items before, and returns
// the view.
func (o *Operations) wantAudit(ctx context.Context, name view.Name) (lifecycle.View, error) {
	v, err := o.view(ctx, name)
	if err != nil {
		return v, err
	}
	now := o.Now()
	// Commit point: the audit is asked for, and begins at the audit's next tick.
	return v, generations.UpdateAudit(ctx, o.Catalog, name, o.Tries, func(a catalog.Audit) (catalog.Audit, bool, error) {
		// The answer was lost, or somebody else has asked.
		isAsked := a.Requested >= event.MillisOf(now) && a.Requested > a.Begun
		return a.WithRequest(now), !isAsked, nil
	})
}

func (o *Operations) view(ctx context.Context, name view.Name) (lifecycle.View, error) {
	v, err := o.Catalog.View(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return v, fmt.Errorf("%w: %.80q", ErrUnknownView, name)
	}
	if err != nil {
		return v, fmt.Errorf("read view %s: %w", name, err)
	}
	return v, nil
}
