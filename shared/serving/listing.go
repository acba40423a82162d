package serving

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// ErrCursorGone means that a cursor belongs to a generation that the view has no longer: begin again without a cursor.
var ErrCursorGone = errors.New("the cursor belongs to a generation that is gone; begin again without a cursor")

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
	g, filter, err := startOf(v, selection)
	if err != nil {
		return KeyPage{}, err
	}
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
		page.Next = keyCursor{Generation: g.ID, Last: []byte(*list.Last)}.String()
	}
	return page, nil
}

// startOf returns the generation that a page comes from, and the filter with its place.
func startOf(v lifecycle.View, selection KeySelection) (lifecycle.Generation, KeyFilter, error) {
	filter := selection.Filter
	if selection.Cursor == "" {
		g, ok := v.Answering()
		if !ok {
			return g, filter, fmt.Errorf("%w: %s: %s", ErrNotServing, v.Name, v.WhyNoAnswer())
		}
		return g, filter, nil
	}
	at, err := parseKeyCursor(selection.Cursor)
	if err != nil {
		return lifecycle.Generation{}, filter, err
	}
	g, ok := v.Generation(at.Generation)
	if !ok || !g.IsKept() {
		return g, filter, fmt.Errorf("view %s: %w", v.Name, ErrCursorGone)
	}
	last := view.Key(at.Last)
	filter.After = &last
	return g, filter, nil
}

// keyCursor says where a list of keys continues, and in which generation.
type keyCursor struct {
	Generation lifecycle.GenerationID `json:"g"`
	Last       []byte                 `json:"k"` // the last key of the page before
}

func (c keyCursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // a string and bytes always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseKeyCursor(text string) (c keyCursor, err error) {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &c)
	}
	if err != nil || c.Generation == "" || len(c.Last) > view.MaxKey {
		return c, &ParameterError{"cursor", "invalid cursor: send the next of an earlier page, or omit it to begin"}
	}
	return c, nil
}

// horizonOf returns the horizon of a generation with base items; zero for any other.
func horizonOf(g lifecycle.Generation) time.Time {
	if g.HasBase() {
		return g.Horizon.Start()
	}
	return time.Time{}
}
