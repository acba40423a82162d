package serving

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

const (
	diffRows    = 100   // of one page, unless it is said how many
	maxDiffRows = 1_000 // at most
	diffKeys    = 200   // that one call compares at most: each is read from both generations, and somebody waits for the page
)

// ErrUnknownGeneration: the view has no generation of the id.
var ErrUnknownGeneration = errors.New("unknown generation")

// Diff is one page of a view's two generations held against each other. A key may come on two pages; the counts are of what this page compared.
type Diff struct {
	View       view.Name `json:"view"`
	Serving    DiffSide  `json:"serving"`
	Candidate  DiffSide  `json:"candidate"`
	Comparable bool      `json:"comparable"` // their keys and windows are the same kind of thing
	Reason     string    `json:"reason"`     // why they are not; "" when they are

	Aggregates    []string `json:"aggregates"` // that both have, by name: these are compared
	OnlyServing   []string `json:"only_serving"`
	OnlyCandidate []string `json:"only_candidate"`

	Keys      int       `json:"keys"`
	Windows   int       `json:"windows"`
	Differing int       `json:"differing"` // of the windows
	Rows      []DiffRow `json:"rows"`      // the first of those, by key and time
	Next      *string   `json:"next"`      // the cursor of the next page; null when all has been compared
}

// DiffSide names one of the two.
type DiffSide struct {
	Generation   lifecycle.GenerationID `json:"generation"`
	Definition   view.Hash              `json:"definition"`
	Architecture string                 `json:"architecture"`
}

// DiffRow is a window in which the two differ: the values of the aggregates that both have; null of a side that has no such window.
type DiffRow struct {
	Key       Object  `json:"key"`
	KeyIsCut  bool    `json:"key_is_cut,omitempty"` // the key was too long to be kept whole: fields are missing, or the last one ends early
	Start     string  `json:"start"`
	Serving   *Object `json:"serving"`
	Candidate *Object `json:"candidate"`
}

// Diff holds a candidate against what serves: "" for the generation that is being built, else the retained one. It goes through the keys of both, some of
// them at a call: those after a cursor that an earlier page returned, "" for the beginning. limit is how many rows to tell, 0 for 100, at most 1,000.
//
// Each page scans some of a store, which costs as much as all that lies there, whatever generation it is of.
//
// Errors: ErrUnknownView, ErrUnknownGeneration, *ParameterError, *lifecycle.Refusal when there are no two to compare.
func (s *Serving) Diff(ctx context.Context, name view.Name, candidate lifecycle.GenerationID, limit int, cursor string) (Diff, error) {
	if limit < 0 || limit > maxDiffRows {
		return Diff{}, badParameter("limit", "limit=%d; write 1 to %d", limit, maxDiffRows)
	}
	v, err := s.view(ctx, name)
	if err != nil {
		return Diff{}, err
	}
	both, err := pairOf(v, candidate)
	if err != nil {
		return Diff{}, err
	}
	at, err := parseDiffCursor(cursor, both)
	if err != nil {
		return Diff{}, err
	}
	d, err := s.newDiffing(ctx, name, both, cmp.Or(limit, diffRows))
	if err != nil || !d.page.Comparable {
		return d.page, err
	}
	if err := d.run(ctx, at); err != nil {
		return Diff{}, fmt.Errorf("view %s: %w", name, err)
	}
	return d.page, nil
}

// pair is what serves, and what is held against it.
type pair struct{ serving, candidate lifecycle.Generation }

func pairOf(v lifecycle.View, id lifecycle.GenerationID) (pair, error) {
	refuse := func(format string, args ...any) (pair, error) {
		return pair{}, &lifecycle.Refusal{View: v.Name, Reason: fmt.Sprintf(format, args...)}
	}
	var candidate lifecycle.Generation
	var ok bool
	if id == "" {
		if candidate, ok = v.In(lifecycle.Building); !ok {
			candidate, ok = v.In(lifecycle.Retained)
		}
		if !ok {
			return refuse("no generation is being built or retained: there is nothing to hold against what serves")
		}
	} else if candidate, ok = v.Generation(id); !ok {
		return pair{}, fmt.Errorf("%w: view %s has no generation %.80q", ErrUnknownGeneration, v.Name, id)
	}
	serving, ok := v.Generation(v.Serving)
	switch {
	case !ok:
		return refuse("no generation serves yet: there is nothing to hold generation %s against", candidate.ID)
	case candidate.ID == serving.ID:
		return refuse("generation %s serves: name another one to hold against it", candidate.ID)
	case candidate.State == lifecycle.Dropping:
		return refuse("generation %s has been given up: its items are being deleted", candidate.ID)
	case candidate.State == lifecycle.Announced:
		return refuse("generation %s is announced only: nothing of it is built yet", candidate.ID)
	}
	return pair{serving, candidate}, nil
}

