package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// findUnlisted finds the expected keys that have no entry in the generation's directory. Batch writes the entry before
// the first item of the key, so every run that the generation has brought in has written its entries.
func (e *examination) findUnlisted(ctx context.Context) error {
	var first []view.PageKey // the first page of each key
	for page := range e.expected.Pages() {
		if n := len(first); page.Key != view.SkippedKey && (n == 0 || first[n-1].Key != page.Key) {
			first = append(first, page.PageKey)
		}
	}
	for some := range slices.Chunk(first, viewstore.LoadTogether) {
		keys := make([]view.Key, len(some))
		for i, page := range some {
			keys[i] = page.Key
		}
		listed, err := e.Base.Listed(ctx, e.generation.ID, keys)
		if err != nil {
			return fmt.Errorf("load entries of %d keys: %w", len(keys), err)
		}
		for _, page := range some {
			if !slices.Contains(listed, page.Key) {
				e.noteUnlisted(page)
			}
		}
	}
	return nil
}

// noteUnlisted counts a key without an entry as one drift, in the first window of its first page.
func (e *examination) noteUnlisted(page view.PageKey) {
	e.found.Drift++
	if len(e.unlisted) == maxListed {
		return
	}
	subset, values, _ := e.program.Definition.ValuesOf(page.Key)
	at := driftingPage{PageKey: page, program: e.program}
	e.unlisted = append(e.unlisted, catalog.Drift{
		Subset: subset, Key: values, Start: event.MillisOf(e.program.Start(at.firstWindow())), Cause: catalog.Unlisted,
		Detail: "the directory has no entry of the key: no list of keys shows it",
	})
}
