package operations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Statuses is the status of all views. Every time is RFC 3339 in UTC, or null when there is none.
type Statuses struct {
	Head  Position `json:"head"`  // last committed run
	Swept Position `json:"swept"` // last run whose objects are all known to have been streamed
	// What the runs hold, and so what a build reads.
	Archive Archive  `json:"archive"`
	Views   []Status `json:"views"` // in order of name
}

// Archive counts what all runs up to the head hold. It has no objects that no run holds yet.
type Archive struct {
	Objects int64 `json:"objects"`
	Events  int64 `json:"events"` // duplicates included
}

// Position is a run and its horizon. Run 0 means no run.
type Position struct {
	Run     uint64  `json:"run"`
	Horizon *string `json:"horizon"` // exclusive
}

// Status is everything that an operator may need to know about a view.
type Status struct {
	View        view.Name `json:"view"`
	Description string    `json:"description"`
	Serving     *string   `json:"serving"`        // id of the serving generation
	Held        view.Hash `json:"held,omitempty"` // definition that an operator has put away
	// When batch found that the deployed file no longer names the view.
	Retired *string `json:"retired,omitempty"`
	Rebuild bool    `json:"rebuild,omitempty"` // a rebuild is requested and has not begun
	Failure string  `json:"failure,omitempty"` // why batch has given up the last build
	// Why a build or an audit of the view, or a run, may be too large for one function; runs.Misfit.
	Misfit      string       `json:"misfit,omitempty"`
	Head        Position     `json:"head"`
	Generations []Generation `json:"generations"` // oldest first
	Audit       *AuditStatus `json:"audit"`
}

// Generation is the progress of one generation.
type Generation struct {
	Generation   lifecycle.GenerationID `json:"generation"`
	Definition   view.Hash              `json:"definition"`
	Architecture string                 `json:"architecture"` // "lambda" or "kappa"
	State        lifecycle.State        `json:"state"`
	// Speed folds what arrives from here on; null: everything.
	LiveFrom *string `json:"live_from"`
	Run      uint64  `json:"run"` // last run that was brought in; 0: none
	Horizon  *string `json:"horizon"`
	Since    *string `json:"since,omitempty"` // when it was retained, or first found dropping by its owner
	// First run whose events a Kappa generation lacks for good: rebuild the view.
	Lacks    uint64  `json:"lacks,omitempty"`
	RunsLeft uint64  `json:"runs_left"` // runs up to the head; 0 after it was given up
	Ready    bool    `json:"ready"`     // it serves, or may be switched to
	Waits    string  `json:"waits"`     // why it may not be switched to; "" when ready
	From     *string `json:"from"`      // when the first event of all runs arrived
}

// AuditStatus is when a view was audited, and the findings of the last audit that has some: see catalog.Audit.
type AuditStatus struct {
	Requested   *string  `json:"requested"`
	Begun       *string  `json:"begun"`
	Ended       *string  `json:"ended"`
	Generation  string   `json:"generation"`
	Run         uint64   `json:"run"`
	Horizon     *string  `json:"horizon"`
	Items       int64    `json:"items"`
	Windows     int64    `json:"windows"`
	Drift       int64    `json:"drift"`
	Beyond      int64    `json:"beyond"`
	Unsettled   int64    `json:"unsettled"`
	Pending     int64    `json:"pending"`
	Lost        int64    `json:"lost"`
	Drifts      []Drift  `json:"drifts"`
	LostObjects []string `json:"lost_objects"`
	Note        string   `json:"note,omitempty"`
	Error       string   `json:"error"`
}

// Drift is one window that differs from the expected one.
type Drift struct {
	Key      key             `json:"key"`
	Start    *string         `json:"start"`
	Cause    catalog.Cause   `json:"cause"`
	Detail   string          `json:"detail"`
	Expected json.RawMessage `json:"expected"` // null: no such window
	Stored   json.RawMessage `json:"stored"`
}

// key is the values of a key with the names of its fields, in the definition's order.
type key struct{ fields, values []string }

