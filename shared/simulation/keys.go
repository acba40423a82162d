package simulation

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// ListKeys returns all keys of a subset that a view lists, read a few at a time.
func (w *World) ListKeys(ctx context.Context, name string, of view.Subset) (all []serving.ListedKey, err error) {
	selection := serving.KeySelection{View: view.Name(name), Filter: serving.KeyFilter{Subset: of, Limit: 3}}
	for {
		page, err := w.Serving.Keys(ctx, selection)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Keys...)
		if selection.Cursor = page.Next; selection.Cursor == "" {
			return all, nil
		}
	}
}

// checkListed checks that a view lists the keys under which a query has found rows.
func (w *World) checkListed(ctx context.Context, name string, found []string) error {
	for _, key := range found {
		subset, want := valuesOfKey(name, key)
		listed, err := w.ListKeys(ctx, name, subset)
		if err != nil {
			return fmt.Errorf("list the keys of view %s: %w", name, err)
		}
		if !slices.ContainsFunc(listed, func(l serving.ListedKey) bool { return slices.Equal(l.Values, want) }) {
			return fmt.Errorf("view %s: key %q has rows, but is not listed: %v", name, key, listed)
		}
	}
	return nil
}

func valuesOfKey(name, key string) (view.Subset, []string) {
	switch {
	case name != "by_user":
		return view.FullKey, nil
	case key == AllUsers:
		return 1, nil
	}
	return view.FullKey, []string{key}
}
