package batch

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// advance applies one run to generations that have the run before it: base' = base + delta, then the horizon. A
// generation that fails stops no other one.
//
// A generation that answers comes last. Its items show the run at once, so no other generation may replace it without
// the run. By then most have it; the others are told first.
func (t *tick) advance(ctx context.Context, targets []target, run lifecycle.Run, in *input) {
	slices.SortStableFunc(targets, answeringLast)
	programs := make([]*view.Program, len(targets))
	for i, g := range targets {
		programs[i] = t.set.Programs[g.place]
	}
	deltas, err := t.fold(ctx, in, programs)
	if err != nil {
		t.fail(fmt.Errorf("run %d: %w", run.N, err), targets...)
		return
	}
	for i, g := range targets {
		err := t.tellOthers(ctx, g, run)
		if err == nil {
			err = t.bringIn(ctx, g, run, deltas[i], advanced)
		}
		if err != nil {
			t.fail(err, g)
		}
	}
}

// answeringLast orders targets: those that answer come after those that do not.
func answeringLast(a, b target) int {
	switch {
	case a.answers == b.answers:
		return 0
	case a.answers:
		return 1
	}
	return -1
}

// tellOthers notes, before a generation that answers takes in a run, that no other generation answers without it.
func (t *tick) tellOthers(ctx context.Context, g target, run lifecycle.Run) error {
	if !g.answers {
		return nil
	}
	for _, v := range t.views {
		if v.Name != g.view {
			continue
		}
		v, err := generations.AnswerFrom(ctx, t.Catalog, v, t.Tries, run.N)
		if err != nil {
			return fmt.Errorf("view %s, run %d: %w", g.view, run.N, err)
		}
		t.keep(v)
		return nil
	}
	return nil
}

// fail notes an error, and the generations that it concerns. They stay where they are until the next tick, and the
// others go on without them.
func (t *tick) fail(err error, concerned ...target) {
	t.failures = append(t.failures, err)
	for _, g := range concerned {
		t.failed[g.generation.ID] = true
	}
}

// bringIn brings a run into a generation: its items, then its horizon.
func (t *tick) bringIn(ctx context.Context, g target, run lifecycle.Run, delta *view.Delta, replace bool) error {
	if err := t.write(ctx, g, run, delta, replace); err != nil {
		return err
	}
	return t.commit(ctx, g, run, delta.Counts().Skipped)
}

// These say how a delta changes an item that is stored below the run's horizon: advanced adds the delta to it, built
// replaces the item, which a crashed build may have left.
const (
	advanced = false
	built    = true
)

// write brings the base items of a delta's pages to the run's horizon.
func (t *tick) write(ctx context.Context, g target, run lifecycle.Run, delta *view.Delta, replace bool) error {
	pages := slices.AppendSeq(make([]view.DeltaPage, 0, delta.Len()), delta.Pages())
	parts := slices.Collect(slices.Chunk(pages, viewstore.LoadTogether))
	var written atomic.Int64
	err := t.Parallel(len(parts), func(i int) error {
		loaded, err := viewstore.LoadPages(ctx, t.Base, g.generation.ID, pageKeys(parts[i]))
		if err != nil {
			return err
		}
		for _, page := range parts[i] {
			wrote, err := t.writeItem(ctx, g, run, page, loaded[page.PageKey], replace)
			if err != nil {
				return err
			}
			if wrote {
				written.Add(1)
			}
		}
		return nil
	})
	t.report.Items += int(written.Load())
	t.reportOf(g, func(r *ViewReport) {
		r.Folded += delta.Counts().Folded
		r.Skipped += delta.Counts().Skipped
	})
	if err != nil {
		return fmt.Errorf("view %s, run %d: %w", g.view, run.N, err)
	}
	return nil
}

// reportOf changes the report of a target's view.
func (t *tick) reportOf(g target, change func(*ViewReport)) {
	for i := range t.report.Views {
		if t.report.Views[i].Name == g.view {
			change(&t.report.Views[i])
		}
	}
}

func pageKeys(pages []view.DeltaPage) []view.PageKey {
	keys := make([]view.PageKey, len(pages))
	for i, page := range pages {
		keys[i] = page.PageKey
	}
	return keys
}

// writeItem brings one base item to the run's horizon, unless it is there already. It returns whether it wrote.
func (t *tick) writeItem(
	ctx context.Context, g target, run lifecycle.Run, page view.DeltaPage, loaded viewstore.BaseItem, replace bool,
) (bool, error) {
	key := viewstore.BaseKey{Generation: g.generation.ID, Key: page.Key, Page: page.Page}
	next := func(loaded viewstore.BaseItem) (item viewstore.BaseItem, err error) {
		if err := t.checkItem(ctx, g, run, loaded); err != nil {
			return loaded, err
		}
		if loaded.Horizon >= run.Horizon {
			return loaded, nil
		}
		item = viewstore.BaseItem{BaseKey: key, Horizon: run.Horizon}
		if replace || loaded.Horizon == slot.Beginning {
			item.States = page.Encode()
		} else {
			item.States, err = t.set.Programs[g.place].Merge(loaded.States, page)
		}
		return item, err
	}
	// Commit point of the item: from here on a query takes this key's slots below the run's horizon from this item, and
	// none of them from speed items, although the generation's horizon has yet to follow. After a crash the run is applied
	// again, and leaves this item as it is.
	return viewstore.Upsert(ctx, t.Base, key, loaded, t.Tries, next)
}

// passOver moves generations that replay owns past a run that has nothing for them. So they lag behind the head only
// while there is something to replay, and an operator can switch to them at any other time.
func (t *tick) passOver(ctx context.Context, targets []target, run lifecycle.Run) {
	for _, g := range targets {
		if g.generation.HasUseFor(run) {
			continue
		}
		if err := t.commit(ctx, g, run, 0); err != nil {
			t.fail(err, g)
		}
	}
}

// commit moves the generation's horizon to the run's. skipped is the number of the run's events that it skips.
func (t *tick) commit(ctx context.Context, g target, run lifecycle.Run, skipped int64) error {
	// Commit point: every item of the generation that the run touches is at the run's horizon, so queries may take all
	// slots below from base items. A crash before leaves each item right by its own horizon, and the run is applied again.
	move := func(v lifecycle.View) (lifecycle.View, bool, error) {
		next, changed := v.Advanced(g.generation.ID, run)
		return next, changed, nil
	}
	v, moved, err := generations.Update(ctx, t.Catalog, g.view, t.Tries, move)
	if err != nil {
		return fmt.Errorf("view %s: move horizon to %s: %w", g.view, run.Horizon, err)
	}
	if moved && g.answers {
		t.reportOf(g, func(r *ViewReport) { r.SkippedByRuns += skipped })
	}
	t.keep(v)
	return nil
}
