// Package serving is the layer that answers queries. It reads a view's pointer in the catalog once, then base items,
// then speed items of the slots that batch has not covered, and merges their states. It says for each row whether it is
// exact, and as of when. A Kappa generation has only speed items; its result says up to when it is complete.
//
// A result holds times, states and exact numbers. Package present formats it for clients. Package compare compares two
// generations of a view.
//
// It writes nothing.
package serving

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
)

// Serving answers queries of views. All fields but LateAfter are needed. It is safe for concurrent use.
type Serving struct {
	Stores
	Sweeps catalog.Sweeps

	Limits
	LateAfter time.Duration // a result warns when its horizon is older than this; 0: never
	Now       func() time.Time
	Parallel  runner.Runner // runs the reads of one query
}

// Errors that a selection causes. Every other error is the server's fault.
var (
	ErrUnknownView    = errors.New("unknown view")
	ErrNotServing     = errors.New("view is not ready yet")
	ErrBadParameter   = errors.New("bad parameter")
	ErrTooManyWindows = errors.New("too many windows")
	ErrTooManyKeys    = errors.New("too many keys")
	ErrTooManyBytes   = errors.New("too many bytes") // comes with one of the two above: Limits.MaxMerged is the cause
	ErrTooMuchRead    = errors.New("too much read")  // comes with one of the two above: Limits.MaxRead is the cause
)

// Read reads a selection from the generation that answers.
//
// Errors, and whether to retry:
//   - ErrUnknownView, *FieldError, *ParameterError, ErrTooManyWindows, ErrTooManyKeys: do not retry; change the
//     selection.
//   - ErrCursorGone: begin again without a cursor.
//   - ErrNotServing: retry later; the error says what the view waits for.
//   - Any other comes from a store, or from ctx: retry. view.ErrCorruptPage returns until an operator rebuilds the
//     view.
//
// Ordering: the result holds every event that was in the stores before the call. Read writes nothing, so it may be
// repeated.
func (s *Serving) Read(ctx context.Context, selection Selection) (Result, error) {
	return s.read(ctx, selection, s.readBoth)
}

// ReadSkipped reads what the view could not use, window by window: see States.Skips. The selection names no key field.
// In everything else it is as Read.
func (s *Serving) ReadSkipped(ctx context.Context, selection Selection) (Result, error) {
	return s.read(ctx, selection, func(ctx context.Context, r Reader, all Selection) (Result, skipped, error) {
		result, err := r.Skipped().Read(ctx, all)
		return result, skipped{}, err
	})
}

func (s *Serving) read(
	ctx context.Context, selection Selection, from func(context.Context, Reader, Selection) (Result, skipped, error),
) (Result, error) {
	name := selection.View
	pointer, err := s.LoadView(ctx, name)
	if err != nil {
		return Result{}, err
	}
	generation, _, err := generationOf(pointer, selection.Cursor)
	if err != nil {
		return Result{}, err
	}
	reader, err := s.Reader(ctx, generation)
	if err != nil {
		return Result{}, err
	}
	reader.Limits, reader.Parallel = s.Limits, s.Parallel
	complete, lacks, err := s.complete(ctx, name, generation)
	if err != nil {
		return Result{}, fmt.Errorf("view %s: %w", name, err)
	}
	result, skipped, err := from(ctx, reader, selection)
	if err != nil {
		return Result{}, of(name, err)
	}
	if n := len(result.Rows); n > s.MaxRows {
		err := fmt.Errorf("%w: the selection has %d, the maximum is %d; narrow from and to, or ask for longer steps "+
			"with step", ErrTooManyWindows, n, s.MaxRows)
		return Result{}, err
	}
	result.Generation.Lacks = lacks
	result.View, result.Complete, result.ReadAt = pointer, complete, s.Now()
	result.Skipped = shownSkips(skipped.all, result.Values())
	skipped.setSkips(result.Rows)
	result.general, result.read = append(s.warnings(result), warningsOfCuts(result)...), skipped
	result.Warnings = append(slices.Clone(result.general), result.warningsOfSkipped("skipped", result.Values())...)
	return result, nil
}

// readBoth reads the rows of a selection, and beside them what the view could not use in its windows. It checks the
// selection first, so that one that is wrong costs no read of what was skipped.
func (s *Serving) readBoth(ctx context.Context, r Reader, selection Selection) (result Result, not skipped, err error) {
	if _, err := selectValues(r.Program, selection.Values); err != nil {
		return result, not, err
	}
	q, err := r.ask(selection)
	if err != nil {
		return result, not, err
	}
	err = s.Parallel(2, func(i int) (err error) {
		if i == 0 {
			result, err = r.answer(ctx, q)
		} else {
			not, err = s.readSkipped(ctx, r, selection.From, selection.To)
		}
		return err
	})
	return result, not, err
}

// of adds the view's name to an error, unless the error is about a parameter and says so itself.
func of(name view.Name, err error) error {
	if err == nil || errors.Is(err, ErrBadParameter) {
		return err
	}
	return fmt.Errorf("view %s: %w", name, err)
}

// complete returns up to when a Kappa generation is complete: the horizon of the last run whose objects have all come
// to it. Replay brings those of slots below LiveFrom, the stream brings the others, as the sweep has checked. The time
// is zero when there is no such run, and for a Lambda generation. complete is called before the items are read, so that
// it holds for them. lacks is the first run whose events the generation lacks for good; 0: none.
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

// lacks reads again what a generation lacks. A generation that its view no longer has lacks what it lacked when it was
// read first.
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

// warnings say what is or may be missing from a result, and whether the view is retired.
func (s *Serving) warnings(r Result) []string {
	all := []string{}
	if r.View.Retired != event.Never {
		all = append(
			all,
			fmt.Sprintf(
				"the view is retired: no deployed file has named it since %s, and it will be dropped; deploy it again to keep it",
				textOf(r.View.Retired),
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
			"the view is new: events that arrived from %s to %s are missing until batch covers them", textOf(g.Horizon.Millis()),
			textOf(g.LiveFrom.Millis()),
		))
	}
	return all
}

// warningsOfKappa do not depend on how far batch has come, since a Kappa generation does not either.
func warningsOfKappa(g lifecycle.Generation, complete time.Time) []string {
	all := []string{}
	if g.Lacks > 0 {
		all = append(
			all,
			fmt.Sprintf(
				"events from run %d on are missing for good: the stream lost them, and they are too old to publish "+
					"again; rebuild the view",
				g.Lacks,
			),
		)
	}
	switch {
	case g.Horizon < g.LiveFrom && g.Run == 0:
		all = append(all, fmt.Sprintf(
			"replay has not begun: events that arrived before %s are missing", textOf(g.LiveFrom.Millis())))
	case g.Horizon < g.LiveFrom:
		all = append(all, fmt.Sprintf(
			"replay is running: events that arrived from %s to %s are missing until it reaches them",
			textOf(g.Horizon.Millis()), textOf(g.LiveFrom.Millis())))
	case complete.IsZero() && g.Lacks == 0:
		all = append(all, "the sweep has not checked any run yet: events that the stream lost may be missing")
	}
	return all
}

// textOf returns an instant as text.
func textOf(m event.Millis) string { return m.Time().Format(time.RFC3339Nano) }
