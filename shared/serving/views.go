package serving

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Description describes a view.
type Description struct {
	View       lifecycle.View
	Generation lifecycle.Generation // the serving one; before any serves, the first one
	Program    *view.Program        // of the generation's definition
	Horizon    time.Time            // zero while no run is applied, and for a Kappa generation

	// What the generation could not use in the windows that start at SkippedFrom or later: SkippedDays back.
	Skipped     []Skip
	SkippedFrom time.Time
}

// Views describes all views in the order of their names. It leaves out views without a generation, and views that were
// retired and dropped.
//
// Errors: a store's; retry.
func (s *Serving) Views(ctx context.Context) ([]Description, error) {
	views, err := s.Catalog.Views(ctx)
	if err != nil {
		return nil, fmt.Errorf("read views: %w", err)
	}
	all := make([]Description, 0, len(views))
	for _, v := range views {
		if len(v.Generations) == 0 || v.IsGone() {
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

// Describe describes one view. Errors: ErrUnknownView: do not retry; any other is a store's: retry.
func (s *Serving) Describe(ctx context.Context, name view.Name) (Description, error) {
	v, err := s.LoadView(ctx, name)
	if err != nil {
		return Description{}, err
	}
	if len(v.Generations) == 0 {
		return Description{}, unknownView(name)
	}
	return s.describe(ctx, v)
}

// representative is the generation that stands for a view: the one that serves; else the first that is kept; else one
// that was given up, when that is all there is.
func representative(v lifecycle.View) lifecycle.Generation {
	if g, ok := v.Generation(v.Serving); ok {
		return g
	}
	first := max(0, slices.IndexFunc(v.Generations, lifecycle.Generation.IsKept))
	return v.Generations[first]
}

func (s *Serving) describe(ctx context.Context, v lifecycle.View) (Description, error) {
	g := representative(v)
	reader, err := s.Reader(ctx, g)
	if err != nil {
		return Description{}, err
	}
	d := Description{View: v, Generation: g, Program: reader.Program}
	if g.Run > 0 && g.HasBase() {
		d.Horizon = g.Horizon.Start()
	}
	skipped, err := s.skippedLately(ctx, reader, g)
	d.Skipped, d.SkippedFrom = skipped.all, skipped.from
	return d, of(v.Name, err)
}
