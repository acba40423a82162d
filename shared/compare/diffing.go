package compare

import (
	"context"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// diffing is a page in the making.
type diffing struct {
	pair
	sources []source
	limit   int
	page    Diff
}

// newDiffing begins the page of two generations, without keys.
func (c *Comparer) newDiffing(ctx context.Context, name view.Name, one, other lifecycle.Generation) (*diffing, error) {
	d := &diffing{}
	var err error
	if d.serving, err = c.Reader(ctx, one); err != nil {
		return d, err
	}
	if d.candidate, err = c.Reader(ctx, other); err != nil {
		return d, err
	}
	definition, changed := d.serving.Program.Definition, d.candidate.Program.Definition
	d.page = Diff{
		View: name, Serving: sideOf(one), Candidate: sideOf(other), Reason: incomparable(definition, changed),
		Aggregates: []string{}, Rows: []DiffRow{},
	}
	d.page.Comparable = d.page.Reason == ""
	d.sources = c.sources(d.serving, d.candidate)
	d.both, d.page.OnlyServing, d.page.OnlyCandidate = aggregates(definition, changed)
	for _, a := range d.both {
		d.page.Aggregates = append(d.page.Aggregates, a.name)
	}
	return d, nil
}

func sideOf(g lifecycle.Generation) DiffSide {
	return DiffSide{g.ID, g.Definition, g.Architecture.String(), string(g.State)}
}

// run compares keys from a place on, as many as one call may.
func (d *diffing) run(ctx context.Context, at place) error {
	keys, next, err := d.scan(ctx, at)
	if err != nil {
		return err
	}
	for _, key := range keys {
		known, err := d.isCompared(ctx, key, at.Source)
		if err == nil && !known {
			err = d.compareKey(ctx, key)
		}
		if err != nil {
			return err
		}
	}
	if next != nil {
		text := cursor{d.serving.Generation.ID, d.candidate.Generation.ID, *next}.String()
		d.page.Next = &text
	}
	return nil
}

// scan returns the keys from a place on, and the place after them; nil at the end.
func (d *diffing) scan(ctx context.Context, at place) ([]view.Key, *place, error) {
	keys, store, err := d.sources[at.Source].scan(ctx, string(at.Store))
	if err != nil {
		return nil, nil, err
	}
	keys = at.left(keys)
	switch {
	case len(keys) > diffKeys:
		return keys[:diffKeys], at.behind(keys[diffKeys-1]), nil
	case store != "":
		return keys, &place{Source: at.Source, Store: []byte(store)}, nil
	case at.Source+1 < len(d.sources):
		return keys, &place{Source: at.Source + 1}, nil
	}
	return keys, nil, nil
}

// isCompared reports whether an earlier source has the key too, so that it was already compared. It does not look at
// earlier scans of the same source: a key with items in several scans is compared in each.
func (d *diffing) isCompared(ctx context.Context, key view.Key, before int) (bool, error) {
	for _, earlier := range d.sources[:before] {
		if known, err := earlier.has(ctx, key); known || err != nil {
			return known, err
		}
	}
	return false, nil
}

func (d *diffing) compareKey(ctx context.Context, key view.Key) error {
	read := func(ctx context.Context, r serving.Reader) ([]serving.Row, error) {
		its, _ := sameKey(key, d.serving.Program.Definition, r.Program.Definition) // sources return keys that both have
		return r.ReadKey(ctx, its)
	}
	found, err := d.compare(ctx, read)
	if err != nil {
		return err
	}
	d.page.Keys++
	d.page.Windows += found.windows
	d.page.Differing += len(found.differing)
	for _, difference := range found.differing[:min(len(found.differing), d.limit-len(d.page.Rows))] {
		d.page.Rows = append(d.page.Rows, d.row(key, difference))
	}
	return nil
}

func (d *diffing) row(key view.Key, of difference) DiffRow {
	definition := d.serving.Program.Definition
	subset, values, _ := definition.ValuesOf(key)
	fields := definition.Fields(subset)
	return DiffRow{
		Key:   present.Key(fields, values[:min(len(values), len(fields))]),
		Start: present.Time(of.start), Serving: of.serving, Candidate: of.candidate,
	}
}
