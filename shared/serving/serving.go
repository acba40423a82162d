// Package serving is the layer that answers queries: it reads a view's pointer in the catalog once, then base items, then speed items of the
// slots that batch has not covered, merges their states and presents them, saying of each row whether it is exact, and as of when. A Kappa
// generation has speed items only; what it answers says through when it is complete. Diff and shadow reads hold one generation against another,
// with the very same reading.
//
// It writes nothing.
package serving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Serving answers queries. All fields are needed but LateAfter, Shadow and OnShadow. It is safe for concurrent use.
type Serving struct {
	Catalog  catalog.Catalog
	Sweeps   catalog.Sweeps
	Programs *programs.Cache
	Base     viewstore.Base
	Speed    viewstore.Speed

	MaxRows   int           // of one answer; default 10,000
	LateAfter time.Duration // an answer warns when the horizon is older than this; 0: never
	Now       func() time.Time

	Shadow   func() bool        // whether the candidate is to answer a query too; nil: never
	OnShadow func(ShadowReport) // gets what came of it, before the query returns; nil: nobody does
}

// What can be wrong with a query. Every other error is one of ours.
var (
	ErrUnknownView  = errors.New("unknown view")
	ErrNotServing   = errors.New("view is still being built")
	ErrBadParameter = errors.New("bad parameter")
	ErrTooManyRows  = errors.New("too many windows")
)

// ParameterError is an ErrBadParameter that names the parameter.
type ParameterError struct{ Parameter, Detail string }

func (e *ParameterError) Error() string { return e.Detail }

// Unwrap makes it an ErrBadParameter.
func (e *ParameterError) Unwrap() error { return ErrBadParameter }

// Answer is the answer to one query. Its rows are in order of time; windows without data have none.
type Answer struct {
	View       view.Name              `json:"view"`
	Key        Object                 `json:"key"`
	Window     string                 `json:"window"` // ISO 8601
	From       *string                `json:"from"`   // as asked; else where the rows begin
	To         *string                `json:"to"`     // as asked; else where the rows end
	Definition view.Hash              `json:"definition"`
	Generation lifecycle.GenerationID `json:"generation"`
	Horizon    *string                `json:"horizon"`            // null of a Kappa generation
	Complete   *string                `json:"complete,omitempty"` // of a Kappa generation: every event that arrived before has reached speed; absent while none is known to have
	Lag        Lag                    `json:"lag"`
	Data       []Row                  `json:"data"`
	Total      *Total                 `json:"total,omitempty"`
	Warnings   []string               `json:"warnings"`
}

// Lag says what may be missing: events that arrived after the horizon are in the answer as far as the stream has brought them.
type Lag struct {
	BatchSeconds    *float64 `json:"batch_seconds,omitempty"`    // since the horizon
	CompleteSeconds *float64 `json:"complete_seconds,omitempty"` // since the time through which a Kappa answer is complete
}

// Row is one window.
type Row struct {
	Start   string  `json:"start"`
	End     string  `json:"end"`
	Values  Object  `json:"values"`
	Exact   bool    `json:"exact"`             // equal to the fold of the distinct events that arrived before the horizon
	Horizon *string `json:"horizon,omitempty"` // the row's own, where a run in progress has moved it beyond the answer's
	Skipped Object  `json:"skipped,omitempty"` // events without an argument, of the aggregates that have any
	Parts   *Parts  `json:"parts,omitempty"`
}

// Parts are the two halves of a row: its states are theirs merged.
type Parts struct {
	Batch *Object `json:"batch"`
	Speed *Object `json:"speed"`
}

// Total is all rows as one.
type Total struct {
	Values  Object `json:"values"`
	Exact   bool   `json:"exact"`
	Skipped Object `json:"skipped,omitempty"`
}

// Query answers one query.
//
// Errors: ErrUnknownView, *ParameterError, ErrTooManyRows, ErrNotServing.
func (s *Serving) Query(ctx context.Context, name view.Name, parameters map[string][]string) (Answer, error) {
	pointer, err := s.view(ctx, name)
	if err != nil {
		return Answer{}, err
	}
	generation, ok := answering(pointer)
	if !ok {
		return Answer{}, fmt.Errorf("%w: %s", ErrNotServing, name)
	}
	program, err := s.program(ctx, generation.Definition)
	if err != nil {
		return Answer{}, err
	}
	q, err := parse(program, parameters)
	if err != nil {
		return Answer{}, err
	}
	complete, err := s.complete(ctx, generation)
	if err != nil {
		return Answer{}, fmt.Errorf("view %s: %w", name, err)
	}
	merged, err := s.read(ctx, program, generation, q)
	if err != nil {
		return Answer{}, fmt.Errorf("view %s: %w", name, err)
	}
	if n := merged.all.Len(); n > s.MaxRows {
		return Answer{}, fmt.Errorf("%w: %d, at most %d fit one answer; narrow from and to", ErrTooManyRows, n, s.MaxRows)
	}
	answer := s.present(q, generation, merged, complete)
	s.shadow(ctx, pointer, reader{program, generation, q}, merged, parameters)
	return answer, nil
}