// MarshalJSON implements json.Marshaler.
func (k key) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, value := range k.values {
		if i > 0 {
			out = append(out, ',')
		}
		field := fmt.Sprintf("field_%d", i+1) // the definition is no longer stored
		if len(k.fields) == len(k.values) {
			field = k.fields[i]
		}
		name, err := json.Marshal(field)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), text...)
	}
	return append(out, '}'), nil
}

// progress is what the statuses of all views share about the runs.
type progress struct {
	head   lifecycle.Run
	from   *string
	misfit string
}

// Status returns the status of all views. Errors: the catalog's; retry.
func (o *Operations) Status(ctx context.Context) (Statuses, error) {
	views, err := o.Catalog.Views(ctx)
	if err != nil {
		return Statuses{}, fmt.Errorf("read views: %w", err)
	}
	runs, err := o.progress(ctx)
	if err != nil {
		return Statuses{}, err
	}
	swept, err := o.swept(ctx)
	if err != nil {
		return Statuses{}, err
	}
	all := Statuses{
		Head: positionOf(runs.head), Swept: swept, Views: make([]Status, 0, len(views)),
		Archive: Archive{Objects: runs.head.AllObjects, Events: runs.head.AllEvents},
	}
	for _, v := range views {
		if v.IsGone() && len(v.Generations) == 0 {
			continue // what is left is its revision
		}
		told, err := o.tell(ctx, v, runs)
		if err != nil {
			return Statuses{}, err
		}
		all.Views = append(all.Views, told)
	}
	return all, nil
}

// View returns the status of one view. Errors: ErrUnknownView: do not retry. Any other is the catalog's: retry.
func (o *Operations) View(ctx context.Context, name view.Name) (Status, error) {
	v, err := o.view(ctx, name)
	if err != nil {
		return Status{}, err
	}
	return o.statusOf(ctx, v)
}

func (o *Operations) statusOf(ctx context.Context, v lifecycle.View) (Status, error) {
	runs, err := o.progress(ctx)
	if err != nil {
		return Status{}, err
	}
	return o.tell(ctx, v, runs)
}

func (o *Operations) progress(ctx context.Context) (progress, error) {
	head, err := o.Catalog.Head(ctx)
	if err != nil {
		return progress{}, fmt.Errorf("read head: %w", err)
	}
	first, err := o.Catalog.Runs(ctx, 1, 1)
	if err != nil {
		return progress{}, fmt.Errorf("read the first run: %w", err)
	}
	// Batch writes how much memory it has into its lease.
	batch, err := o.Catalog.Lease(ctx, "batch")
	if err != nil {
		return progress{}, fmt.Errorf("read the lease of batch: %w", err)
	}
	p := progress{head: head, misfit: runs.Misfit(head, batch.Memory)}
	if len(first) > 0 {
		p.from = timeOf(first[0].FirstArrival)
	}
	return p, nil
}

func (o *Operations) swept(ctx context.Context) (Position, error) {
	n, err := o.Sweeps.Swept(ctx)
	if err != nil {
		return Position{}, fmt.Errorf("read the swept run: %w", err)
	}
	if n == 0 {
		return Position{}, nil
	}
	run, err := runs.Reader{Catalog: o.Catalog}.Get(ctx, n)
	if err != nil {
		return Position{}, fmt.Errorf("the swept run: %w", err)
	}
	return positionOf(run), nil
}

func (o *Operations) tell(ctx context.Context, v lifecycle.View, runs progress) (Status, error) {
	s := Status{
		View: v.Name, Description: v.Description, Held: v.Held, Retired: timeOf(v.Retired), Rebuild: v.Rebuild != 0,
		Failure:     v.Failure,
		Head:        positionOf(runs.head),
		Generations: make([]Generation, len(v.Generations)),
	}
	if v.Serving != "" {
		serving := string(v.Serving)
		s.Serving = &serving
	}
	for i, g := range v.Generations {
		s.Generations[i] = generationOf(v, g, runs)
		if g.IsKept() && g.HasBase() {
			s.Misfit = runs.misfit
		}
	}
	audit, err := o.audit(ctx, v)
	s.Audit = audit
	return s, err
}

