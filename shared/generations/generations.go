// Package generations takes views a step further at the end of a tick: it lets generations serve that may, and deletes those that were given up. Batch has
// it do so for Lambda views and replay for Kappa views, each with the items that it keeps.
//
// It knows no items but by the function that drops them, and nothing of how a generation is brought up to date.
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
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Mover moves views on. All fields are needed. Several may work on one catalog at once.
type Mover struct {
	Catalog      catalog.Catalog
	Architecture view.Architecture // of the generations that it moves
	Approve      bool              // what takes the place of something that serves waits for an operator
	Linger       time.Duration     // items are left for so long after their generation was given up, by any two clocks: queries that have begun end

	// Drop deletes some items of a generation, as viewstore.Base and Speed do.
	Drop func(ctx context.Context, generation lifecycle.GenerationID, after string) (next string, err error)

	Started time.Time // of the tick: what does not fit into its time the next one goes on with
	Now     func() time.Time
	Log     *slog.Logger
}

// Move takes each view one step, as read; the next tick goes on. A view that fails keeps no other from being moved. To let a generation serve comes before
// deleting another, which may take many ticks.
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

// serve lets a generation serve that may, and says whether there was one. With approval asked for, only what serves first does so by itself.
func (m Mover) serve(ctx context.Context, v lifecycle.View, head lifecycle.Run) (bool, error) {
	for _, g := range v.Generations {
		if g.Architecture != m.Architecture || g.State != lifecycle.Building || m.Approve && v.Serving != "" || v.MayServe(g.ID, head) != nil {
			continue
		}
		// Commit point: queries follow the pointer. What they have begun they finish on the generation they began with, which is retained.
		err := m.put(ctx, v.Switched(g.ID, m.Now().UnixMilli()), "view serves", g)
		if err != nil {
			err = fmt.Errorf("let generation %s serve: %w", g.ID, err)
		}
		return true, err
	}
	return false, nil
}

// delete deletes the items of a generation that was given up a while ago, as far as time allows, and then the generation.
func (m Mover) delete(ctx context.Context, v lifecycle.View) error {
	for _, g := range v.Generations {
		if g.Architecture != m.Architecture || g.State != lifecycle.Dropping || m.Now().UnixMilli()-g.Since < m.Linger.Milliseconds() {
			continue
		}
		done, err := m.deleteItems(ctx, g.ID)
		if done {
			// Commit point: nothing is left of it. A crash before has the store looked through again.
			err = m.put(ctx, v.Without(g.ID), "generation dropped", g)
		}
		if err != nil {
			err = fmt.Errorf("drop generation %s: %w", g.ID, err)
		}
		return err
	}
	return nil
}

// deleteItems says whether none is left.
func (m Mover) deleteItems(ctx context.Context, id lifecycle.GenerationID) (done bool, err error) {
	for after := ""; ; {
		if budget.Short(ctx, m.Started, m.Now()) {
			return false, nil
		}
		if after, err = m.Drop(ctx, id, after); err != nil || after == "" {
			return err == nil, err
		}
	}
}

// put writes a view, unless somebody else has moved it on.
func (m Mover) put(ctx context.Context, v lifecycle.View, what string, g lifecycle.Generation) error {
	err := m.Catalog.PutView(ctx, v)
	if errors.Is(err, catalog.ErrConflict) {
		return nil
	}
	if err == nil {
		m.Log.InfoContext(ctx, what, "view", v.Name, "generation", g.ID, "horizon", g.Horizon)
	}
	return err
}
