package catalog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Audits keeps, of each view, when it was audited and what the last audit that ended has found.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Audits interface {
	// Audit returns what is kept of a view. Errors: ErrNotFound, when nothing is: it was never audited, nor asked to be.
	Audit(ctx context.Context, name view.Name) (Audit, error)

	// PutAudit writes an audit whose stored revision is still a.Revision; the stored one has the next.
	//
	// Errors: ErrConflict. Any other: it may or may not have been applied; read again.
	PutAudit(ctx context.Context, a Audit) error
}

// Audit is the audits of one view: when the last was asked for, begun and ended, all in Unix milliseconds, 0 for never; and what the last one that ended
// has found. While one is under way, Begun is after Ended, and the findings are of the one before.
type Audit struct {
	View     view.Name
	Revision int64 // of this item: 0 for none stored

	Requested int64 // by an operator
	Begun     int64
	Ended     int64

	Findings
}

// Findings are what an audit has found: of one generation, up to one run. The counts are of all there is; the lists hold the first of it.
type Findings struct {
	Generation lifecycle.GenerationID // "" when there was none to audit
	Run        uint64                 // the fold is of runs 1 to Run
	Horizon    slot.Slot              // of that run

	Items   int64 // base items compared
	Windows int64 // windows that should be there
	Drift   int64 // windows that are not as they should be
	Beyond  int64 // windows that count copies of an event which arrived further apart than the dedupe window: as promised, and not as it was; no drift

	Unsettled int64 // items that batch wrote all the while, not compared
	Pending   int64 // objects of no run yet that a later run may still take in
	Lost      int64 // objects of no run that none will take in by itself

	Drifts      []Drift  // in order of key and window; at most 100
	LostObjects []string // archive keys, in order; at most 100

	Note  string // how the audit went about it, where that matters; "" for as always
	Error string // why there are no findings; "" for there are
}

// Drift is a window that is not as it should be.
type Drift struct {
	Key    []string // a value per key field, in the definition's order; cut short where it was too long to be stored whole
	Start  int64    // of the window, Unix milliseconds
	Cause  Cause
	Detail string // what was lost or folded twice: the name of an object, a run or a slot

	// What aggregates present, as a JSON object by their names; nil for no such window.
	Expected, Stored json.RawMessage
}

// Cause is what most likely led to a drift: the one hypothesis that explains the stored states to the bit.
type Cause string

// The causes.
const (
	Deleted    Cause = "deleted"    // the item is not there
	Lost       Cause = "lost"       // what the detail names was not folded
	Late       Cause = "late"       // the same, of an object that came after its slot had been taken
	Double     Cause = "double"     // what the detail names was folded twice
	Unexpected Cause = "unexpected" // no event belongs there
	Altered    Cause = "altered"    // none of these explains it
)

// claimed is how long an audit that has begun keeps others off: longer than any function runs.
const claimed = 20 * time.Minute

// IsRunning says whether an audit is under way: not when it has not ended for so long that it never will.
func (a Audit) IsRunning(now time.Time) bool {
	return a.Begun > a.Ended && now.UnixMilli() < a.Begun+claimed.Milliseconds()
}

// IsDue says whether an audit is to begin: none is under way, and one was asked for since the last began, the last never ended, or it began longer than
// every ago.
func (a Audit) IsDue(now time.Time, every time.Duration) bool {
	return !a.IsRunning(now) && (a.Begun == 0 || a.Requested > a.Begun || a.Begun > a.Ended || now.UnixMilli() >= a.Begun+every.Milliseconds())
}

// WithRequest returns the audit as it is when an operator asks for one at the given time: the next to begin is the answer, not one that is under way.
func (a Audit) WithRequest(now time.Time) Audit {
	a.Requested = max(now.UnixMilli(), a.Begun+1)
	return a
}

// Beginning returns the audit as it is when one begins at the given time: after all that was asked for, and all that has ended.
func (a Audit) Beginning(now time.Time) Audit {
	a.Begun = max(now.UnixMilli(), a.Requested, a.Begun+1, a.Ended+1)
	return a
}
