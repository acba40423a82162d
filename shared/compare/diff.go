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
	diffRows    = 100   // rows of one page, by default
	maxDiffRows = 1_000 // maximum rows of one page
	// Maximum keys that one call compares: each is read from both generations while a client waits.
	diffKeys = 200
)

// ErrUnknownGeneration: the view has no generation of the id.
var ErrUnknownGeneration = errors.New("unknown generation")

// Diff is one page of the comparison of two generations of a view. A key may be on two pages. The counts cover what
// this page compared.
type Diff struct {
	View       view.Name `json:"view"`
	Serving    DiffSide  `json:"serving"`
	Candidate  DiffSide  `json:"candidate"`
	Comparable bool      `json:"comparable"` // the two have the same key fields and window length
	Reason     string    `json:"reason"`     // why they are not comparable; "" when they are

	Aggregates    []string `json:"aggregates"` // names that both have: these are compared
	OnlyServing   []string `json:"only_serving"`
	OnlyCandidate []string `json:"only_candidate"`

	Keys      int       `json:"keys"`
	Windows   int       `json:"windows"`
	Differing int       `json:"differing"` // of the windows
	Rows      []DiffRow `json:"rows"`      // the first differing windows, by key and time
	Next      *string   `json:"next"`      // cursor of the next page; null after the last page
}

// DiffSide names one of the two generations.
type DiffSide struct {
	Generation   lifecycle.GenerationID `json:"generation"`
	Definition   view.Hash              `json:"definition"`
	Architecture string                 `json:"architecture"`
	State        string                 `json:"state"` // "serving", "building" or "retained"
}

// DiffRow is a window in which the two differ. Each side holds the values of the aggregates that both have, or null
// when it has no such window.
type DiffRow struct {
	Key       present.Object  `json:"key"`
	Start     string          `json:"start"`
	Serving   *present.Object `json:"serving"`
	Candidate *present.Object `json:"candidate"`
}

// Diff compares a candidate with the serving generation. candidate "" means the generation that is being built, else
// the retained one. Each call compares some of the keys: those after cursor, which an earlier page returned; "" means
// from the beginning. limit is the maximum number of rows returned: 0 means 100, and the maximum is 1,000.
//
// Each page scans a part of a store, which costs as much as everything stored there, of whatever generation.
//
// Errors: serving.ErrUnknownView, ErrUnknownGeneration, *serving.ParameterError: do not retry. *lifecycle.Refusal when
// there are no two generations to compare: retry when the view has changed. Any other is a store's: retry.
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
	d, err := c.newDiffing(ctx, name, one, other)
	if err != nil {
		return Diff{}, err
	}
	at, err := parseCursor(cursor, one, other, len(d.sources))
	if err != nil {
		return Diff{}, err
	}
	if !d.page.Comparable {
		return d.page, nil
	}
	d.limit = cmp.Or(limit, diffRows)
	if err := d.run(ctx, at); err != nil {
		return Diff{}, fmt.Errorf("view %s: %w", name, err)
	}
	return d.page, nil
}

// choose finds the serving generation and the candidate: the one with the id or, for "", the one that is being built,
// else the retained one.
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