func generationOf(v lifecycle.View, g lifecycle.Generation, runs progress) Generation {
	told := Generation{
		Generation: g.ID, Definition: g.Definition, Architecture: g.Architecture.String(), State: g.State,
		Run: g.Run, Lacks: g.Lacks, Since: timeOf(g.Since),
		LiveFrom: timeOf(g.LiveFrom.Millis()), From: runs.from,
	}
	if g.Run > 0 {
		told.Horizon = slotTime(g.Horizon)
	}
	if g.IsKept() && g.Run < runs.head.N {
		told.RunsLeft = runs.head.N - g.Run
	}
	var refusal *lifecycle.Refusal
	if err := v.MayServe(g.ID, runs.head); g.ID != v.Serving && errors.As(err, &refusal) {
		told.Waits = refusal.Reason
	}
	told.Ready = told.Waits == ""
	return told
}

// audit returns the status of a view's audits; nil when it was never audited and no audit was requested.
func (o *Operations) audit(ctx context.Context, v lifecycle.View) (*AuditStatus, error) {
	a, err := o.Catalog.Audit(ctx, v.Name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read audit of view %s: %w", v.Name, err)
	}
	told := &AuditStatus{
		Requested: timeOf(a.Requested), Begun: timeOf(a.Begun), Ended: timeOf(a.Ended),
		Generation: string(a.Generation), Run: a.Run,
		Items: a.Items, Windows: a.Windows, Drift: a.Drift, Beyond: a.Beyond,
		Unsettled: a.Unsettled, Pending: a.Pending, Lost: a.Lost,
		Drifts: make([]Drift, len(a.Drifts)), LostObjects: append([]string{}, a.LostObjects...),
		Note: a.Note, Error: a.Error,
	}
	if a.Run > 0 {
		told.Horizon = slotTime(a.Horizon)
	}
	if len(a.Drifts) == 0 {
		return told, nil
	}
	definition, err := o.definition(ctx, v, a.Generation)
	if err != nil {
		return nil, err
	}
	for i, d := range a.Drifts {
		told.Drifts[i] = Drift{
			Key:      keyOf(d, definition),
			Start:    textOf(d.Start),
			Cause:    d.Cause,
			Detail:   d.Detail,
			Expected: d.Expected,
			Stored:   d.Stored,
		}
	}
	return told, nil
}

// definition returns the definition of a generation; nil when the view no longer has the generation.
func (o *Operations) definition(
	ctx context.Context, v lifecycle.View, id lifecycle.GenerationID,
) (*view.Definition, error) {
	g, ok := v.Generation(id)
	if !ok {
		return nil, nil
	}
	text, err := o.Catalog.Definition(ctx, g.Definition)
	if err != nil {
		return nil, fmt.Errorf("read definition %s: %w", g.Definition, err)
	}
	definition, err := view.ParseText(text)
	if err != nil {
		return nil, fmt.Errorf("definition %s: %w", g.Definition, err)
	}
	return &definition, nil
}

// keyOf returns the key of a drift, with the names of its fields where the definition is still stored.
func keyOf(d catalog.Drift, of *view.Definition) key {
	if of == nil || int(d.Subset) >= of.Subsets() {
		return key{nil, d.Key}
	}
	return key{of.FieldNames(d.Subset), d.Key}
}

func positionOf(r lifecycle.Run) Position {
	if r.N == 0 {
		return Position{}
	}
	return Position{Run: r.N, Horizon: slotTime(r.Horizon)}
}

// timeOf returns the text of an instant; nil for event.Never.
func timeOf(m event.Millis) *string {
	if m == event.Never {
		return nil
	}
	return textOf(m)
}

func textOf(m event.Millis) *string {
	text := m.Time().Format(time.RFC3339Nano)
	return &text
}

func slotTime(s slot.Slot) *string { return textOf(s.Millis()) }
