package generations

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Update reads a view, makes a move and writes the view if that was a change; again from what is stored by then, when
// the write fails, so many times at most. A view that the catalog does not have has revision 0. The move may be made
// several times, of which one counts at most.
//
// When the last write fails, it reads once more: an answer that was lost is no failure. It returns the view as it is
// stored then, and whether this call has changed it. Errors: the move's own; catalog.ErrConflict: the view kept
// changing, and nothing was written. Any other: the last write may or may not have been applied.
func Update(
	ctx context.Context, c catalog.Catalog, name view.Name, tries int,
	move func(lifecycle.View) (next lifecycle.View, changed bool, err error),
) (v lifecycle.View, changed bool, err error) {
	v, changed, err = update("view "+string(name), tries, move, func() (lifecycle.View, error) {
		v, err := c.View(ctx, name)
		if errors.Is(err, catalog.ErrNotFound) {
			return lifecycle.View{Name: name}, nil
		}
		return v, err
	}, func(v lifecycle.View) error { return c.PutView(ctx, v) })
	if changed {
		v.Revision++
	}
	return v, changed, err
}

// UpdateAudit is Update for a view's audits. Those that the catalog does not have have revision 0.
func UpdateAudit(
	ctx context.Context, c catalog.Audits, name view.Name, tries int,
	move func(catalog.Audit) (next catalog.Audit, changed bool, err error),
) error {
	_, _, err := update("audit of view "+string(name), tries, move, func() (catalog.Audit, error) {
		a, err := c.Audit(ctx, name)
		if errors.Is(err, catalog.ErrNotFound) {
			return catalog.Audit{View: name}, nil
		}
		return a, err
	}, func(a catalog.Audit) error { return c.PutAudit(ctx, a) })
	return err
}

func update[T any](
	what string, tries int, move func(T) (T, bool, error), read func() (T, error), put func(T) error,
) (stored T, changed bool, err error) {
	var failed error
	for try := 0; ; try++ {
		stored, err = read()
		if err != nil {
			return stored, false, fmt.Errorf("read %s: %w", what, errors.Join(failed, err))
		}
		next, changed, err := move(stored)
		if err != nil || !changed {
			return stored, false, err
		}
		if try == tries {
			return stored, false, fmt.Errorf("write %s, %d tries: %w", what, tries, failed)
		}
		// Commit point: the move is made. A crash before leaves what was stored; a crash after leaves a caller without an
		// answer, who finds it made.
		if failed = put(next); failed == nil {
			return next, true, nil
		}
	}
}

// unlessConflict is nil for a view that somebody else has moved on: the next tick goes on.
func unlessConflict(err error) error {
	if errors.Is(err, catalog.ErrConflict) {
		return nil
	}
	return err
}
