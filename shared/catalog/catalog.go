// Package catalog is the contract of the control table: the log of real runs, the views with their generations and horizons, and the stored
// definitions. Every move is one conditional write that names what it expects.
package catalog

import (
	"context"
	"errors"

	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

var (
	// ErrConflict: what the write expected is no longer so; nothing was written. Read again.
	ErrConflict = errors.New("catalog is not as read")
	// ErrNotFound: there is no such view, run or definition.
	ErrNotFound = errors.New("not in the catalog")
)

// Run is a real run: a numbered step of batch, shared by all views.
type Run struct {
	N          uint64    // from 1, without gaps
	Horizon    slot.Slot // exclusive end of the slots it covers; grows with N
	Manifest   string    // archive key; "" when the run reads no object
	Identities string    // archive key; "" when the run has no event

	FirstArrival, LastArrival int64 // of its events' stamps, Unix milliseconds, both included; 0 when it has none

	Objects    int64 // read
	Stragglers int64 // objects of slots that an earlier run had claimed
	Events     int64 // lines read, duplicates included
	Overlap    int64 // identities met again within the dedupe window: not counted
	Conflicts  int64 // of those, the ones with another payload
}

// State is how far a generation's life has gone. Which one serves is View.Serving, not a state.
type State string

// The states of a generation, in this order.
const (
	Announced State = "announced" // speed folds it from Live on, if the announcement came in time: nobody builds it yet
	Building  State = "building"  // it came in time: batch applies runs; not yet switched to
	Serving   State = "serving"
)

// Generation is one full set of base items of a view.
type Generation struct {
	ID         viewstore.Generation
	Definition view.Hash
	State      State
	Live       slot.Slot // speed folds the definition for slots from here on; 0: for all there are
	Run        uint64    // the last run applied; 0 for none
	Horizon    slot.Slot // that run's
}

// View is one view's pointer item: at most 4 KB, read once by every query.
type View struct {
	Name        view.Name
	Description string // for people: no part of the definition
	Revision    int64  // of this item: 0 for none stored
	Serving     viewstore.Generation
	Generations []Generation
}

// Generation returns the generation with the id.
func (v View) Generation(id viewstore.Generation) (Generation, bool) {
	for _, g := range v.Generations {
		if g.ID == id {
			return g, true
		}
	}
	return Generation{}, false
}

// With returns a copy of v in which g stands in place of the generation with its id.
func (v View) With(g Generation) View {
	generations := make([]Generation, len(v.Generations))
	copy(generations, v.Generations)
	for i := range generations {
		if generations[i].ID == g.ID {
			generations[i] = g
		}
	}
	v.Generations = generations
	return v
}

// Catalog keeps the control table.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Catalog interface {
	// Head returns the last real run; the zero Run when there is none.
	Head(ctx context.Context) (Run, error)

	// Runs returns the runs with from <= N <= to, in order.
	Runs(ctx context.Context, from, to uint64) ([]Run, error)

	// Append makes a run real, when the head is run.N - 1.
	//
	// Errors: ErrConflict. Any other: it may or may not have been applied; read the head.
	Append(ctx context.Context, run Run) error

	// Views returns all views in the order of their names.
	Views(ctx context.Context) ([]View, error)

	// View returns one view. Errors: ErrNotFound.
	View(ctx context.Context, name view.Name) (View, error)

	// PutView writes a view whose stored revision is still v.Revision; the stored item has the next one.
	//
	// Errors: ErrConflict. Any other: it may or may not have been applied; read again.
	PutView(ctx context.Context, v View) error

	// Definition returns the text of a definition. Errors: ErrNotFound.
	Definition(ctx context.Context, hash view.Hash) ([]byte, error)

	// PutDefinition keeps the text of a definition under its hash; repeating it changes nothing.
	PutDefinition(ctx context.Context, hash view.Hash, text []byte) error
}

// Sweeps keeps how far the sweep has come: the last run whose objects all have receipts of having been streamed.
type Sweeps interface {
	// Swept returns that run's number, 0 for none.
	Swept(ctx context.Context) (uint64, error)

	// PutSwept moves it, when it is still as loaded. Errors: ErrConflict. Any other: it may or may not have been applied; read again.
	PutSwept(ctx context.Context, run, loaded uint64) error
}