// diffCursor says where a diff goes on, and of which two it is.
type diffCursor struct {
	Serving   lifecycle.GenerationID `json:"s"`
	Candidate lifecycle.GenerationID `json:"c"`
	Source    int                    `json:"n"`           // which of the sources
	Store     []byte                 `json:"a,omitempty"` // the store's cursor
	Key       []byte                 `json:"k,omitempty"` // with Within: of what the store returns from there, the keys up to this one have been compared
	Within    bool                   `json:"w,omitempty"`
}

func (c diffCursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings, bytes and a number always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseDiffCursor(text string, of pair) (diffCursor, error) {
	c := diffCursor{Serving: of.serving.ID, Candidate: of.candidate.ID}
	if text == "" {
		return c, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &c)
	}
	if err != nil || c.Source < 0 {
		return c, badParameter("cursor", "the cursor is none that a diff has returned; leave it out to begin")
	}
	if c.Serving != of.serving.ID || c.Candidate != of.candidate.ID {
		return c, badParameter("cursor", "the cursor is of generations %.80q and %.80q, not %s and %s; leave it out to begin again",
			c.Serving, c.Candidate, of.serving.ID, of.candidate.ID)
	}
	return c, nil
}

// diffing is a page being made.
type diffing struct {
	serving            *Serving
	ofServing, ofOther reader
	both               []common
	sources            []source
	limit              int
	page               Diff
}

func (s *Serving) newDiffing(ctx context.Context, name view.Name, of pair, limit int) (*diffing, error) {
	d := &diffing{serving: s, limit: limit}
	for _, side := range []struct {
		reader *reader
		of     lifecycle.Generation
	}{{&d.ofServing, of.serving}, {&d.ofOther, of.candidate}} {
		program, err := s.program(ctx, side.of.Definition)
		if err != nil {
			return d, err
		}
		*side.reader = reader{program: program, generation: side.of}
	}
	one, other := d.ofServing.program.Definition, d.ofOther.program.Definition
	d.page = Diff{
		View: name, Serving: sideOf(of.serving), Candidate: sideOf(of.candidate), Reason: incomparable(one, other), Aggregates: []string{}, Rows: []DiffRow{},
	}
	d.page.Comparable = d.page.Reason == ""
	d.both, d.page.OnlyServing, d.page.OnlyCandidate = aggregates(one, other)
	for _, a := range d.both {
		d.page.Aggregates = append(d.page.Aggregates, a.name)
	}
	d.sources = s.sources(of)
	return d, nil
}

func sideOf(g lifecycle.Generation) DiffSide {
	return DiffSide{g.ID, g.Definition, g.Architecture.String()}
}

// source is where keys stand.
type source struct {
	scan func(ctx context.Context, after string) (keys []view.Key, next string, err error)
	has  func(ctx context.Context, key view.Key) (bool, error)
}

// sources are where the keys of two generations stand. Lambda generations of one definition share speed items.
func (s *Serving) sources(of pair) []source {
	speedOf := func(g lifecycle.Generation) source {
		if g.Architecture == view.Kappa {
			return s.speedKeys(lifecycle.OfGeneration(g.ID), viewstore.NoSlot)
		}
		return s.speedKeys(lifecycle.OfDefinition(g.Definition), g.Horizon)
	}
	var all []source
	for _, g := range []lifecycle.Generation{of.serving, of.candidate} {
		if g.Architecture == view.Lambda {
			all = append(all, s.baseKeys(g.ID))
		}
	}
	one, other := of.serving, of.candidate
	if one.Definition == other.Definition && one.Architecture == view.Lambda && other.Architecture == view.Lambda {
		one.Horizon = min(one.Horizon, other.Horizon)
		return append(all, speedOf(one))
	}
	return append(all, speedOf(one), speedOf(other))
}

