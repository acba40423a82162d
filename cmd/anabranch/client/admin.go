package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
)

// Operation is what an operator may want of a view.
type Operation string

// The operations of the admin interface.
const (
	Rebuild  Operation = "rebuild"  // build the definition anew beside what serves; for a Kappa view that is a replay
	Audit    Operation = "audit"    // fold a run anew and compare it with what is stored
	Switch   Operation = "switch"   // let a generation that is built serve
	Rollback Operation = "rollback" // let the retained one serve again
	Drop     Operation = "drop"     // delete a retained one
	Abandon  Operation = "abandon"  // give up one that never served
)

// Position is how far the log of runs has come.
type Position struct {
	Run     int64 `json:"run"`     // 0 before the first
	Horizon Text  `json:"horizon"` // RFC 3339, exclusive; "" before the first
}

// Statuses is the state of all views.
type Statuses struct {
	Head  Position `json:"head"`  // the last run begun
	Swept Position `json:"swept"` // the last run that speed no longer needs
	Views []Status `json:"views"`
}

// Status is the state of one view, for those who operate it.
type Status struct {
	View        string       `json:"view"` // "page_views"
	Description string       `json:"description"`
	Serving     Text         `json:"serving"` // id of a generation; "" before one serves
	Held        Text         `json:"held"`    // hash of a definition that an operator has put away; else ""
	Retired     Text         `json:"retired"` // RFC 3339: since when the file that is deployed no longer names the view; else ""
	Rebuild     bool         `json:"rebuild"` // asked for, not yet begun
	Head        Position     `json:"head"`
	Generations []Generation `json:"generations"`
	Audit       *AuditStatus `json:"audit"` // nil before the first was asked for
}

// Generation is one full set of a view's numbers.
type Generation struct {
	ID           Text  `json:"generation"`
	Definition   Text  `json:"definition"`   // hash
	Architecture Text  `json:"architecture"` // "lambda" or "kappa"
	State        Text  `json:"state"`        // "announced", "building", "serving", "retained" or "dropping"
	LiveFrom     Text  `json:"live_from"`    // RFC 3339: speed folds what arrives from here on; "" for all there is
	Run          int64 `json:"run"`          // the last run in it; 0 for none
	Horizon      Text  `json:"horizon"`      // that run's, RFC 3339, exclusive
	Since        Text  `json:"since"`        // when it was retained or given up; else ""
	RunsLeft     int64 `json:"runs_left"`    // of the runs so far
	Ready        bool  `json:"ready"`        // whether it may be switched to
	Waits        Text  `json:"waits"`        // why it may not; "" when it may
}

// AuditStatus is the last audit of a view, or the one under way.
type AuditStatus struct {
	Requested  Text  `json:"requested"` // RFC 3339, as all times; "" when nobody asked, or it was seen to
	Begun      Text  `json:"begun"`
	Ended      Text  `json:"ended"`
	Generation Text  `json:"generation"`
	Run        int64 `json:"run"` // through which was compared
	Horizon    Text  `json:"horizon"`
	Items      int64 `json:"items"`
	Windows    int64 `json:"windows"`
	Drift      int64 `json:"drift"`     // windows whose stored numbers are not those that the archive gives
	Beyond     int64 `json:"beyond"`    // windows that count copies from beyond the dedupe window, as promised: no drift
	Unsettled  int64 `json:"unsettled"` // items that changed all the while, not compared
	Pending    int64 `json:"pending"`   // objects of the archive that a later run may still take in
	Lost       int64 `json:"lost"`      // objects that none will take in by itself

	Drifts      []Drift `json:"drifts"` // some of them: the server keeps no endless list
	LostObjects []Text  `json:"lost_objects"`
	Note        Text    `json:"note"`
	Error       Text    `json:"error"` // why it could not be done; else ""
}

// Drift is one window whose stored numbers are wrong.
type Drift struct {
	Key      Object `json:"key"`
	Start    Text   `json:"start"`
	Cause    Text   `json:"cause"` // for example "altered", "deleted" or "double"
	Detail   Text   `json:"detail"`
	Expected Object `json:"expected"` // nil where there should be none
	Stored   Object `json:"stored"`   // nil where there is none
}

// Side is a generation of a comparison.
type Side struct {
	Generation   Text `json:"generation"`
	Definition   Text `json:"definition"`
	Architecture Text `json:"architecture"`
}

