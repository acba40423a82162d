package present

import (
	"errors"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Description describes a view in JSON.
type Description struct {
	Name         view.Name              `json:"name"`
	Description  string                 `json:"description"`
	Architecture string                 `json:"architecture"`
	State        lifecycle.State        `json:"state"`
	Definition   view.Hash              `json:"definition"`
	Generation   lifecycle.GenerationID `json:"generation"`
	Where        string                 `json:"where,omitempty"`
	Key          []KeyField             `json:"key"`
	Rollups      [][]string             `json:"rollups,omitempty"` // subsets of the key fields that have rows of their own
	Window       string                 `json:"window"`            // ISO 8601
	Aggregates   []Aggregate            `json:"aggregates"`
	Horizon      *string                `json:"horizon"` // null until a run is applied, and for a Kappa view
	Complete     *string                `json:"complete,omitempty"`
	// Lag and Warnings are those that an answer of the view would have now; nil while the view does not answer.
	Lag      *Lag     `json:"lag,omitempty"`
	Warnings []string `json:"warnings"`
	// What the view could not use in the windows that start at SkippedFrom or later: of the last 7 days,
	// and of some after now.
	Skipped     []Skip `json:"skipped"`
	SkippedFrom string `json:"skipped_from"`
	// What could not be read of the view, and is missing from this description; "" for nothing.
	Error string `json:"error,omitempty"`
}

// KeyField is a key field of a view.
type KeyField struct {
	Field string `json:"field"`
	Expr  string `json:"expr"`
}

// Aggregate is an aggregate of a view.
type Aggregate struct {
	Name   string `json:"name"`
	Expr   string `json:"expr"`
	Exact  bool   `json:"exact"`
	Number bool   `json:"number"` // whether its answer, or each of its readings, is a number
}

// NewDescription presents a view.
func NewDescription(of serving.Description) Description {
	g := of.Generation
	d := Description{
		Name: of.View.Name, Description: of.View.Description, Architecture: g.Architecture.String(), State: g.State,
		Definition: g.Definition, Generation: g.ID, Key: []KeyField{}, Aggregates: []Aggregate{},
		Horizon: timeOrNull(of.Horizon), Complete: timeOrNull(of.Complete), Lag: lagOf(of),
		Warnings: append([]string{}, of.Warnings...),
		Skipped:  skipsOf(of.Skipped), SkippedFrom: Time(of.SkippedFrom), Error: errorOf(of),
	}
	if of.Program == nil {
		return d
	}
	definition := of.Program.Definition
	d.Where, d.Window = definition.Where, view.FormatWindow(definition.Window)
	for _, k := range definition.Key {
		d.Key = append(d.Key, KeyField(k))
	}
	for s := range view.Subset(len(definition.Rollups)) {
		d.Rollups = append(d.Rollups, definition.FieldNames(s+1))
	}
	for i, a := range definition.Aggregates {
		f := of.Program.Functions[i]
		d.Aggregates = append(d.Aggregates, Aggregate{Name: a.Name, Expr: a.Expr, Exact: f.Exact(), Number: f.IsNumber()})
	}
	return d
}

// lagOf returns the lag of a view that answers; nil for any other.
func lagOf(of serving.Description) *Lag {
	if of.ReadAt.IsZero() {
		return nil
	}
	return &Lag{BatchSeconds: seconds(of.Horizon, of.ReadAt), CompleteSeconds: seconds(of.Complete, of.ReadAt)}
}

// errorOf says what could not be read of a view, without the words of a store.
func errorOf(of serving.Description) string {
	switch {
	case of.Err == nil:
		return ""
	case of.Program == nil:
		return "the view's definition could not be loaded; try again, and then look into the log of the query function"
	case errors.Is(of.Err, view.ErrCorruptPage):
		return "what the view skipped is stored in a form that cannot be read; rebuild the view"
	}
	return "what the view skipped could not be read; try again"
}

// NewDescriptions presents some views, in their order.
func NewDescriptions(of []serving.Description) []Description {
	all := make([]Description, len(of))
	for i := range of {
		all[i] = NewDescription(of[i])
	}
	return all
}
