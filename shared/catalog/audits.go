package catalog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Audits keeps, for each view, when it was audited and the findings of the last completed audit.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Audits interface {
	// Audit returns the stored audit of a view.
	//
	// Errors: ErrNotFound: the view was never audited, and no audit was requested.
	Audit(ctx context.Context, name view.Name) (Audit, error)

	// PutAudit writes an audit if the stored revision is still a.Revision. The stored audit gets the next revision.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; read again.
	PutAudit(ctx context.Context, a Audit) error
}

// Audit is the state of one view's audits: when the last one was requested, begun and ended, and the findings of the
// last one that ended with findings. While an audit runs, Begun is after Ended, and the findings belong to an audit
// before it. An audit that ends without findings sets Error, and leaves the other findings as they are.
type Audit struct {
	View     view.Name
	Revision int64 // revision of this item; 0: not stored yet

	Requested event.Millis // when an operator requested an audit
	Begun     event.Millis
	Ended     event.Millis
	Audited   event.Millis // when the last audit ended that has findings

	Findings
}

// Findings are the results of an audit of one generation, up to one run. The counts cover everything; the lists hold
// only the first entries.
type Findings struct {
	Generation lifecycle.GenerationID // "" when there was no generation to audit
	Run        uint64                 // last run of the fold, which covers runs 1 to Run
	Horizon    slot.Slot              // horizon of run Run

	Items   int64 // base items compared
	Windows int64 // expected windows
	Drift   int64 // windows that differ from the expected ones
	// Windows that count copies of an event which arrived further apart than the dedupe window; that is allowed and no
	// drift.
	Beyond int64

	Unsettled int64 // items not compared, since batch kept writing them
	Pending   int64 // objects that no run holds yet, but that a later run may still read
	Lost      int64 // objects that no run holds, and that no run will read by itself

	Drifts      []Drift  // the first drifts in order of key and window; maximum 100
	LostObjects []string // the first archive keys in order; maximum 100

	Note  string // how the audit worked, if that was unusual; "" otherwise
	Error string // why the last audit ended without findings; "" when it has some
	// How many attempts in a row were killed before the audit was given up; 0: it was not.
	Killed int
}

// Drift is one window that differs from the expected one.
type Drift struct {
	Subset view.Subset  // of the key fields
	Key    []string     // one value per field of the subset, in the key's order
	Start  event.Millis // start of the window
	Cause  Cause
	Detail string // name of the object, run or slot that was lost or folded twice

	// Expected and Stored are the presented aggregates, as JSON objects by aggregate name; nil when there is no such
	// window.
	Expected, Stored json.RawMessage
}

// Cause is the most likely cause of a drift: the only hypothesis that explains the stored states exactly.
type Cause string

// The causes.
const (
	Deleted    Cause = "deleted"    // the item does not exist
	Lost       Cause = "lost"       // the object, run or slot in Detail was not folded
	Late       Cause = "late"       // the late object in Detail was not folded
	Double     Cause = "double"     // the object, run or slot in Detail was folded twice
	Unexpected Cause = "unexpected" // the item holds a window without events
	Altered    Cause = "altered"    // no hypothesis explains it
)

// IsDue reports whether an audit should begin now, unless one is running, which its lease says. One of these must hold:
// an audit was requested after the last one began, the last one never ended, or the last one began longer than every
// ago.
func (a Audit) IsDue(now time.Time, every time.Duration) bool {
	isUnanswered := a.Begun == event.Never || a.Requested > a.Begun || a.Begun > a.Ended
	return isUnanswered || event.MillisOf(now) >= a.Begun.Add(every)
}

// WithRequest returns the audit after an operator's request at the given time. An audit that is already running does
// not answer the request; the next one does.
func (a Audit) WithRequest(now time.Time) Audit {
	a.Requested = max(event.MillisOf(now), a.Begun+1)
	return a
}

// Beginning returns the audit after an audit has begun at the given time. Begun is later than every earlier request,
// begin and end, even if now is not.
func (a Audit) Beginning(now time.Time) Audit {
	a.Begun = max(event.MillisOf(now), a.Requested, a.Begun+1, a.Ended+1)
	return a
}
