// Package operations is the layer for operators: it reports the status of views and applies operations to them. It
// makes no decisions: shared/lifecycle says what is permitted, and batch, replay and audit carry out at their next
// ticks what an operation has begun.
//
// It reads and writes only the catalog. It knows no events and no items.
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

// Operations applies operations to views. All fields are needed. It is safe for concurrent use.
type Operations struct {
	Catalog interface {
		catalog.Catalog
		catalog.Audits
		catalog.Leases
	}
	Sweeps catalog.Sweeps
	Tries  int // maximum number of tries of one operation; each starts from what is then stored
	Now    func() time.Time
}

// Operation names what an operator can request for a view.
type Operation string

// The operations.
const (
	Rebuild  Operation = "rebuild"  // build the definition again, beside the serving generation
	Audit    Operation = "audit"    // compare the stored items with a fold of the archive
	Switch   Operation = "switch"   // make a generation serve
	Rollback Operation = "rollback" // make the retained generation serve again
	Drop     Operation = "drop"     // give up the retained generation; of a retired view, the whole view
	Abandon  Operation = "abandon"  // give up a generation that is announced or being built
)

// All returns the operations in the order in which they are shown to people.
func All() []Operation { return []Operation{Rebuild, Audit, Switch, Rollback, Drop, Abandon} }

// What can be wrong with what is wanted, beside a *lifecycle.Refusal.
var (
	ErrUnknownView      = errors.New("unknown view")
	ErrUnknownOperation = errors.New("unknown operation")
	ErrNoGeneration     = errors.New("the operation applies to the whole view; omit generation")
)

// Do applies an operation to a generation and returns the view's status after it. generation "" means the only one that
// the operation can apply to. The operation is one conditional write. If the view has changed meanwhile, Do tries
// again, always with the same generation. Repeating an operation that was already applied changes nothing.
//
// Errors: ErrUnknownView, ErrUnknownOperation, ErrNoGeneration: do not retry. *lifecycle.Refusal: retry when the view
// has changed. catalog.ErrConflict: the view kept changing and nothing was written; retry. Any other: the operation may
// or may not have been applied; read the status.
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

// change applies an operation that changes the view, and returns the view after it. Every try applies to the same
// generation: a rollback whose answer was lost must not undo itself.
func (o *Operations) change(
	ctx context.Context, name view.Name, operation Operation, generation lifecycle.GenerationID,
) (lifecycle.View, error) {
	var w *wish
	v, _, err := generations.Update(ctx, o.Catalog, name, o.Tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
		switch {
		case v.Revision == 0:
			return v, false, fmt.Errorf("%w: %.80q; if it was deployed just now, it is not ready yet", ErrUnknownView, name)
		case w == nil:
			w = &wish{operation: operation, generation: about(v, operation, generation), first: v, now: event.MillisOf(o.Now())}
			w.dropsView = operation == Drop && generation == "" && v.Retired != event.Never
		case w.isReached(v):
			return v, false, nil // an earlier try's answer was lost, or somebody else did the same
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

// wish is a requested operation, with the view as it was at the request.
type wish struct {
	operation  Operation
	generation lifecycle.GenerationID // that the operation applies to
	first      lifecycle.View
	dropsView  bool // the operation drops the whole view, which is retired
	now        event.Millis
}

// about returns the generation that an operation applies to: the named one, else the first in a state that the
// operation needs; "" when there is none.
func about(v lifecycle.View, operation Operation, named lifecycle.GenerationID) lifecycle.GenerationID {
	if named != "" {
		return named
	}
	states := map[Operation][]lifecycle.State{
		Switch: {lifecycle.Building}, Rollback: {lifecycle.Retained}, Drop: {lifecycle.Retained},
		Abandon: {lifecycle.Announced, lifecycle.Building},
	}[operation]
	g, _ := v.FirstInState(states...)
	return g.ID
}

// apply returns the view after the operation. Errors: *lifecycle.Refusal.
func (w wish) apply(v lifecycle.View, head lifecycle.Run) (lifecycle.View, error) {
	switch w.operation {
	case Rebuild:
		return v.WantRebuild()
	case Switch:
		return v.Switch(w.generation, head, w.now)
	case Drop:
		if w.dropsView {
			return v.DropRetired()
		}
		return v.Drop(w.generation)
	case Abandon:
		return v.Abandon(w.generation)
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

// isReached reports whether the view, read again, already is as requested.
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
			w.generation == "" && (w.first.Rebuild != 0 || w.first.Failure != "") && v.Rebuild == 0 && v.Failure == ""
	}
	return v.Rebuild > w.first.Rebuild || slices.ContainsFunc(v.Generations, func(g lifecycle.Generation) bool {
		_, known := w.first.Generation(g.ID)
		return !known && g.Definition == w.definition()
	})
}

// definition returns the definition that a rebuild begins with: the held one, else the one announced or being built,
// else the serving one.
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
		a.Failure == b.Failure && slices.Equal(a.Generations, b.Generations)
}

// wantAudit requests an audit that begins after now, and returns the view. An audit that is already running does not
// count, since it has read some items before.
func (o *Operations) wantAudit(ctx context.Context, name view.Name) (lifecycle.View, error) {
	v, err := o.view(ctx, name)
	if err != nil {
		return v, err
	}
	now := o.Now()
	// Commit point: the audit is asked for, and begins at the audit's next tick.
	return v, generations.UpdateAudit(ctx, o.Catalog, name, o.Tries, func(a catalog.Audit) (catalog.Audit, bool, error) {
		// An earlier try was applied but its answer was lost, or somebody else has requested an audit.
		isAsked := a.Requested >= event.MillisOf(now) && a.Requested > a.Begun
		return a.WithRequest(now), !isAsked, nil
	})
}

func (o *Operations) view(ctx context.Context, name view.Name) (lifecycle.View, error) {
	v, err := o.Catalog.View(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return v, fmt.Errorf("%w: %.80q; if it was deployed just now, it is not ready yet", ErrUnknownView, name)
	}
	if err != nil {
		return v, fmt.Errorf("read view %s: %w", name, err)
	}
	return v, nil
}
