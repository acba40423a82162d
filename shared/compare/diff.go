package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/view"
)

const (
	diffRows    = 100   // of one page, unless it is said how many
	maxDiffRows = 1_000 // at most
	diffKeys    = 200   // that a call compares at most: each is read from both generations, and somebody waits
)

// ErrUnknownGeneration: the view has no generation of the id.
var ErrUnknownGeneration = errors.New("unknown generation")

// Diff is one page of a view's two generations held against each other. A key may come on two pages; the counts are of
// what this page compared.
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

// DiffRow is a window in which the two differ: the values of the aggregates that both have; null of a side that has no
// such window.
type DiffRow struct {
	Key       present.Object  `json:"key"`
	KeyIsCut  bool            `json:"key_is_cut,omitempty"` // too long to be kept whole: some of the key is missing
	Start     string          `json:"start"`
	Serving   *present.Object `json:"serving"`
	Candidate *present.Object `json:"candidate"`
}

// Diff holds a candidate against what serves: "" for the generation that is being built, else the retained one. It goes
// through the keys of both, some of them at a call: those after a cursor that an earlier page returned, "" for the
// beginning. limit is how many rows to tell, 0 for 100, at most 1,000.
//
// Each page scans some of a store, which costs as much as all that lies there, whatever generation it is of.
//
// Errors: serving.ErrUnknownView, ErrUnknownGeneration, *serving.ParameterError: not retryable. *lifecycle.Refusal when
// there are no two to compare: not until the view has moved on. Any other is a store's: retryable.
func (c *Comparer) Diff(
	ctx context.Context, name view.Name, candidate lifecycle.GenerationID, limit int, cursor string,
) (Diff, error) {
	if limit < 0 || limit > maxDiffRows {
		return Diff{}, badParameter("limit", "invalid limit %d: must be from 1 to %d", limit, maxDiffRows)
	}
	v, err := c.LoadView(ctx, name)
	if err != nil {
		return Diff{}, err
	}
	one, other, err := choose(v, candidate)
	if err != nil {
		return Diff{}, err
	}
	sources := c.sources(one, other)
	at, err := parseCursor(cursor, one, other, len(sources))
	if err != nil {
		return Diff{}, err
	}
	d, err := c.newDiffing(ctx, name, one, other)
	if err != nil || !d.page.Comparable {
		return d.page, err
	}
	d.sources, d.limit = sources, cmp.Or(limit, diffRows)
	if err := d.run(ctx, at); err != nil {
		return Diff{}, fmt.Errorf("view %s: %w", name, err)
	}
	return d.page, nil
}

// choose finds the generation that serves and the one to hold against it: the one of an id; for "" the one that is
// being built, else the retained one.
func choose(v lifecycle.View, id lifecycle.GenerationID) (one, candidate lifecycle.Generation, err error) {
	candidate, err = candidateFor(v, id)
	if err != nil {
		return one, candidate, err
	}
	one, ok := v.Generation(v.Serving)
	switch {
	case !ok:
		err = refusal(v, "no generation serves yet: there is nothing to compare generation %s with", candidate.ID)
	case candidate.ID == one.ID:
		err = refusal(v, "generation %s serves: name another generation to compare with it", candidate.ID)
	case candidate.State == lifecycle.Dropping:
		err = refusal(v, "generation %s was given up: its items are being deleted", candidate.ID)
	case candidate.State == lifecycle.Announced:
		err = refusal(v, "generation %s is only announced: nothing of it is built yet", candidate.ID)
	}
	return one, candidate, err
}

func candidateFor(v lifecycle.View, id lifecycle.GenerationID) (lifecycle.Generation, error) {
	if id != "" {
		g, ok := v.Generation(id)
		if !ok {
			return g, fmt.Errorf("%w: view %s has no generation %.80q", ErrUnknownGeneration, v.Name, id)
		}
		return g, nil
	}
	if g, ok := v.FirstInState(lifecycle.Building); ok {
		return g, nil
	}
	if g, ok := v.FirstInState(lifecycle.Retained); ok {
		return g, nil
	}
	err := refusal(v, "no generation is being built or retained: there is nothing to compare with the serving one")
	return lifecycle.Generation{}, err
}

func refusal(v lifecycle.View, format string, args ...any) error {
	return &lifecycle.Refusal{View: v.Name, Reason: fmt.Sprintf(format, args...)}
}