// Diff is one page of a comparison, candidate against what serves; counts are of this page. A key may come on two pages.
type Diff struct {
	View          string    `json:"view"`
	Serving       Side      `json:"serving"`
	Candidate     Side      `json:"candidate"`
	Comparable    bool      `json:"comparable"`
	Reason        Text      `json:"reason"` // why it cannot be compared; else ""
	Aggregates    []string  `json:"aggregates"`
	OnlyServing   []string  `json:"only_serving"` // aggregates, not compared
	OnlyCandidate []string  `json:"only_candidate"`
	Keys          int64     `json:"keys"` // compared
	Windows       int64     `json:"windows"`
	Differing     int64     `json:"differing"` // of the windows
	Rows          []DiffRow `json:"rows"`
	Next          *string   `json:"next"` // where the next page begins; nil after the last
}

// DiffRow is a window that differs.
type DiffRow struct {
	Key       Object `json:"key"`
	KeyIsCut  bool   `json:"key_is_cut,omitzero"` // the key was too long to be kept whole
	Start     Text   `json:"start"`
	Serving   Object `json:"serving"` // nil where that side has no such window
	Candidate Object `json:"candidate"`
}

// Statuses is the state of all views, its bytes as sent: DecodeStatuses reads them. Errors: as Client.do.
func (c *Client) Statuses(ctx context.Context) ([]byte, error) {
	return c.read(ctx, c.path("v1", "admin", "views"))
}

// Status is the state of one view, its bytes as sent: DecodeStatus reads them. Errors: as Client.do.
func (c *Client) Status(ctx context.Context, view string) ([]byte, error) {
	return c.read(ctx, c.path("v1", "admin", "views", view))
}

// Diff is a page of a comparison; parameters are generation, limit and cursor, all optional. The bytes are as sent: DecodeDiff reads them.
// Errors: as Client.do.
func (c *Client) Diff(ctx context.Context, view string, parameters url.Values) ([]byte, error) {
	address := c.path("v1", "admin", "views", view, "diff")
	if query := parameters.Encode(); query != "" {
		address += "?" + query
	}
	return c.read(ctx, address)
}

// Operate asks for an operation on a generation, "" for the only one it can be about, and gives the status after it, as Status does.
//
// It is tried again only where a second time changes nothing that the first did: a wish (rebuild, audit), or an operation that names its
// generation. A rollback that names none would go back and forth.
// Errors: as Client.do. After a *GaveUp it may have been done or not; a *Problem may come of an earlier attempt that was done.
func (c *Client) Operate(ctx context.Context, view string, operation Operation, generation string) ([]byte, error) {
	asker := *c
	if generation == "" && operation != Rebuild && operation != Audit {
		asker.Retry.Attempts = 1
	}
	wish := map[string]string{}
	if generation != "" {
		wish["generation"] = generation
	}
	body, err := json.Marshal(wish)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: generation %q: %w", operation, view, generation, err)
	}
	answer, _, err := asker.do(ctx, request{method: http.MethodPost, url: c.path("v1", "admin", "views", view, string(operation)), body: body,
		header: http.Header{"Accept": {"application/json, application/problem+json"}, "Content-Type": {"application/json"}}})
	return answer, err
}

// DecodeStatuses reads what Statuses gives.
func DecodeStatuses(body []byte) (Statuses, error) {
	var s Statuses
	err := decode(body, &s, "status of the views")
	return s, err
}

// DecodeStatus reads what Status and Operate give.
func DecodeStatus(body []byte) (Status, error) {
	var s Status
	if err := decode(body, &s, "status"); err != nil {
		return s, err
	}
	if s.View == "" {
		return Status{}, errors.New("status: not what an Anabranch server answers: it names no view")
	}
	return s, nil
}

// DecodeDiff reads what Diff gives.
func DecodeDiff(body []byte) (Diff, error) {
	var d Diff
	if err := decode(body, &d, "comparison"); err != nil {
		return d, err
	}
	if d.View == "" {
		return Diff{}, errors.New("comparison: not what an Anabranch server answers: it names no view")
	}
	return d, nil
}

// EncodeDiff writes a comparison as the server would: what DecodeDiff reads.
func EncodeDiff(d Diff) ([]byte, error) { return json.Marshal(d) }
