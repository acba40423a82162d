package present

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Answer is the JSON answer of a query. Its rows are in order of time. Windows without data have no row, unless they
// were asked for.
type Answer struct {
	Head
	Data []Row `json:"data"`
	Tail
}

// Head is the part of an answer before its rows. Every event that arrived before Complete has reached speed.
type Head struct {
	View view.Name `json:"view"`
	// The key fields of the roll-up that has these rows; none: they are rows of the full key.
	Rollup     []string               `json:"rollup,omitzero"`
	Key        Object                 `json:"key"`
	Window     string                 `json:"window"`           // ISO 8601
	Step       string                 `json:"step,omitempty"`   // ISO 8601; "" where each window is a row
	Zone       string                 `json:"tz,omitempty"`     // as requested
	TZData     string                 `json:"tzdata,omitempty"` // version of the time zone database, with Zone
	From       *string                `json:"from"`             // as requested; otherwise where the rows begin
	To         *string                `json:"to"`               // as requested; otherwise where the rows end
	Definition view.Hash              `json:"definition"`
	Generation lifecycle.GenerationID `json:"generation"`
	Horizon    *string                `json:"horizon"`            // null for a Kappa generation
	Complete   *string                `json:"complete,omitempty"` // only for a Kappa generation, once it is known
	Lag        Lag                    `json:"lag"`
}

// Tail is the part of an answer after its rows.
type Tail struct {
	Total *Total `json:"total,omitempty"`
	// What the view could not use in the selected windows, under any key.
	Skipped  []Skip   `json:"skipped"`
	Warnings []string `json:"warnings"`
}

// Lag says what may be missing. Of the events after the horizon, the answer has those that the stream has delivered.
type Lag struct {
	BatchSeconds    *float64 `json:"batch_seconds,omitempty"`    // seconds since the horizon
	CompleteSeconds *float64 `json:"complete_seconds,omitempty"` // seconds since Complete
}

// Row is one window, or the windows of one step.
type Row struct {
	Start  string `json:"start"`
	End    string `json:"end"`
	Values Object `json:"values"`
	// the row equals the fold of the distinct events that arrived before the horizon
	Exact   bool    `json:"exact"`
	Horizon *string `json:"horizon,omitempty"` // the row's own horizon, where a run in progress has moved it ahead
	Errors  Object  `json:"errors,omitempty"`  // per aggregate whose value is an estimate, its error bound
	Skipped Object  `json:"skipped,omitempty"` // per aggregate with an argument, the events that had none
	Parts   *Parts  `json:"parts,omitempty"`
}

// Parts are the two halves of a row. Merging their states gives the row's.
type Parts struct {
	Batch *Object `json:"batch"`
	Speed *Object `json:"speed"`
}

// Total is the merge of all rows.
type Total struct {
	Values  Object `json:"values"`
	Exact   bool   `json:"exact"`
	Errors  Object `json:"errors,omitempty"`
	Skipped Object `json:"skipped,omitempty"`
}

// NewAnswer presents a result as JSON, with the two halves of each row if parts is set.
func NewAnswer(r serving.Result, parts bool) Answer {
	p := presenting{aggregates: r.Program.Definition.Aggregates, selection: r.Selection}
	a := Answer{Head: newHead(r), Data: make([]Row, len(r.Rows)), Tail: p.tail(r)}
	for i := range r.Rows {
		a.Data[i] = p.row(&r.Rows[i], parts)
	}
	return a
}

func newHead(r serving.Result) Head {
	d := r.Program.Definition
	h := Head{
		View: r.View.Name, Rollup: rollupOf(r), Key: Key(r.Fields(), r.Key), Window: view.FormatWindow(d.Window),
		From: bound(r.From, r.Selection), To: bound(r.To, r.Selection),
		Definition: r.Generation.Definition, Generation: r.Generation.ID,
		Horizon: timeOrNull(r.Horizon), Complete: timeOrNull(r.Complete),
		Lag: Lag{BatchSeconds: seconds(r.Horizon, r.ReadAt), CompleteSeconds: seconds(r.Complete, r.ReadAt)},
	}
	if s := r.Selection; s.Step.Exists() {
		h.Step = s.Step.ISO()
	}
	if zone := r.Selection.Zone; zone != nil {
		h.Zone, h.TZData = zone.String(), calendar.Version
	}
	return h
}

