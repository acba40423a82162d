package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

const (
	maxListed = 100       // drifts and lost objects that are kept by name
	maxBytes  = 256 << 10 // of drifts that are kept, as JSON: an item of the catalog holds 400 KB
	rounds    = 3         // at items that batch is writing
)

// endedError says why an audit has ended without findings although nothing failed.
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

	drifting []*driftingPage    // the first ones, in order of key and page
	explains map[hypothesis]int // how many of those
	found    catalog.Findings
}

// examine audits what serves a view.
//
// Errors: endedError, among others.
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
	// Which runs were applied in one pass is not on record. It makes a difference only where copies of an event lie further apart than the window.
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
			other.Note = "it is not on record which runs the generation was built of: duplicates are expected as if of all of them"
			return other, nil
		}
	}
	found.Note = "it is not on record which runs the generation was built of: duplicates are expected as if of none of them"
	return found, nil
}

// examineBuilt audits a generation of which the runs up to built were applied in one pass.
func (a *Audit) examineBuilt(ctx context.Context, name view.Name, g lifecycle.Generation, built uint64) (catalog.Findings, error) {
	set, err := a.Programs.Of(ctx, a.Catalog, []view.Hash{g.Definition})
	if err != nil {
		return catalog.Findings{}, err
	}
	program := set.Programs[0]
	e := &examination{
		Audit: a, name: name, generation: g, built: built, set: set, program: program, expected: program.NewDelta(), beyond: program.NewDelta(),
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
	// Items are deleted a while after their generation was given up: what was loaded was whole if it still serves.
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
		return lifecycle.Generation{}, &endedError{fmt.Sprintf("generation %s was switched away from, to %s, during the audit", e.generation.ID, v.Serving)}
	}
	g, ok := v.Generation(e.generation.ID)
	if !ok || g.Run < e.generation.Run {
		return lifecycle.Generation{}, &endedError{fmt.Sprintf("generation %s has gone back from run %d during the audit", e.generation.ID, e.generation.Run)}
	}
	return g, nil
}

// scan compares every item of the generation with what is expected. It returns the pages for which they are not equal, or which it has not seen.
func (e *examination) scan(ctx context.Context) (suspects []view.PageKey, err error) {
	var (
		unseen = map[view.PageKey]view.DeltaPage{}
		seen   = map[view.PageKey]struct{}{}
		encode []byte
	)
	for page := range e.expected.Pages() {
		unseen[page.PageKey] = page
	}
	for after := ""; ; {
		items, next, err := e.Base.Scan(ctx, e.generation.ID, after)
		if err != nil {
			return nil, fmt.Errorf("scan base items of generation %s: %w", e.generation.ID, err)
		}
		for _, item := range items {
			key := view.PageKey{Key: item.Key, Page: item.Page}
			if _, again := seen[key]; again {
				continue
			}
			seen[key] = struct{}{}
			e.found.Items++
			page, expected := unseen[key]
			delete(unseen, key)
			if expected && item.Horizon <= e.generation.Horizon {
				encode = page.AppendPage(encode[:0])
				if bytes.Equal(encode, item.States) {
					continue
				}
			}
			suspects = append(suspects, key)
		}
		if after = next; after == "" {
			break
		}
	}
	for key := range unseen {
		suspects = append(suspects, key)
	}
	slices.SortFunc(suspects, comparePages)
	return suspects, nil
}

// settle compares suspects again, with what is expected once batch has come further, as long as it is writing some of them. It returns those that are
// still suspect.
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

// expectLost adds the lost objects to what is expected, and returns the pages that they are in.
func (e *examination) expectLost(ctx context.Context) (pages []view.PageKey, err error) {
	err = e.eachLost(ctx, func(in *runs.Input) error {
		e.copies.judge(in, false)
		for _, delta := range e.foldApart(in, min(max(1, e.Workers), len(in.Batches))) {
			for page := range delta.Pages() {
				pages = append(pages, page.PageKey)
			}
			e.expected.Merge(delta)
		}
		return nil
	})
	return pages, err
}

// comparison is a page whose item is not equal to what is expected.
type comparison struct {
	key      view.PageKey
	expected view.DeltaPage // without cells when nothing is
	item     viewstore.BaseItem
	stored   bool // there is an item
}

// compare loads the items of the given pages, which are in order, and calls differs for each that is not as expected, in order.
func (e *examination) compare(ctx context.Context, keys []view.PageKey, differs func(comparison) error) error {
	if len(keys) == 0 {
		return nil
	}
	pages := pagesOf(e.expected, keys)
	var encode []byte
	for some := range slices.Chunk(keys, viewstore.LoadTogether) {
		wanted := make([]viewstore.BaseKey, len(some))
		for i, key := range some {
			wanted[i] = viewstore.BaseKey{Generation: e.generation.ID, Key: key.Key, Page: key.Page}
		}
		items, err := e.Base.Load(ctx, wanted)
		if err != nil {
			return fmt.Errorf("load %d base items: %w", len(wanted), err)
		}
		loaded := make(map[view.PageKey]viewstore.BaseItem, len(items))
		for _, item := range items {
			loaded[view.PageKey{Key: item.Key, Page: item.Page}] = item
		}
		for _, key := range some {
			c := comparison{key: key}
			c.item, c.stored = loaded[key]
			var expected bool
			c.expected, expected = pages[key]
			if c.stored && expected && c.item.Horizon <= e.generation.Horizon {
				if encode = c.expected.AppendPage(encode[:0]); bytes.Equal(encode, c.item.States) {
					continue
				}
			}
			if err := differs(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// pagesOf are those of the given pages that a delta has.
func pagesOf(delta *view.Delta, keys []view.PageKey) map[view.PageKey]view.DeltaPage {
	wanted := make(map[view.PageKey]struct{}, len(keys))
	for _, key := range keys {
		wanted[key] = struct{}{}
	}
	found := map[view.PageKey]view.DeltaPage{}
	for page := range delta.Pages() {
		if _, ok := wanted[page.PageKey]; ok {
			found[page.PageKey] = page
		}
	}
	return found
}

// windowsOf counts the windows of a delta.
func (e *examination) windowsOf(delta *view.Delta) (n int64) {
	windows := e.program.NewWindows()
	for page := range delta.Pages() {
		windows.Reset()
		page.MergeInto(windows)
		n += int64(windows.Len())
	}
	return n
}

func comparePages(m, n view.PageKey) int {
	return cmp.Or(strings.Compare(string(m.Key), string(n.Key)), cmp.Compare(m.Page, n.Page))
}