func (s *Serving) baseKeys(generation lifecycle.GenerationID) source {
	scan := func(ctx context.Context, after string) ([]view.Key, string, error) {
		items, next, err := s.Base.Scan(ctx, generation, after)
		if err != nil {
			return nil, "", fmt.Errorf("scan base items: %w", err)
		}
		keys := make([]view.Key, len(items))
		for i, item := range items {
			keys[i] = item.Key
		}
		return keys, next, nil
	}
	has := func(ctx context.Context, key view.Key) (bool, error) {
		items, err := s.Base.Pages(ctx, generation, key, view.FirstPage, view.LastPage)
		if err != nil {
			return false, fmt.Errorf("read base items: %w", err)
		}
		return len(items) > 0, nil
	}
	return source{scan, has}
}

// speedKeys are the keys of speed items of slots from one on: those below are in base items.
func (s *Serving) speedKeys(set lifecycle.Set, from slot.Slot) source {
	scan := func(ctx context.Context, after string) ([]view.Key, string, error) {
		items, next, err := s.Speed.Scan(ctx, set, after)
		if err != nil {
			return nil, "", fmt.Errorf("scan speed items: %w", err)
		}
		var keys []view.Key
		for _, item := range items {
			if item.Slot >= from {
				keys = append(keys, item.Key)
			}
		}
		return keys, next, nil
	}
	has := func(ctx context.Context, key view.Key) (bool, error) {
		items, err := s.Speed.Slots(ctx, set, key, from)
		if err != nil {
			return false, fmt.Errorf("read speed items: %w", err)
		}
		return len(items) > 0, nil
	}
	return source{scan, has}
}

// run compares the keys of one scan, or as many of them as a call may.
func (d *diffing) run(ctx context.Context, at diffCursor) error {
	if at.Source >= len(d.sources) {
		return badParameter("cursor", "the cursor is beyond the end; leave it out to begin")
	}
	keys, next, err := d.sources[at.Source].scan(ctx, string(at.Store))
	if err != nil {
		return err
	}
	keys = some(keys, at)
	rest := len(keys) > diffKeys
	if rest {
		keys = keys[:diffKeys]
	}
	for _, key := range keys {
		known, err := d.compared(ctx, key, at.Source)
		if err == nil && !known {
			err = d.compare(ctx, key)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case rest:
		at.Within, at.Key = true, []byte(keys[len(keys)-1])
	case next != "":
		at.Store, at.Within, at.Key = []byte(next), false, nil
	case at.Source+1 < len(d.sources):
		at.Source, at.Store, at.Within, at.Key = at.Source+1, nil, false, nil
	default:
		return nil
	}
	text := at.String()
	d.page.Next = &text
	return nil
}

// compared says whether a key stands in one of the sources before a given one, and so has been compared already. It does not look for the key in
// earlier scans of the same source: a key with items in several scans is compared in each.
func (d *diffing) compared(ctx context.Context, key view.Key, before int) (bool, error) {
	for _, earlier := range d.sources[:before] {
		if known, err := earlier.has(ctx, key); known || err != nil {
			return known, err
		}
	}
	return false, nil
}

// some are the keys that are left of a scan, each once, in order.
func some(keys []view.Key, at diffCursor) []view.Key {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if !at.Within {
		return keys
	}
	return slices.DeleteFunc(keys, func(key view.Key) bool { return string(key) <= string(at.Key) })
}

func (d *diffing) compare(ctx context.Context, key view.Key) error {
	found, err := d.serving.compare(ctx, d.ofServing.of(key), d.ofOther.of(key), nil, d.both)
	if err != nil {
		return err
	}
	d.page.Keys++
	d.page.Windows += found.windows
	d.page.Differing += len(found.differing)
	for _, w := range slices.Sorted(maps.Keys(found.differing)) {
		if len(d.page.Rows) == d.limit {
			break
		}
		d.page.Rows = append(d.page.Rows, d.row(key, w, found.differing[w]))
	}
	return nil
}

func (d *diffing) row(key view.Key, w view.Window, of difference) DiffRow {
	values, whole := view.DecodeKey(key)
	program := d.ofServing.program
	fields := program.Definition.Key
	n := min(len(values), len(fields))
	return DiffRow{
		Key: keyObject(fields[:n], values[:n]), KeyIsCut: !whole,
		Start: formatTime(program.Start(w)), Serving: of.serving, Candidate: of.candidate,
	}
}
