package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
)

// Operation is a change that an operator may request for a view.
type Operation string

// The operations of the admin interface.
const (
	Rebuild  Operation = "rebuild"  // rebuild the definition while the old generation serves; for a Kappa view, replay
	Audit    Operation = "audit"    // fold the archive again and compare the stored numbers
	Switch   Operation = "switch"   // make a built generation serve
	Rollback Operation = "rollback" // make the retained generation serve again
	Drop     Operation = "drop"     // delete the retained generation
	Abandon  Operation = "abandon"  // give up a generation that never served
)

// Position is a position in the log of runs.
type Position struct {
	Run     int64 `json:"run"`     // number of the run; 0 before the first
	Horizon Text  `json:"horizon"` // RFC 3339, exclusive; "" before the first
}

// Statuses is the state of all views.
type Statuses struct {
	Head  Position `json:"head"`  // the last run that has begun
	Swept Position `json:"swept"` // the last run that the sweep has passed
	Views []Status `json:"views"`

	Archive Archive `json:"archive"`
}

// Archive counts what all runs hold, and so what a build reads.
type Archive struct {
	Objects int64 `json:"objects"`
	Events  int64 `json:"events"`
}

// Status is the state of one view, for operators.
type Status struct {
	View        string       `json:"view"` // "page_views"
	Description string       `json:"description"`
	Serving     Text         `json:"serving"` // id of a generation; "" before one serves
	Held        Text         `json:"held"`    // hash of the definition that an operator has abandoned; else ""
	Retired     Text         `json:"retired"` // RFC 3339; when a deployment first left the view out; else ""
	Rebuild     bool         `json:"rebuild"` // whether a rebuild is requested and has not begun
	Failure     Text         `json:"failure"` // why batch has given up the build of a generation; else ""
	Misfit      Text         `json:"misfit"`  // why a build of the view or a run may be too large for batch; else ""
	Head        Position     `json:"head"`
	Generations []Generation `json:"generations"`
	Audit       *AuditStatus `json:"audit"` // nil before the first request
}

// Generation is one full set of a view's numbers.
type Generation struct {
	ID           Text  `json:"generation"`
	Definition   Text  `json:"definition"`   // hash
	Architecture Text  `json:"architecture"` // "lambda" or "kappa"
	State        Text  `json:"state"`        // "announced", "building", "serving", "retained" or "dropping"
	LiveFrom     Text  `json:"live_from"`    // RFC 3339; speed folds events that arrive from here on; "" for all
	Run          int64 `json:"run"`          // the last run that it has applied; 0 for none
	Horizon      Text  `json:"horizon"`      // horizon of that run, RFC 3339, exclusive
	Since        Text  `json:"since"`        // RFC 3339; when it was retained, or found dropping; else ""
	RunsLeft     int64 `json:"runs_left"`    // number of existing runs that it has yet to apply
	Ready        bool  `json:"ready"`        // whether a switch to it is permitted
	Waits        Text  `json:"waits"`        // why a switch is not permitted; "" if it is
	Lacks        int64 `json:"lacks"`        // first run whose events a Kappa generation lacks for good; 0 for none
}

// AuditStatus is the last audit of a view, or the running one.
type AuditStatus struct {
	Requested  Text  `json:"requested"` // RFC 3339, like all times; "" without an open request
	Begun      Text  `json:"begun"`
	Ended      Text  `json:"ended"`
	Generation Text  `json:"generation"`
	Run        int64 `json:"run"` // the audit compares the numbers up to this run
	Horizon    Text  `json:"horizon"`
	Items      int64 `json:"items"`
	Windows    int64 `json:"windows"`
	Drift      int64 `json:"drift"`     // number of windows whose stored numbers differ from the archive
	Beyond     int64 `json:"beyond"`    // number of windows that count copies from outside the dedupe window; not drift
	Unsettled  int64 `json:"unsettled"` // number of items not compared because they kept changing
	Pending    int64 `json:"pending"`   // number of archive objects that a later run may still read
	Lost       int64 `json:"lost"`      // number of archive objects that no run will read by itself

	Drifts      []Drift `json:"drifts"` // a part of the drift: the server keeps a bounded list
	LostObjects []Text  `json:"lost_objects"`
	Note        Text    `json:"note"`
	Error       Text    `json:"error"` // why the last audit failed; else "". The findings are then of an earlier one
}

// Drift is one window whose stored numbers are wrong.
type Drift struct {
	Key      Object `json:"key"`
	Start    Text   `json:"start"`
	Cause    Text   `json:"cause"` // for example "altered", "deleted" or "double"
	Detail   Text   `json:"detail"`
	Expected Object `json:"expected"` // nil if the archive has no such window
	Stored   Object `json:"stored"`   // nil if the store has no such window
}

