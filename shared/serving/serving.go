// Package serving is the layer that reads answers: it reads a view's pointer in the catalog once, then base items, then
// speed items of the slots that batch has not covered, and merges their states. It says of each row whether it is
// exact, and as of when. A Kappa generation has speed items only; its result says through when it is complete.
//
// A result has times, states and exact numbers. How it looks to a client is the business of package present; what two
// generations of a view have differently, that of package compare.
//
// It writes nothing.
package serving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
)

// Serving reads what views answer. All fields are needed but LateAfter. It is safe for concurrent use.
type Serving struct {
	Stores
	Sweeps catalog.Sweeps

	MaxRows   int           // of one result
	LateAfter time.Duration // a result warns when the horizon is older than this; 0: never
	Now       func() time.Time
}

// What can be wrong with a selection. Every other error is one of ours.
var (
	ErrUnknownView  = errors.New("unknown view")
	ErrNotServing   = errors.New("view is still being built")
	ErrBadParameter = errors.New("bad parameter")
	ErrTooManyRows  = errors.New("too many windows")
)

// Read reads what a selection asks for, from the generation that answers.
//
// Errors, and whether to retry:
//   - ErrUnknownView, *FieldError, *ParameterError, ErrTooManyRows: do not; another selection is needed.
//   - ErrNotServing: retry when batch has built the view.
//   - Any other is of a store, or of ctx: retry. view.ErrCorruptPage comes again until an operator has the view
//     rebuilt.
//
// Ordering: the result holds every event that was in the stores before the call. Nothing is written, so a call may be
// repeated.
func (s *Serving) Read(ctx context.Context, selection Selection) (Result, error) {
	name := selection.View
	pointer, err := s.LoadView(ctx, name)
	if err != nil {
		return Result{}, err
	}
	generation, ok := answering(pointer)
	if !ok {
		return Result{}, fmt.Errorf("%w: %s", ErrNotServing, name)
	}
	reader, err := s.Reader(ctx, generation)
	if err != nil {
		return Result{}, err
	}
	complete, lacks, err := s.complete(ctx, name, generation)
	if err != nil {
		return Result{}, fmt.Errorf("view %s: %w", name, err)
	}
	result, err := reader.Read(ctx, selection)
	if err != nil {
		return Result{}, of(name, err)
	}
	if n := len(result.Rows); n > s.MaxRows {
		err := fmt.Errorf("%w: the selection has %d, the maximum is %d; narrow from and to", ErrTooManyRows, n, s.MaxRows)
		return Result{}, err
	}
	result.Generation.Lacks = lacks
	result.View, result.Complete, result.ReadAt = pointer, complete, s.Now()
	result.Warnings = s.warnings(result)
	return result, nil
}

// of says of which view an error is; what is wrong with a selection says so itself.
func of(name view.Name, err error) error {
	if errors.Is(err, ErrBadParameter) {
		return err
	}
	return fmt.Errorf("view %s: %w", name, err)
}

// answering is the generation that answers: the one that serves or, before any does, one that has been built up to some
// horizon already, or has nothing to be built from.
func answering(v lifecycle.View) (lifecycle.Generation, bool) {
	if g, ok := v.Generation(v.Serving); ok {
		return g, true
	}
	for _, g := range v.Generations {
		if g.Answers() {
			return g, true
		}
	}
	return lifecycle.Generation{}, false
}

// complete is the horizon of the last run of which every object has come to a Kappa generation, those of slots below
// its own beginning by replay and the others by the stream, as the sweep has seen; zero of a Lambda one, and when
// there is no such run. It is read before the items, so that it holds for them. lacks is the first run of which the
// generation lacks events for good, 0 for none.
func (s *Serving) complete(
	ctx context.Context, name view.Name, g lifecycle.Generation,
) (through time.Time, lacks uint64, err error) {
	if g.HasBase() {
		return time.Time{}, 0, nil
	}
	n, err := s.Sweeps.Swept(ctx)
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("read how far the sweep has come: %w", err)
	}
	// The sweep passes a run by only once every generation that lacks events of it says so: what says so is read after
	// how far the sweep has come.
	if g.Lacks, err = s.lacks(ctx, name, g); err != nil {
		return time.Time{}, 0, err
	}
	if n = g.CompleteThrough(n); n == 0 {
		return time.Time{}, g.Lacks, nil
	}
	run, err := runs.Reader{Catalog: s.Catalog}.Get(ctx, n)
	if err != nil {
		return time.Time{}, 0, err
	}
	return run.Horizon.Start(), g.Lacks, nil
}

// lacks reads what a generation lacks by now. One that its view is rid of says what it said before.
func (s *Serving) lacks(ctx context.Context, name view.Name, g lifecycle.Generation) (uint64, error) {
	v, err := s.Catalog.View(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("read what the generation lacks: %w", err)
	}
	if now, ok := v.Generation(g.ID); ok {
		return now.Lacks, nil
	}
	return g.Lacks, nil
}

// warnings say what is missing from a result, or may be, and that the view is retired.
func (s *Serving) warnings(r Result) []string {
	all := []string{}
	if r.View.Retired != event.Never {
		all = append(
			all,
			fmt.Sprintf(
				"the view is retired: no deployed file has named it since %s, and it will be dropped; deploy it again to keep it",
				told(r.View.Retired),
			),
		)
	}
	if r.Generation.HasBase() {
		return append(all, s.warningsOfLambda(r)...)
	}
	return append(all, warningsOfKappa(r.Generation, r.Complete)...)
}

func (s *Serving) warningsOfLambda(r Result) []string {
	g, all := r.Generation, []string{}
	if behind := r.ReadAt.Sub(r.Horizon); s.LateAfter > 0 && behind > s.LateAfter {
		late := behind.Round(time.Second)
		all = append(all, fmt.Sprintf("batch is late: events that arrived in the last %s are not exact yet", late))
	}
	if g.Horizon < g.LiveFrom {
		all = append(all, fmt.Sprintf(
			"the view is new: events that arrived from %s to %s are missing until batch covers them", told(g.Horizon.Millis()),
			told(g.LiveFrom.Millis()),
		))
	}
	return all
}

// warningsOfKappa say nothing of how far batch has come: a Kappa generation does not depend on it.
func warningsOfKappa(g lifecycle.Generation, complete time.Time) []string {
	all := []string{}
	if g.Lacks > 0 {
		all = append(
			all,
			fmt.Sprintf(
				"events from run %d on are missing for good: the stream lost them, and they are too old to publish again; rebuild the view",
				g.Lacks,
			),
		)
	}
	switch {
	case g.Horizon < g.LiveFrom && g.Run == 0:
		all = append(all, fmt.Sprintf("replay has not begun: events that arrived before %s are missing", told(g.LiveFrom.Millis())))
	case g.Horizon < g.LiveFrom:
		all = append(all, fmt.Sprintf("replay is running: events that arrived from %s to %s are missing until it reaches them",
			told(g.Horizon.Millis()), told(g.LiveFrom.Millis())))
	case complete.IsZero() && g.Lacks == 0:
		all = append(all, "the sweep has not checked any run yet: events that the stream lost may be missing")
	}
	return all
}

// told is the beginning of a slot, for people.
func told(m event.Millis) string { return m.Time().Format(time.RFC3339Nano) }
