package simulation_test

import (
	"fmt"
	"iter"
)

// call names a call of a function: the n-th with this name, from 0.
type call struct {
	name string
	n    int
}

func (c call) String() string { return fmt.Sprint(c.name, " ", c.n) }

// callsOf returns the first n calls of each name.
func callsOf(n int, names ...string) (all []call) {
	for _, name := range names {
		for i := range n {
			all = append(all, call{name, i})
		}
	}
	return all
}

// pair is one case of a matrix with two dimensions, triple one with three. Its text is the name of a subtest.
type (
	pair[A, B any] struct {
		a A
		b B
	}
	triple[A, B, C any] struct {
		pair[A, B]
		c C
	}
)

func (p pair[A, B]) String() string      { return fmt.Sprint(p.a, ", ", p.b) }
func (t triple[A, B, C]) String() string { return fmt.Sprint(t.a, ", ", t.b, ", ", t.c) }

// pairs returns all cases of two dimensions.
func pairs[A, B any](as []A, bs []B) iter.Seq[pair[A, B]] {
	return func(yield func(pair[A, B]) bool) {
		for _, a := range as {
			for _, b := range bs {
				if !yield(pair[A, B]{a, b}) {
					return
				}
			}
		}
	}
}

// triples returns all cases of three dimensions.
func triples[A, B, C any](as []A, bs []B, cs []C) iter.Seq[triple[A, B, C]] {
	return func(yield func(triple[A, B, C]) bool) {
		for p := range pairs(as, bs) {
			for _, c := range cs {
				if !yield(triple[A, B, C]{p, c}) {
					return
				}
			}
		}
	}
}