// Side is one generation of a comparison.
type Side struct {
	Generation   Text `json:"generation"`
	Definition   Text `json:"definition"`
	Architecture Text `json:"architecture"`
	State        Text `json:"state"` // "serving", "building" or "retained"
}

// Diff is one page of a comparison of the candidate with the serving generation. Its counts cover this page. A key may
// appear on two pages.
type Diff struct {
	View          string    `json:"view"`
	Serving       Side      `json:"serving"`
	Candidate     Side      `json:"candidate"`
	Comparable    bool      `json:"comparable"`
	Reason        Text      `json:"reason"` // why the two cannot be compared; else ""
	Aggregates    []string  `json:"aggregates"`
	OnlyServing   []string  `json:"only_serving"` // aggregates of the serving generation only; not compared
	OnlyCandidate []string  `json:"only_candidate"`
	Keys          int64     `json:"keys"` // number of compared keys
	Windows       int64     `json:"windows"`
	Differing     int64     `json:"differing"` // number of windows that differ
	Rows          []DiffRow `json:"rows"`
	Next          *string   `json:"next"` // cursor of the next page; nil after the last
}

// DiffRow is one window that differs.
type DiffRow struct {
	Key       Object `json:"key"`
	Start     Text   `json:"start"`
	Serving   Object `json:"serving"` // nil if that generation has no such window
	Candidate Object `json:"candidate"`
}

// Statuses reads the state of all views. It returns the server's bytes, for DecodeStatuses. Errors: as Client.do.
func (c *Client) Statuses(ctx context.Context) ([]byte, error) {
	return c.read(ctx, c.path("v1", "admin", "views"))
}

// Status reads the state of one view. It returns the server's bytes, for DecodeStatus. Errors: as Client.do.
func (c *Client) Status(ctx context.Context, view string) ([]byte, error) {
	return c.read(ctx, c.path("v1", "admin", "views", view))
}

// Diff reads a page of a comparison. The optional parameters are generation, limit and cursor. It returns the server's
// bytes, for DecodeDiff.
// Errors: as Client.do.
func (c *Client) Diff(ctx context.Context, view string, parameters url.Values) ([]byte, error) {
	address := c.path("v1", "admin", "views", view, "diff")
	if query := parameters.Encode(); query != "" {
		address += "?" + query
	}
	return c.read(ctx, address)
}

// Operate requests an operation on a generation; "" means the only suitable one. It returns the new status like Status.
//
// It retries only requests that are safe to repeat: rebuild and audit, and operations that name their generation. A
// rollback without a name would go back and forth.
// Errors: as Client.do. After a *GaveUp the server may or may not have done it. After a *Problem an earlier attempt may
// have.
func (c *Client) Operate(ctx context.Context, view string, operation Operation, generation string) ([]byte, error) {
	asker := *c
	if generation == "" && operation != Rebuild && operation != Audit {
		asker.Retry.Attempts = 1
	}
	options := map[string]string{}
	if generation != "" {
		options["generation"] = generation
	}
	body, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: generation %q: %w", operation, view, generation, err)
	}
	answer, _, err := asker.do(
		ctx,
		request{method: http.MethodPost, url: c.path("v1", "admin", "views", view, string(operation)), body: body,
			header: http.Header{"Accept": {"application/json, application/problem+json"}, "Content-Type": {"application/json"}}},
	)
	return answer.body, err
}

// DecodeStatuses reads the result of Statuses.
func DecodeStatuses(body []byte) (Statuses, error) {
	var s Statuses
	err := decode(body, &s, "status of the views")
	return s, err
}

// DecodeStatus reads the result of Status and Operate.
func DecodeStatus(body []byte) (Status, error) {
	var s Status
	if err := decode(body, &s, "status"); err != nil {
		return s, err
	}
	if s.View == "" {
		return Status{}, errors.New("invalid status: it names no view; is this an Anabranch server?")
	}
	return s, nil
}

// DecodeDiff reads the result of Diff.
func DecodeDiff(body []byte) (Diff, error) {
	var d Diff
	if err := decode(body, &d, "comparison"); err != nil {
		return d, err
	}
	if d.View == "" {
		return Diff{}, errors.New("invalid comparison: it names no view; is this an Anabranch server?")
	}
	return d, nil
}

// EncodeDiff writes a comparison in the form that DecodeDiff reads.
func EncodeDiff(d Diff) ([]byte, error) { return json.Marshal(d) }
