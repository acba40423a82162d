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
	View       view.Name              `json:"view"`
	Key        Object                 `json:"key"`               // of many keys: the fields that have one value only
	GroupBy    []string               `json:"group_by,omitzero"` // key fields of the rows; nil for one key
	Plan       *Plan                  `json:"plan,omitempty"`    // what was read; nil for one key
	Window     string                 `json:"window"`            // ISO 8601
	Step       string                 `json:"step,omitempty"`    // ISO 8601, or "all"; "" where each window is a row
	Zone       string                 `json:"tz,omitempty"`      // as requested
	TZData     string                 `json:"tzdata,omitempty"`  // version of the time zone database, with Zone
	From       *string                `json:"from"`              // as requested; otherwise where the rows begin
	To         *string                `json:"to"`                // as requested; otherwise where the rows end
	Definition view.Hash              `json:"definition"`
	Generation lifecycle.GenerationID `json:"generation"`
	Horizon    *string                `json:"horizon"`            // null for a Kappa generation
	Complete   *string                `json:"complete,omitempty"` // only for a Kappa generation, once it is known
	Lag        Lag                    `json:"lag"`
	Read       *Reads                 `json:"read,omitempty"` // only with parts
}

// Reads says what was read from the stores for the rows.
type Reads struct {
	Batch Items `json:"batch"` // base items
	Speed Items `json:"speed"` // speed items, also those that take no part in the rows
}

// Items says how many items were read, and how many bytes their states have.
type Items struct {
	Number int `json:"items"`
	Bytes  int `json:"bytes"`
}

// Plan says what an answer was read from.
type Plan struct {
	From   string   `json:"from"`            // "keys", or "rollup"
	Rollup []string `json:"rollup,omitzero"` // key fields of the roll-up
	Keys   int      `json:"keys"`            // number of keys, or of keys of the roll-up, that were read
}

// Tail is the part of an answer after its rows.
type Tail struct {
	Next  *string `json:"next,omitempty"` // cursor of the groups that come next; nil when there are none
	Total *Total  `json:"total,omitempty"`
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
	Key    *Object `json:"key,omitempty"` // of many keys: the fields of group_by; nil for one key
	Start  string  `json:"start"`
	End    string  `json:"end"`
	Values Object  `json:"values"`
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
	p := newPresenting(r)
	a := Answer{Head: newHead(r, parts), Data: make([]Row, len(r.Rows)), Tail: p.tail(r)}
	for i := range r.Rows {
		a.Data[i] = p.row(&r.Rows[i], parts)
	}
	return a
}

func newHead(r serving.Result, parts bool) Head {
	d := r.Program.Definition
	h := Head{
		View: r.View.Name, Key: commonKey(r), Window: view.FormatWindow(d.Window),
		From: bound(r.From, r.Selection), To: bound(r.To, r.Selection),
		Definition: r.Generation.Definition, Generation: r.Generation.ID,
		Horizon: timeOrNull(r.Horizon), Complete: timeOrNull(r.Complete),
		Lag: Lag{BatchSeconds: seconds(r.Horizon, r.ReadAt), CompleteSeconds: seconds(r.Complete, r.ReadAt)},
	}
	if parts {
		h.Read = &Reads{Batch: Items(r.Read.Batch), Speed: Items(r.Read.Speed)}
	}
	if s := r.Selection; s.Step.Exists() {
		h.Step = s.Step.ISO()
	} else if s.Whole {
		h.Step = wholeRange
	}
	if g := r.Groups; g != nil {
		h.GroupBy, h.Plan = make([]string, len(g.By)), planOf(d, *g)
		for i, k := range g.By {
			h.GroupBy[i] = k.Field
		}
	}
	if zone := r.Selection.Zone; zone != nil {
		h.Zone, h.TZData = zone.String(), calendar.Version
	}
	return h
}

func planOf(d view.Definition, g serving.Groups) *Plan {
	if g.Subset == view.FullKey {
		return &Plan{From: "keys", Keys: g.Keys}
	}
	return &Plan{From: "rollup", Rollup: d.FieldNames(g.Subset), Keys: g.Keys}
}

// commonKey returns the values that all rows have: those of the one key, or of the fields that have one value only.
func commonKey(r serving.Result) Object {
	if r.Groups == nil {
		return Key(r.Program.Definition.Key, r.Key)
	}
	common := Object{}
	for _, k := range r.Program.Definition.Key {
		if values := r.Selection.Key[k.Field]; len(values) == 1 {
			common = append(common, Key([]view.KeyField{k}, values)...)
		}
	}
	return common
}

// presentJSON writes an Answer row by row, so that a writer that takes no more ends the work.
func presentJSON(w tagged, r serving.Result, parts bool) (rows int, err error) {
	p := newPresenting(r)
	head := newHead(r, parts)
	text, err := json.Marshal(head)
	if err != nil {
		return 0, err
	}
	head.Lag, head.Read = Lag{}, nil // they change while the rows stay
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
	shown     []serving.Value
	selection serving.Selection
	groups    *serving.Groups
	text      []byte
}

func newPresenting(r serving.Result) presenting {
	return presenting{shown: r.Values(), selection: r.Selection, groups: r.Groups}
}

func (p *presenting) tail(r serving.Result) Tail {
	tail := Tail{Skipped: skipsOf(r.Skipped), Warnings: r.Warnings}
	if g := r.Groups; g != nil && g.Next != "" {
		tail.Next = &g.Next
	}
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
	if p.groups != nil {
		key := Key(p.groups.By, of.Key)
		row.Key = &key
	}
	if parts {
		row.Parts = &Parts{Batch: p.part(of.Batch), Speed: p.part(of.Speed)}
	}
	return row
}

func (p *presenting) values(of serving.States) Object {
	values := make(Object, len(p.shown))
	for i, v := range p.shown {
		at := len(p.text)
		p.text = of.AppendReadings(p.text, v.Aggregate, v.Readings)
		values[i] = Member{Name: v.Name, Value: p.text[at:len(p.text):len(p.text)]}
	}
	return values
}

func (p *presenting) errors(of serving.States) Object {
	var bounds Object
	for _, v := range p.shown {
		if bound := of.AppendError(nil, v.Aggregate); len(bound) > 0 {
			bounds = append(bounds, Member{Name: v.Name, Value: bound})
		}
	}
	return bounds
}

func (p *presenting) skipped(of serving.States) Object {
	var skipped Object
	for _, v := range p.shown {
		if n := of.Skipped(v.Aggregate); n > 0 {
			skipped = append(skipped, Member{Name: v.Name, Value: strconv.AppendInt(nil, n, 10)})
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
