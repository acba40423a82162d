package serving

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// reader is what one generation is asked.
type reader struct {
	program    *view.Program
	generation lifecycle.Generation
	query      query
}

// of returns the reader of another key: all of its windows.
func (r reader) of(key view.Key) reader {
	r.query = query{program: r.program, key: key, firstPage: view.FirstPage, lastPage: view.LastPage}
	return r
}

func (s *Serving) readAll(ctx context.Context, r reader) (*view.Windows, error) {
	m, err := s.read(ctx, r.program, r.generation, r.query)
	if err != nil {
		return nil, fmt.Errorf("generation %s: %w", r.generation.ID, err)
	}
	return m.all, nil
}

// common is an aggregate that two definitions both have, by name, and where each has it.
type common struct {
	name               string
	serving, candidate int
}

// aggregates sorts the aggregates of two definitions: those that both have, in the order of the one that serves, and those that one has alone.
func aggregates(serving, candidate view.Definition) (both []common, onlyServing, onlyCandidate []string) {
	onlyServing, onlyCandidate = []string{}, []string{}
	places := map[string]int{}
	for i, a := range candidate.Aggregates {
		places[a.Name] = i
	}
	for i, a := range serving.Aggregates {
		if place, ok := places[a.Name]; ok {
			both = append(both, common{a.Name, i, place})
			delete(places, a.Name)
		} else {
			onlyServing = append(onlyServing, a.Name)
		}
	}
	for _, a := range candidate.Aggregates {
		if _, alone := places[a.Name]; alone {
			onlyCandidate = append(onlyCandidate, a.Name)
		}
	}
	return both, onlyServing, onlyCandidate
}

// incomparable says why answers from two definitions cannot be held against each other, window by window: "" when they can.
func incomparable(serving, candidate view.Definition) string {
	if a, b := fieldsOf(serving), fieldsOf(candidate); !slices.Equal(a, b) {
		return fmt.Sprintf("the key fields differ: serving has (%s), the candidate has (%s)", strings.Join(a, ", "), strings.Join(b, ", "))
	}
	if a, b := serving.Window, candidate.Window; a != b {
		return fmt.Sprintf("the windows differ: serving has %s, the candidate has %s", view.FormatWindow(a), view.FormatWindow(b))
	}
	return ""
}

func fieldsOf(d view.Definition) []string {
	fields := make([]string, len(d.Key))
	for i, k := range d.Key {
		fields[i] = k.Field
	}
	return fields
}

// difference is one window in which two generations differ; a side that has no such window is nil.
type difference struct{ serving, candidate *Object }

// compared is what came of holding two generations against each other for one key.
type compared struct {
	windows   int // that one of them has, or both
	differing map[view.Window]difference
}

// compare holds what two generations say against each other. Events come in between one reading and the other: where the two differ they are read once
// more, and only the windows that differ again do.
//
// first is what has been read from the serving one, nil for nothing yet.
func (s *Serving) compare(ctx context.Context, serving, candidate reader, first *view.Windows, both []common) (compared, error) {
	if first == nil {
		var err error
		if first, err = s.readAll(ctx, serving); err != nil {
			return compared{}, err
		}
	}
	other, err := s.readAll(ctx, candidate)
	if err != nil {
		return compared{}, err
	}
	found := differences(first, other, both)
	if len(found.differing) == 0 {
		return found, nil
	}
	if first, err = s.readAll(ctx, serving); err != nil {
		return compared{}, err
	}
	if other, err = s.readAll(ctx, candidate); err != nil {
		return compared{}, err
	}
	again := differences(first, other, both)
	maps.DeleteFunc(again.differing, func(w view.Window, _ difference) bool {
		_, before := found.differing[w]
		return !before
	})
	return again, nil
}

func differences(serving, candidate *view.Windows, both []common) compared {
	found := compared{differing: map[view.Window]difference{}}
	look := func(w view.Window) {
		found.windows++
		a := valuesOf(serving, w, both, func(c common) int { return c.serving })
		b := valuesOf(candidate, w, both, func(c common) int { return c.candidate })
		if !equal(a, b) {
			found.differing[w] = difference{a, b}
		}
	}
	for _, w := range serving.Sorted() {
		look(w)
	}
	for _, w := range candidate.Sorted() {
		if !serving.Has(w) {
			look(w)
		}
	}
	return found
}

// valuesOf are what the aggregates present for a window; nil for no such window.
func valuesOf(of *view.Windows, w view.Window, both []common, place func(common) int) *Object {
	if !of.Has(w) {
		return nil
	}
	values := make(Object, len(both))
	for i, c := range both {
		values[i] = Member{Name: c.name, Value: of.AppendValue(nil, place(c), w)}
	}
	return &values
}

func equal(a, b *Object) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(*a, *b, func(m, n Member) bool { return m.Name == n.Name && string(m.Value) == string(n.Value) })
}