// answering is the generation that answers: the one that serves or, before any does, one that has been built up to some horizon already, or has
// nothing to be built from.
func answering(v lifecycle.View) (lifecycle.Generation, bool) {
	if g, ok := v.Generation(v.Serving); ok {
		return g, true
	}
	for _, g := range v.Generations {
		if g.IsKept() && hasAnswers(g) {
			return g, true
		}
	}
	return lifecycle.Generation{}, false
}

// hasAnswers says whether there is anything in a generation that is kept. A Kappa one that is folded from the first slot on needs no run.
func hasAnswers(g lifecycle.Generation) bool {
	return g.Run > 0 || g.Architecture == view.Kappa && g.State != lifecycle.Announced && g.Horizon >= g.Live
}

func (s *Serving) view(ctx context.Context, name view.Name) (lifecycle.View, error) {
	v, err := s.Catalog.View(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return v, fmt.Errorf("%w: %.80q", ErrUnknownView, name)
	}
	if err != nil {
		return v, fmt.Errorf("read view %s: %w", name, err)
	}
	return v, nil
}

// merged are the states of a key's windows: of each half, and together.
type merged struct {
	batch, speed, all *view.Windows
	horizons          map[view.Page]slot.Slot // of the base items
}

// complete is the horizon of the last run of which every object has come to a Kappa generation, those of slots below its own beginning by replay and the others
// by the stream, as the sweep has seen; nil of a Lambda one, and when there is no such run. It is read before the items, so that it holds for them.
func (s *Serving) complete(ctx context.Context, g lifecycle.Generation) (*slot.Slot, error) {
	if g.Architecture != view.Kappa {
		return nil, nil
	}
	n, err := s.Sweeps.Swept(ctx)
	if err != nil {
		return nil, fmt.Errorf("read how far the sweep has come: %w", err)
	}
	if g.Live > 0 {
		n = min(n, g.Run)
	}
	if n == 0 {
		return nil, nil
	}
	run, err := runs.Reader{Catalog: s.Catalog}.Get(ctx, n)
	if err != nil {
		return nil, err
	}
	return &run.Horizon, nil
}

// read gets the states of a key's windows from a generation. Its pointer was read before.
func (s *Serving) read(ctx context.Context, p *view.Program, g lifecycle.Generation, q query) (merged, error) {
	if g.Architecture == view.Kappa {
		return s.readKappa(ctx, p, g, q)
	}
	return s.readLambda(ctx, p, g, q)
}

// readKappa merges all items: each event is in one of them, whatever the pointer says.
func (s *Serving) readKappa(ctx context.Context, p *view.Program, g lifecycle.Generation, q query) (merged, error) {
	m := merged{batch: p.NewWindows(), speed: p.NewWindows(), all: p.NewWindows()}
	items, err := s.Speed.Pages(ctx, lifecycle.OfGeneration(g.ID), q.key, q.firstPage, q.lastPage)
	if err != nil {
		return m, fmt.Errorf("read speed items: %w", err)
	}
	for _, item := range items {
		if err := m.speed.MergePage(item.Page, item.States, q.wants); err != nil {
			return m, err
		}
	}
	m.all.Merge(m.speed)
	return m, nil
}

// readLambda gets the two halves and merges them. Base items may be ahead of the pointer, never behind.
func (s *Serving) readLambda(ctx context.Context, p *view.Program, g lifecycle.Generation, q query) (merged, error) {
	m := merged{batch: p.NewWindows(), speed: p.NewWindows(), all: p.NewWindows(), horizons: map[view.Page]slot.Slot{}}
	base, err := s.Base.Pages(ctx, g.ID, q.key, q.firstPage, q.lastPage)
	if err != nil {
		return m, fmt.Errorf("read base items: %w", err)
	}
	for _, item := range base {
		m.horizons[item.Page] = item.Horizon
		if err := m.batch.MergePage(item.Page, item.States, q.wants); err != nil {
			return m, err
		}
	}
	speed, err := s.Speed.Slots(ctx, lifecycle.OfDefinition(g.Definition), q.key, g.Horizon)
	if err != nil {
		return m, fmt.Errorf("read speed items: %w", err)
	}
	for _, item := range speed {
		// Each slot counts once: below the item's own horizon in the base item, above it here. A run in progress moves items one by one.
		if item.Page < q.firstPage || item.Page > q.lastPage || item.Slot < max(g.Horizon, m.horizons[item.Page]) {
			continue
		}
		if err := m.speed.MergePage(item.Page, item.States, q.wants); err != nil {
			return m, err
		}
	}
	m.all.Merge(m.batch)
	m.all.Merge(m.speed)
	return m, nil
}

func (s *Serving) program(ctx context.Context, hash view.Hash) (*view.Program, error) {
	set, err := s.Programs.Of(ctx, s.Catalog, []view.Hash{hash})
	if err != nil {
		return nil, err
	}
	return set.Programs[0], nil
}
