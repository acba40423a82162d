// Package catalog is the contract of the control table: the log of committed runs, the views with their generations and
// horizons, and the stored definitions. Every write is conditional and names what it expects.
package catalog

import (
	"context"
	"errors"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

var (
	// ErrConflict means that the catalog has changed since it was read; nothing was written. Read again, then retry.
	ErrConflict = errors.New("catalog is not as read")
	// ErrNotFound means that there is no such view, run or definition.
	ErrNotFound = errors.New("not in the catalog")
)

// Catalog keeps the control table.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Catalog interface {
	// Head returns the last committed run, or the zero Run when there is none.
	Head(ctx context.Context) (lifecycle.Run, error)

	// Runs returns the runs with from <= N <= to, in order.
	Runs(ctx context.Context, from, to uint64) ([]lifecycle.Run, error)

	// Append commits a run if the head is run.N - 1.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; read the head.
	Append(ctx context.Context, run lifecycle.Run) error

	// Views returns all views in the order of their names.
	Views(ctx context.Context) ([]lifecycle.View, error)

	// View returns one view. Errors: ErrNotFound.
	View(ctx context.Context, name view.Name) (lifecycle.View, error)

	// PutView writes a view if the stored revision is still v.Revision. The stored view gets the next revision.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; read again.
	PutView(ctx context.Context, v lifecycle.View) error

	// Definition returns the text of a definition. Errors: ErrNotFound.
	Definition(ctx context.Context, hash view.Hash) ([]byte, error)

	// PutDefinition stores the text of a definition under its hash. Repeating it changes nothing.
	PutDefinition(ctx context.Context, hash view.Hash, text []byte) error
}

// Sweeps keeps the progress of the sweep: the last run whose objects all have receipts of being streamed.
type Sweeps interface {
	// Swept returns the number of that run, or 0 when there is none.
	Swept(ctx context.Context) (uint64, error)

	// PutSwept moves the progress to run if it is still loaded.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; read again.
	PutSwept(ctx context.Context, run, loaded uint64) error

	// Waits returns what the sweep waits for; the zero SweepWaits when it waits for nothing.
	Waits(ctx context.Context) (SweepWaits, error)

	// PutWaits writes what the sweep waits for if the stored revision is still w.Revision. The stored item gets the
	// next revision.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; read again.
	PutWaits(ctx context.Context, w SweepWaits) error
}

// SweepWaits is what the sweep has queued and now waits for: one entry for each lane of each run from which it has
// queued something. It is stored, so that a new environment does not queue the same objects again.
type SweepWaits struct {
	Revision int64 // revision of this item; 0: not stored yet
	Waits    []SweepWait
}

// SweepWait is what the sweep has queued from one lane of one run.
type SweepWait struct {
	Run    uint64
	Lane   int
	Until  event.Millis // the sweep waits until then before it queues again
	Rounds int          // number of rounds of queueing; each waits twice as long as the one before
	// This round has looked through the objects at places of the run's manifest below this one.
	Through int // the objects at places of the run's manifest below this one were looked through in this round
	Probe   int // place and 1 of the object that was queued to learn how far the lane is read; 0: none
}
