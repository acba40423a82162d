package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
)

const (
	maxListed = 100       // most drifts, and most lost objects, that are listed
	maxBytes  = 256 << 10 // most bytes of listed drifts as JSON: an item of the catalog holds 400 KB
	rounds    = 3         // number of attempts at items that batch is writing
)

// endedError says why an audit ended without findings although nothing failed.
type endedError struct{ reason string }

func (e *endedError) Error() string { return e.reason }

// examination is an audit of one generation, under way.
type examination struct {
	*Audit
	name       view.Name
	generation lifecycle.Generation // as read last: what is expected is the fold of the runs up to its own
	built      uint64               // up to this run, duplicates are found over all history

	set      *view.Set
	program  *view.Program
	expected *view.Delta // of the runs, and then of the lost objects
	beyond   *view.Delta // of what is expected, what an earlier copy is known of
	copies   copies
	held     map[ulid.ULID]struct{} // the requests whose objects runs hold
	lost     []archive.Object       // in archive order
	encoded  []byte                 // memory to encode a page in

	drifting []*driftingPage    // the first ones, in order of key and page
	explains map[hypothesis]int // how many of those
	found    catalog.Findings
}

// examine audits the serving generation of a view.
//
// Errors: endedError when the generation stops serving during the audit; any other error of the stores.
func (a *Audit) examine(ctx context.Context, name view.Name) (catalog.Findings, error) {
	v, err := a.Catalog.View(ctx, name)
	if err != nil {
		return catalog.Findings{}, fmt.Errorf("read view: %w", err)
	}
	g, serves := v.Generation(v.Serving)
	found := catalog.Findings{Generation: g.ID, Run: g.Run, Horizon: g.Horizon}
	switch {
	case !serves:
		found.Note = "nothing serves the view yet"
		return found, nil
	case !g.HasBase():
		found.Note = "kappa views are audited by replaying: rebuild the view and diff"
		return found, nil
	case g.Run == 0:
		found.Note = "no run has been applied yet"
		return found, nil
	case g.Built > 0:
		return a.examineBuilt(ctx, name, g, g.Built)
	}
	// The catalog does not say which runs were applied in one pass. That matters only where copies of an event are further
	// apart than the window.
	found, err = a.examineBuilt(ctx, name, g, 0)
	if err != nil || found.Beyond == 0 {
		return found, err
	}
	if found.Drift > 0 {
		other, err := a.examineBuilt(ctx, name, g, g.Run)
		if err != nil {
			return catalog.Findings{}, err
		}
		if other.Drift < found.Drift {
			other.Note = "it is not on record which runs the generation was built of: duplicates are expected as if of all " +
				"of them"
			return other, nil
		}
	}
	found.Note = "it is not on record which runs the generation was built of: duplicates are expected as if of none of " +
		"them"
	return found, nil
}

// examineBuilt audits a generation of which the runs up to built were applied in one pass.
func (a *Audit) examineBuilt(ctx context.Context, name view.Name, g lifecycle.Generation,
	built uint64) (catalog.Findings, error) {
	set, err := a.Programs.Of(ctx, a.Catalog, []view.Hash{g.Definition})
	if err != nil {
		return catalog.Findings{}, err
	}
	program := set.Programs[0]
	e := &examination{
		Audit: a, name: name, generation: g, built: built, set: set, program: program, expected: program.NewDelta(),
		beyond: program.NewDelta(),
		copies: newCopies(a.Layout), held: map[ulid.ULID]struct{}{}, explains: map[hypothesis]int{},
	}
	if err := e.examine(ctx); err != nil {
		return catalog.Findings{}, err
	}
	return e.found, nil
}

func (e *examination) examine(ctx context.Context) error {
	if err := e.foldRuns(ctx, 1, e.generation.Run); err != nil {
		return err
	}
	suspects, err := e.scan(ctx)
	if err != nil {
		return err
	}
	if suspects, err = e.settle(ctx, suspects); err != nil {
		return err
	}
	if err := e.findLost(ctx); err != nil {
		return err
	}
	more, err := e.expectLost(ctx)
	if err != nil {
		return err
	}
	suspects = append(suspects, more...)
	slices.SortFunc(suspects, comparePages)
	if err := e.verdict(ctx, slices.Compact(suspects)); err != nil {
		return err
	}
	e.found.Generation, e.found.Run, e.found.Horizon = e.generation.ID, e.generation.Run, e.generation.Horizon
	e.found.Windows, e.found.Beyond = e.windowsOf(e.expected), e.windowsOf(e.beyond)
	// Items are deleted a while after their generation was given up. If it still serves, all items were there.
	if _, err := e.current(ctx); err != nil {
		return err
	}
	if len(e.drifting) == 0 {
		return nil
	}
	if err := e.explain(ctx); err != nil {
		return err
	}
	return e.report()
}

// current reads the generation again. Errors: endedError when it no longer serves.
func (e *examination) current(ctx context.Context) (lifecycle.Generation, error) {
	v, err := e.Catalog.View(ctx, e.name)
	if errors.Is(err, catalog.ErrNotFound) {
		return lifecycle.Generation{}, &endedError{"the view has gone"}
	}
	if err != nil {
		return lifecycle.Generation{}, fmt.Errorf("read view: %w", err)
	}
	if v.Serving != e.generation.ID {
		return lifecycle.Generation{},
			&endedError{fmt.Sprintf("generation %s was switched away from, to %s, during the audit", e.generation.ID, v.Serving)}
	}
	g, ok := v.Generation(e.generation.ID)
	if !ok || g.Run < e.generation.Run {
		return lifecycle.Generation{},
			&endedError{fmt.Sprintf("generation %s has gone back from run %d during the audit", e.generation.ID,
				e.generation.Run)}
	}
	return g, nil
}

// settle compares suspects again while batch is writing some of them, with the expected states of the runs that batch
// has applied by then. It returns those that are still suspect.
func (e *examination) settle(ctx context.Context, suspects []view.PageKey) ([]view.PageKey, error) {
	for range rounds {
		if len(suspects) == 0 {
			return nil, nil
		}
		g, err := e.current(ctx)
		if err != nil {
			return nil, err
		}
		if g.Run > e.generation.Run {
			if err := e.foldRuns(ctx, e.generation.Run+1, g.Run); err != nil {
				return nil, err
			}
			e.generation = g
		}
		var left []view.PageKey
		moving := false
		err = e.compare(ctx, suspects, func(c comparison) error {
			left = append(left, c.key)
			moving = moving || c.item.Horizon > e.generation.Horizon
			return nil
		})
		if err != nil {
			return nil, err
		}
		if suspects = left; !moving {
			break
		}
	}
	return suspects, nil
}

// expectLost adds the events of lost objects to the expected states, and returns the pages that they belong to.
func (e *examination) expectLost(ctx context.Context) (pages []view.PageKey, err error) {
	err = e.eachLost(ctx, func(in *runs.Input) error {
		e.copies.markDuplicates(in, false)
		delta := e.fold(in)
		for page := range delta.Pages() {
			pages = append(pages, page.PageKey)
		}
		e.expected.Merge(delta)
		return nil
	})
	return pages, err
}

// windowsOf counts the windows of a delta.
func (e *examination) windowsOf(delta *view.Delta) (n int64) {
	for page := range delta.Pages() {
		windows := e.program.For(page.Key).NewWindows()
		page.MergeInto(windows)
		n += int64(windows.Len())
	}
	return n
}
