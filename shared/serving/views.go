package serving

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Description describes a view.
type Description struct {
	View       lifecycle.View
	Generation lifecycle.Generation // the one that answers; while none does, the first that is on its way
	Program    *view.Program        // of the generation's definition; nil when Err says that it could not be loaded
	Horizon    time.Time            // zero while no run is applied, and for a Kappa generation

	// Freshness of the answers, as in Result; zero and nil while the view does not answer.
	ReadAt   time.Time
	Complete time.Time
	Warnings []string

	// What the generation could not use in the windows from SkippedFrom on: SkippedDays back.
	Skipped     []Skip
	SkippedFrom time.Time

	// What could not be read of the view; nil: everything was. A store's error may be retried. view.ErrCorruptPage
	// returns until an operator rebuilds the view.
	Err error
}

// Views describes all views in the order of their names. It leaves out views without a generation in use: nothing of
// such a view answers, or is going to. A view that cannot be read hides no other one: its Description has the error.
//
// Errors: the catalog's list of views; retry.
func (s *Serving) Views(ctx context.Context) ([]Description, error) {
	views, err := s.Catalog.Views(ctx)
	if err != nil {
		return nil, fmt.Errorf("read views: %w", err)
	}
	all := make([]Description, 0, len(views))
	for _, v := range views {
		if g, ok := described(v); ok {
			all = append(all, Description{View: v, Generation: g})
		}
	}
	return all, s.Parallel(len(all), func(i int) error {
		all[i] = s.describe(ctx, all[i].View, all[i].Generation)
		return nil
	})
}

// Describe describes one view. Errors: ErrUnknownView: do not retry; any other is a store's: retry.
func (s *Serving) Describe(ctx context.Context, name view.Name) (Description, error) {
	v, err := s.LoadView(ctx, name)
	if err != nil {
		return Description{}, err
	}
	g, ok := described(v)
	if !ok {
		return Description{}, unknownView(name)
	}
	d := s.describe(ctx, v, g)
	return d, d.Err
}

// described returns the generation that describes a view: the one that answers. While none answers yet, the first that
// is on its way says what the answers will be.
func described(v lifecycle.View) (lifecycle.Generation, bool) {
	if g, ok := v.Answering(); ok {
		return g, true
	}
	return v.OnItsWay()
}

func (s *Serving) describe(ctx context.Context, v lifecycle.View, g lifecycle.Generation) Description {
	d := Description{View: v, Generation: g}
	if g.Run > 0 && g.HasBase() {
		d.Horizon = g.Horizon.Start()
	}
	reader, err := s.Reader(ctx, g)
	if err != nil {
		d.Err = of(v.Name, err)
		return d
	}
	d.Program = reader.Program
	if d.Err = s.describeFreshness(ctx, &d); d.Err != nil {
		return d
	}
	skipped, err := s.skippedLately(ctx, reader, g)
	d.Skipped, d.SkippedFrom, d.Err = skipped.all, skipped.from, of(v.Name, err)
	return d
}

// describeFreshness says how fresh an answer of the view would be now, with the warnings that each answer would have.
func (s *Serving) describeFreshness(ctx context.Context, d *Description) error {
	if answering, ok := d.View.Answering(); !ok || answering.ID != d.Generation.ID {
		return nil
	}
	complete, lacks, err := s.complete(ctx, d.View.Name, d.Generation)
	if err != nil {
		return of(d.View.Name, err)
	}
	r := Result{
		View: d.View, Generation: d.Generation, ReadAt: s.Now(), Horizon: horizonOf(d.Generation), Complete: complete,
	}
	r.Generation.Lacks = lacks
	d.ReadAt, d.Complete, d.Warnings = r.ReadAt, complete, s.warnings(r)
	return nil
}
