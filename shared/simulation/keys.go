package simulation

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// ListKeys returns all keys that a view lists, read a few at a time.
func (w *World) ListKeys(ctx context.Context, name string) (all []serving.ListedKey, err error) {
	selection := serving.KeySelection{View: view.Name(name), Filter: serving.KeyFilter{Limit: 3}}
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
	listed, err := w.ListKeys(ctx, name)
	if err != nil {
		return fmt.Errorf("list the keys of view %s: %w", name, err)
	}
	for _, key := range found {
		want := valuesOfKey(name, key)
		if !slices.ContainsFunc(listed, func(l serving.ListedKey) bool { return slices.Equal(l.Values, want) }) {
			return fmt.Errorf("view %s: key %q has rows, but is not listed: %v", name, key, listed)
		}
	}
	return nil
}

func valuesOfKey(name, key string) []string {
	if name == "by_user" {
		return []string{key}
	}
	return nil
}
