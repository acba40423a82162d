package generations

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Update reads a view, makes a move and writes the result if the move has changed the view. When the write fails,
// Update reads again and repeats the move, with tries as the maximum number of writes. A view that the catalog does not
// have has revision 0. The move may be made several times, but at most one of them is stored.
//
// When the last write fails, Update reads once more, since only the answer may have been lost. It returns the view as
// stored then, and whether this call has changed it.
//
// Errors: the move's own. catalog.ErrConflict: the view kept changing and nothing was written; retry. Any other: the
// last write may or may not have been applied; read again.
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

// AnswerFrom notes in the generations of a view that do not answer, and lack a run, that they must not answer without
// it: see lifecycle.View.AnsweringFrom. Call it before events of the run can show in the view's answers, with the view
// as read after the run became real. It returns the view as stored.
//
// Errors: the catalog's; retry.
func AnswerFrom(
	ctx context.Context, c catalog.Catalog, v lifecycle.View, tries int, run uint64,
) (lifecycle.View, error) {
	if _, changed := v.AnsweringFrom(run); !changed {
		return v, nil
	}
	// Commit point: what lacks the run does not answer. A crash after it leaves a generation that may answer a little
	// later.
	v, _, err := Update(ctx, c, v.Name, tries, func(v lifecycle.View) (lifecycle.View, bool, error) {
		next, changed := v.AnsweringFrom(run)
		return next, changed, nil
	})
	return v, err
}

// UpdateAudit is Update for the audit of a view. An audit that the catalog does not have has revision 0.
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

// unlessConflict returns nil for a conflict: somebody else has changed the view, and the next tick continues.
func unlessConflict(err error) error {
	if errors.Is(err, catalog.ErrConflict) {
		return nil
	}
	return err
}
