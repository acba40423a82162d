package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Comparer compares generations. It is safe for concurrent use.
type Comparer struct{ serving.Stores }

// pair is the serving generation and the candidate, with the aggregates that both have.
type pair struct {
	serving, candidate serving.Reader
	both               []common
}

// common is an aggregate that two definitions both have, by name, and its index in each.
type common struct {
	name               string
	serving, candidate int
}

// aggregates returns the aggregates that both definitions have, in the order of the serving one, and the names that
// only one of them has.
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

// incomparable returns why two definitions cannot be compared window by window; "" when they can.
func incomparable(serving, candidate view.Definition) string {
	if a, b := serving.FieldNames(view.FullKey), candidate.FieldNames(view.FullKey); !slices.Equal(a, b) {
		return fmt.Sprintf("the key fields differ: the serving generation has (%s), the other one has (%s)",
			strings.Join(a, ", "), strings.Join(b, ", "))
	}
	if a, b := serving.Window, candidate.Window; a != b {
		return fmt.Sprintf("the windows differ: the serving generation has %s, the other one has %s",
			view.FormatWindow(a), view.FormatWindow(b))
	}
	return ""
}

// question reads the rows to compare from one generation, in order of time.
type question func(context.Context, serving.Reader) ([]serving.Row, error)

// ask reads the rows and adds the generation to an error.
func (q question) ask(ctx context.Context, r serving.Reader) ([]serving.Row, error) {
	rows, err := q(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("generation %s: %w", r.Generation.ID, err)
	}
	return rows, nil
}

// compared is the result of comparing two generations for one key.
type compared struct {
	windows   int          // windows that at least one of them has
	differing []difference // in order of time
}

// difference is a window in which two generations differ. A side without the window is nil.
type difference struct {
	start              time.Time
	serving, candidate *present.Object
}

// has reports whether the window that starts at start differs.
func (c compared) has(start time.Time) bool {
	_, ok := slices.BinarySearchFunc(c.differing, start, func(d difference, start time.Time) int {
		return d.start.Compare(start)
	})
	return ok
}

// compare reads both generations and compares them.
func (p pair) compare(ctx context.Context, q question) (compared, error) {
	rows, err := q.ask(ctx, p.serving)
	if err != nil {
		return compared{}, err
	}
	return p.compareWith(ctx, rows, q)
}

// compareWith compares rows of the serving generation with those of the candidate. Events may arrive between the two
// reads. So when rows differ, it reads both again, and reports only the windows that differ both times.
func (p pair) compareWith(ctx context.Context, rows []serving.Row, q question) (compared, error) {
	others, err := q.ask(ctx, p.candidate)
	if err != nil {
		return compared{}, err
	}
	found := p.differences(rows, others)
	if len(found.differing) == 0 {
		return found, nil
	}
	if rows, err = q.ask(ctx, p.serving); err != nil {
		return compared{}, err
	}
	if others, err = q.ask(ctx, p.candidate); err != nil {
		return compared{}, err
	}
	again := p.differences(rows, others)
	again.differing = slices.DeleteFunc(again.differing, func(d difference) bool { return !found.has(d.start) })
	return again, nil
}

// differences compares two lists of rows, each in order of time, window by window.
func (p pair) differences(rows, others []serving.Row) compared {
	var found compared
	for len(rows) > 0 || len(others) > 0 {
		one, other := sameWindow(rows, others)
		found.windows++
		a := p.valuesOf(one, func(c common) int { return c.serving })
		b := p.valuesOf(other, func(c common) int { return c.candidate })
		start := time.Time{}
		if one != nil {
			rows, start = rows[1:], one.Start
		}
		if other != nil {
			others, start = others[1:], other.Start
		}
		if !equal(a, b) && !p.agree(one, other) {
			found.differing = append(found.differing, difference{start, a, b})
		}
	}
	return found
}

// agree reports whether the states of two rows may be those of the same events: see view.Windows.
func (p pair) agree(one, other *serving.Row) bool {
	return one != nil && other != nil && !slices.ContainsFunc(p.both, func(c common) bool {
		return !one.States.Agrees(c.serving, other.States, c.candidate)
	})
}

// sameWindow returns the first window of two lists: the row of each list, nil when a list does not have it.
func sameWindow(rows, others []serving.Row) (one, other *serving.Row) {
	switch {
	case len(others) == 0:
		return &rows[0], nil
	case len(rows) == 0:
		return nil, &others[0]
	}
	switch rows[0].Start.Compare(others[0].Start) {
	case -1:
		return &rows[0], nil
	case 1:
		return nil, &others[0]
	}
	return &rows[0], &others[0]
}

// valuesOf returns the values of a row for the aggregates that both have; nil for no row.
func (p pair) valuesOf(row *serving.Row, place func(common) int) *present.Object {
	if row == nil {
		return nil
	}
	values := make(present.Object, len(p.both))
	for i, c := range p.both {
		values[i] = present.Member{Name: c.name, Value: row.States.AppendNumber(nil, place(c))}
	}
	return &values
}

func equal(a, b *present.Object) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(*a, *b, func(m, n present.Member) bool {
		return m.Name == n.Name && string(m.Value) == string(n.Value)
	})
}