// rollupOf returns the fields of the roll-up that a result comes from; nil for the full key.
func rollupOf(r serving.Result) []string {
	if r.Subset == view.FullKey {
		return nil
	}
	return r.Program.Definition.FieldNames(r.Subset)
}

// presentJSON writes an Answer row by row, so that a writer that takes no more ends the work.
func presentJSON(w tagged, r serving.Result, parts bool) (rows int, err error) {
	p := presenting{aggregates: r.Program.Definition.Aggregates, selection: r.Selection}
	head := newHead(r)
	text, err := json.Marshal(head)
	if err != nil {
		return 0, err
	}
	head.Lag = Lag{} // grows from second to second
	stable, err := json.Marshal(head)
	if err != nil {
		return 0, err
	}
	text = append(text[:len(text)-1], `,"data":[`...)
	if _, err := w.WriteAs(text, stable); err != nil {
		return 0, err
	}
	text = text[:0]
	for i := range r.Rows {
		if i > 0 {
			text = append(text, ',')
		}
		p.text = p.text[:0]
		row, err := json.Marshal(p.row(&r.Rows[i], parts))
		if err != nil {
			return i, err
		}
		if _, err := w.Write(append(text, row...)); err != nil {
			return i, err
		}
		text = text[:0]
	}
	tail, err := json.Marshal(p.tail(r))
	if err != nil {
		return len(r.Rows), err
	}
	_, err = w.Write(append(append(text, "],"...), tail[1:]...))
	return len(r.Rows), err
}

// seconds returns the time since a time, to the millisecond; nil for the zero time.
func seconds(since, now time.Time) *float64 {
	if since.IsZero() {
		return nil
	}
	n := float64(now.Sub(since).Milliseconds()) / 1000
	return &n
}

// presenting makes the rows of one answer. All numbers since text was last emptied share it.
type presenting struct {
	aggregates []view.Aggregate
	selection  serving.Selection
	text       []byte
}

func (p *presenting) tail(r serving.Result) Tail {
	tail := Tail{Skipped: skipsOf(r.Skipped), Warnings: r.Warnings}
	if t := r.Total; t != nil {
		tail.Total = &Total{
			Values: p.values(t.States), Errors: p.errors(t.States), Skipped: p.skipped(t.States), Exact: t.Exact,
		}
	}
	return tail
}

func (p *presenting) row(of *serving.Row, parts bool) Row {
	row := Row{
		Start: timeIn(of.Start, p.selection), End: timeIn(of.End, p.selection), Values: p.values(of.States), Exact: of.Exact,
		Horizon: timeOrNull(of.Horizon), Errors: p.errors(of.States), Skipped: p.skipped(of.States),
	}
	if parts {
		row.Parts = &Parts{Batch: p.part(of.Batch), Speed: p.part(of.Speed)}
	}
	return row
}

func (p *presenting) values(of serving.States) Object {
	values := make(Object, len(p.aggregates))
	for i, a := range p.aggregates {
		at := len(p.text)
		p.text = of.AppendNumber(p.text, i)
		values[i] = Member{Name: a.Name, Value: p.text[at:len(p.text):len(p.text)]}
	}
	return values
}

func (p *presenting) errors(of serving.States) Object {
	var bounds Object
	for i, a := range p.aggregates {
		if bound := of.AppendError(nil, i); len(bound) > 0 {
			bounds = append(bounds, Member{Name: a.Name, Value: bound})
		}
	}
	return bounds
}

func (p *presenting) skipped(of serving.States) Object {
	var skipped Object
	for i, a := range p.aggregates {
		if n := of.Skipped(i); n > 0 {
			skipped = append(skipped, Member{Name: a.Name, Value: strconv.AppendInt(nil, n, 10)})
		}
	}
	return skipped
}

func (p *presenting) part(of serving.States) *Object {
	if !of.Exist() {
		return nil
	}
	values := p.values(of)
	return &values
}
