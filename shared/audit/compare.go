package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// scan compares every item of the generation with what is expected. It returns the pages for which they are not equal,
// or which it has not seen.
func (e *examination) scan(ctx context.Context) (suspects []view.PageKey, err error) {
	seen, unseen := map[view.PageKey]struct{}{}, map[view.PageKey]view.DeltaPage{}
	for page := range e.expected.Pages() {
		unseen[page.PageKey] = page
	}
	for item, err := range e.scanItems(ctx) {
		if err != nil {
			return nil, err
		}
		key := item.PageKey()
		if _, again := seen[key]; again {
			continue
		}
		seen[key] = struct{}{}
		e.found.Items++
		if !e.matches(item, unseen) {
			suspects = append(suspects, key)
		}
		delete(unseen, key)
	}
	suspects = slices.AppendSeq(suspects, maps.Keys(unseen))
	slices.SortFunc(suspects, comparePages)
	return suspects, nil
}

// scanItems reads all items of the generation, some of them more than once.
func (e *examination) scanItems(ctx context.Context) iter.Seq2[viewstore.BaseItem, error] {
	return func(yield func(viewstore.BaseItem, error) bool) {
		for after := ""; ; {
			items, next, err := e.Base.Scan(ctx, e.generation.ID, after)
			if err != nil {
				yield(viewstore.BaseItem{}, fmt.Errorf("scan base items of generation %s: %w", e.generation.ID, err))
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if after = next; after == "" {
				return
			}
		}
	}
}

// matches says whether an item holds what is expected of its page, up to the generation's horizon at most.
func (e *examination) matches(item viewstore.BaseItem, expected map[view.PageKey]view.DeltaPage) bool {
	page, ok := expected[item.PageKey()]
	if !ok || item.Horizon > e.generation.Horizon {
		return false
	}
	e.encoded = page.AppendPage(e.encoded[:0])
	if bytes.Equal(e.encoded, item.States) {
		return true
	}
	// The states of top may differ, and agree all the same.
	program := e.program.For(page.Key)
	wanted, stored := program.NewWindows(), program.NewWindows()
	page.MergeInto(wanted)
	return stored.MergePage(page.Page, item.States, nil) == nil && wanted.Agrees(stored)
}

// comparison is a page whose item is not equal to what is expected.
type comparison struct {
	key      view.PageKey
	expected view.DeltaPage // without cells when nothing is
	item     viewstore.BaseItem
	stored   bool // there is an item
}

// compare loads the items of the given pages, which are in order, and calls differs for each that is not as expected,
// in order.
func (e *examination) compare(ctx context.Context, keys []view.PageKey, differs func(comparison) error) error {
	if len(keys) == 0 {
		return nil
	}
	pages := pagesOf(e.expected, keys)
	for some := range slices.Chunk(keys, viewstore.LoadTogether) {
		loaded, err := viewstore.LoadPages(ctx, e.Base, e.generation.ID, some)
		if err != nil {
			return err
		}
		for _, key := range some {
			item, stored := loaded[key]
			if stored && e.matches(item, pages) {
				continue
			}
			if err := differs(comparison{key: key, expected: pages[key], item: item, stored: stored}); err != nil {
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

func comparePages(m, n view.PageKey) int {
	return cmp.Or(strings.Compare(string(m.Key), string(n.Key)), cmp.Compare(m.Page, n.Page))
}
