package serving

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Description tells a view.
type Description struct {
	Name         view.Name              `json:"name"`
	Description  string                 `json:"description"`
	Architecture string                 `json:"architecture"`
	State        lifecycle.State        `json:"state"`
	Definition   view.Hash              `json:"definition"`
	Generation   lifecycle.GenerationID `json:"generation"`
	Where        string                 `json:"where,omitempty"`
	Key          []KeyField             `json:"key"`
	Window       string                 `json:"window"` // ISO 8601
	Aggregates   []Aggregate            `json:"aggregates"`
	Horizon      *string                `json:"horizon"` // null while no run is applied, and of a Kappa view
}

// KeyField is a key field of a view.
type KeyField struct {
	Field string `json:"field"`
	Expr  string `json:"expr"`
}

// Aggregate is an aggregate of a view.
type Aggregate struct {
	Name  string `json:"name"`
	Expr  string `json:"expr"`
	Exact bool   `json:"exact"`
}

// Views describes all views, in the order of their names; but for those whose only generation an operator has given up, of which there is nothing to tell.
func (s *Serving) Views(ctx context.Context) ([]Description, error) {
	views, err := s.Catalog.Views(ctx)
	if err != nil {
		return nil, fmt.Errorf("read views: %w", err)
	}
	all := make([]Description, 0, len(views))
	for _, v := range views {
		if len(v.Generations) == 0 {
			continue
		}
		d, err := s.describe(ctx, v)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// View describes one view. Errors: ErrUnknownView.
func (s *Serving) View(ctx context.Context, name view.Name) (Description, error) {
	v, err := s.view(ctx, name)
	if err != nil {
		return Description{}, err
	}
	if len(v.Generations) == 0 {
		return Description{}, fmt.Errorf("%w: %.80q", ErrUnknownView, name)
	}
	return s.describe(ctx, v)
}

// describe tells the generation that serves; before any does, the one that is being built.
func (s *Serving) describe(ctx context.Context, v lifecycle.View) (Description, error) {
	g, ok := v.Generation(v.Serving)
	if !ok {
		g = v.Generations[0]
	}
	program, err := s.program(ctx, g.Definition)
	if err != nil {
		return Description{}, err
	}
	d := Description{
		Name: v.Name, Description: v.Description, Architecture: g.Architecture.String(), State: g.State, Definition: g.Definition, Generation: g.ID,
		Where: program.Definition.Where, Key: []KeyField{}, Window: view.FormatWindow(program.Definition.Window),
	}
	for _, k := range program.Definition.Key {
		d.Key = append(d.Key, KeyField(k))
	}
	for i, a := range program.Definition.Aggregates {
		d.Aggregates = append(d.Aggregates, Aggregate{Name: a.Name, Expr: a.Expr, Exact: program.Functions[i].Exact()})
	}
	if g.Run > 0 && g.Architecture == view.Lambda {
		text := formatTime(g.Horizon.Start())
		d.Horizon = &text
	}
	return d, nil
}
