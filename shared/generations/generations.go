// Package generations takes views from one step to the next. Each step is a move of shared/lifecycle and one
// conditional write. Deployment announces and confirms definitions, and gives up retained generations. Mover makes
// generations serve and deletes those that were given up. Batch uses them for the generations that it owns, and replay
// for its own.
//
// The package reaches items only through the function that deletes them. It does not know how a generation is brought
// up to date.
//
// Source: docs/design.md 3.7.
package generations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Mover makes generations serve and deletes generations. All fields are needed. Several Movers may work on one catalog
// at the same time.
type Mover struct {
	Catalog         catalog.Catalog
	Owner           lifecycle.Owner // of the generations that it moves
	RequireApproval bool            // a generation that would replace a serving one waits for an operator
	// Items stay this long after their generation was dated, by any two clocks, so that running queries can end.
	DropGrace time.Duration
	Tries     int // maximum tries of one conditional write

	// Drop deletes some items of a generation, as viewstore.Base and Speed do.
	Drop func(ctx context.Context, g lifecycle.Generation, after string) (next string, err error)

	Started time.Time // start of the tick; the next tick does what does not fit into its time
	// Deleting stops once one part in so many of the tick's time is over, so that what comes after it has its time, too.
	DeleteParts int
	Now         func() time.Time
	Log         *slog.Logger
}

// Move takes each view, as read, one step further; the next tick continues. An error of one view does not stop the
// others. Making a generation serve comes before deleting another, which may take many ticks.
//
// Errors: those of the catalog and of Drop, with the view's name; retry.
func (m Mover) Move(ctx context.Context, views []lifecycle.View, head lifecycle.Run) error {
	var all []error
	for _, v := range views {
		moved, err := m.serve(ctx, v, head)
		if !moved && err == nil {
			err = m.delete(ctx, v)
		}
		if err != nil {
			all = append(all, fmt.Errorf("view %s: %w", v.Name, err))
		}
	}
	return errors.Join(all...)
}

// serve makes the first generation serve that may, and reports whether there was one.
func (m Mover) serve(ctx context.Context, v lifecycle.View, head lifecycle.Run) (bool, error) {
	for _, g := range v.Generations {
		if !m.mayServe(v, g.ID, head) {
			continue
		}
		// Commit point: queries follow the pointer. What they have begun they finish on the generation they began with,
		// which is retained.
		err := m.put(ctx, v.Name, "view serves", g, func(v lifecycle.View) (lifecycle.View, bool, error) {
			// The head is read after the view: what it shows of runs is no older than what the view does.
			head, err := m.Catalog.Head(ctx)
			return v.Switched(g.ID, event.MillisOf(m.Now())), err == nil && m.mayServe(v, g.ID, head), err
		})
		if err != nil {
			err = fmt.Errorf("let generation %s serve: %w", g.ID, err)
		}
		return true, err
	}
	return false, nil
}

// mayServe reports whether a generation may serve without an operator. With RequireApproval that is only the first one
// to serve.
func (m Mover) mayServe(v lifecycle.View, id lifecycle.GenerationID, head lifecycle.Run) bool {
	g, _ := v.Generation(id)
	return g.Owner() == m.Owner && g.State == lifecycle.Building && !(m.RequireApproval && v.Serving != "") &&
		v.MayServe(id, head) == nil
}

// delete dates generations that were given up, and deletes those that were dated DropGrace ago, as far as time allows.
func (m Mover) delete(ctx context.Context, v lifecycle.View) (err error) {
	for _, g := range v.Generations {
		switch {
		case g.Owner() != m.Owner || g.State != lifecycle.Dropping:
			continue
		case g.Since == event.Never:
			err = m.date(ctx, v.Name, g)
		case event.MillisOf(m.Now()) >= g.Since.Add(m.DropGrace):
			err = m.drop(ctx, v.Name, g)
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("drop generation %s: %w", g.ID, err)
		}
	}
	return nil
}

// date gives a generation the time from which DropGrace counts.
func (m Mover) date(ctx context.Context, name view.Name, g lifecycle.Generation) error {
	// Commit point: DropGrace begins. A crash before leaves the generation undated; the next tick dates it.
	return m.put(ctx, name, "generation dated", g, func(v lifecycle.View) (lifecycle.View, bool, error) {
		// The clock is read after the view, and so after the write that gave the generation up.
		next, changed := v.Dated(g.ID, event.MillisOf(m.Now()))
		return next, changed, nil
	})
}

// drop deletes the items of a generation, as far as time allows, and then the generation.
func (m Mover) drop(ctx context.Context, name view.Name, g lifecycle.Generation) error {
	done, err := m.deleteItems(ctx, g)
	if !done {
		return err
	}
	// Commit point: nothing is left of it. A crash before has the store looked through again.
	return m.put(ctx, name, "generation dropped", g, func(v lifecycle.View) (lifecycle.View, bool, error) {
		next := v.Without(g.ID)
		return next, len(next.Generations) < len(v.Generations), nil
	})
}

// deleteItems reports whether no item is left.
func (m Mover) deleteItems(ctx context.Context, g lifecycle.Generation) (done bool, err error) {
	for after := ""; ; {
		if budget.Used(ctx, m.Started, m.Now(), m.DeleteParts) {
			return false, nil
		}
		if after, err = m.Drop(ctx, g, after); err != nil || after == "" {
			return err == nil, err
		}
	}
}

// put makes a move, unless somebody else has moved the view on meanwhile so that there is nothing to do.
func (m Mover) put(
	ctx context.Context, name view.Name, what string, g lifecycle.Generation,
	move func(lifecycle.View) (lifecycle.View, bool, error),
) error {
	_, changed, err := Update(ctx, m.Catalog, name, m.Tries, move)
	if changed {
		m.Log.InfoContext(ctx, what, "view", name, "generation", g.ID, "horizon", g.Horizon)
	}
	return unlessConflict(err)
}
