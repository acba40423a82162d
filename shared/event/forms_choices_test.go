package event

import (
	"fmt"
	"testing"
)

// TestFormsHaveFewChoices checks that no piece is followed by more than maxChoices others, whatever names events have.
func TestFormsHaveFewChoices(t *testing.T) {
	for _, form := range []string{`{"id":"a","data":{"x%d":1}}`, `{"x%d":"a","id":"b"}`, `{"id":"a","x%d":"b"}`} {
		f := forms{}
		for range 2 {
			for i := range 10 * maxChoices {
				f.learn(fmt.Appendf(nil, form, i))
			}
		}
		most := 0
		for _, p := range f.pieces {
			n := 0
			for at := p.first; at != none; at = f.pieces[at].next {
				n++
			}
			most = max(most, n)
		}
		if most != maxChoices {
			t.Errorf("%s: a piece is followed by up to %d others, want %d", form, most, maxChoices)
		}
	}
}
