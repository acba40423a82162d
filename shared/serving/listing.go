package serving

import (
	"context"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// KeySelection says which keys of a view to list.
type KeySelection struct {
	View   view.Name
	Filter KeyFilter // without After, which follows from the cursor
	Cursor string    // Next of the page before; "": the first page
}

// KeyPage is a page of the keys of a view.
type KeyPage struct {
	View       lifecycle.View       // as read, once, at the beginning
	Generation lifecycle.Generation // the view's generation that the keys come from
	Program    *view.Program        // of the generation's definition
	Keys       []ListedKey          // in the order of the filter; fewer than the limit where few keys match the filter
	Next       string               // cursor of the next page; "": there is none
	Warnings   []string             // sentences for people: what may be missing, and for which time
}

// Keys lists keys of a view, a page at a time. Every page comes from the generation of the first one.
//
// Errors, and whether to retry:
//   - ErrUnknownView, *FieldError, *ParameterError: do not retry; change the selection.
//   - ErrCursorGone: begin again without a cursor.
//   - ErrNotServing: retry later; the error says what the view waits for.
//   - Any other comes from a store, or from ctx: retry.
//
// Ordering: the pages have every key under which a query that began before the first page was asked for could find
// something. A key that comes while the pages are read may be missing.
func (s *Serving) Keys(ctx context.Context, selection KeySelection) (KeyPage, error) {
	v, err := s.LoadView(ctx, selection.View)
	if err != nil {
		return KeyPage{}, err
	}
	g, from, err := generationOf(v, selection.Cursor)
	if err != nil {
		return KeyPage{}, err
	}
	filter := selection.Filter
	filter.After = from.last()
	reader, err := s.Reader(ctx, g)
	if err != nil {
		return KeyPage{}, err
	}
	complete, lacks, err := s.complete(ctx, v.Name, g)
	if err != nil {
		return KeyPage{}, of(v.Name, err)
	}
	list, err := reader.ListKeys(ctx, filter, s.Parallel)
	if err != nil {
		return KeyPage{}, of(v.Name, err)
	}
	g.Lacks = lacks
	page := KeyPage{View: v, Generation: g, Program: reader.Program, Keys: list.Keys}
	page.Warnings = s.warnings(Result{
		View: v, Generation: g, ReadAt: s.Now(), Horizon: horizonOf(g), Complete: complete,
	})
	if list.Last != nil {
		page.Next = cursor{Generation: g.ID, Last: []byte(*list.Last)}.String()
	}
	return page, nil
}

// horizonOf returns the horizon of a generation with base items; zero for any other.
func horizonOf(g lifecycle.Generation) time.Time {
	if g.HasBase() {
		return g.Horizon.Start()
	}
	return time.Time{}
}
