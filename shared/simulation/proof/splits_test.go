package proof_test

import (
	"math/rand/v2"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// states is the encoded pages of a view.
type states map[view.PageKey][]byte

func encoded(delta *view.Delta) states {
	all := states{}
	for page := range delta.Pages() {
		all[page.PageKey] = page.AppendPage(nil)
	}
	return all
}

// stored merges a delta into pages, as the stores do.
func (s states) stored(tb testing.TB, p *view.Program, delta *view.Delta) {
	tb.Helper()
	for page := range delta.Pages() {
		had, ok := s[page.PageKey]
		if !ok {
			s[page.PageKey] = page.AppendPage(nil)
			continue
		}
		merged, err := p.Merge(had, page)
		if err != nil {
			tb.Fatal(err)
		}
		s[page.PageKey] = merged
	}
}

// read merges the pages of batch and speed, as a query does.
func read(tb testing.TB, p *view.Program, parts ...states) states {
	tb.Helper()
	all := states{}
	for _, part := range parts {
		for at := range part {
			if all[at] != nil {
				continue
			}
			windows := p.For(at.Key).NewWindows()
			for _, from := range parts {
				if page, ok := from[at]; ok {
					if err := windows.MergePage(at.Page, page, nil); err != nil {
						tb.Fatal(err)
					}
				}
			}
			all[at] = windows.AppendPage(nil, at.Page)
		}
	}
	return all
}

// splits folds the batches in several parts and orders, and returns the merged states of each.
func splits(tb testing.TB, p *view.Program, all []*event.Batch, random *rand.Rand) map[string]states {
	tb.Helper()
	found := map[string]states{}

	backwards := p.NewDelta()
	for i := len(all) - 1; i >= 0; i-- {
		rows := rowsOf(all[i])
		random.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
		backwards.Fold(all[i], rows)
	}
	found["backwards"] = encoded(backwards)

	parts := dealt(p, all, random, 7)
	for len(parts) > 1 { // in a tree of a random shape
		random.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
		parts[0].Merge(parts[len(parts)-1])
		parts = parts[:len(parts)-1]
	}
	found["seven parts"] = encoded(parts[0])

	base, speed, other := states{}, states{}, states{}
	for i, delta := range dealt(p, all, random, 9) {
		[]states{base, speed, other}[min(i/3, 2)].stored(tb, p, delta)
	}
	found["batch and two lanes of speed"] = read(tb, p, base, speed, other)
	return found
}

// dealt folds each event into one of n deltas, by chance.
func dealt(p *view.Program, all []*event.Batch, random *rand.Rand, n int) []*view.Delta {
	deltas := make([]*view.Delta, n)
	for i := range deltas {
		deltas[i] = p.NewDelta()
	}
	for _, b := range all {
		rows := make([][]int32, n)
		for row := range b.Len() {
			to := random.IntN(n)
			rows[to] = append(rows[to], int32(row))
		}
		for i, delta := range deltas {
			delta.Fold(b, rows[i])
		}
	}
	return deltas
}

// checkSplits compares the states of every split with those of one pass: byte for byte, but for tops past their bound,
// which must agree. It returns the number of pages that only agree.
func checkSplits(t *testing.T, p *view.Program, all []*event.Batch, random *rand.Rand) (agree int) {
	t.Helper()
	once := encoded(folded(p, all))
	for how, got := range splits(t, p, all, random) {
		if len(got) != len(once) {
			t.Errorf("%s, %s: %d pages, one pass has %d", p.Definition.Name, how, len(got), len(once))
		}
		for at, page := range once {
			if string(got[at]) == string(page) {
				continue
			}
			a, b := windowsOf(t, p, at, page), windowsOf(t, p, at, got[at])
			if p.Definition.Aggregates[0].Name != topNames[0] || !estimates(p, a) || !a.Agrees(b) {
				t.Errorf("%s, %s: page %d of key %q differs from one pass", p.Definition.Name, how, at.Page, at.Key)
			}
			agree++
		}
	}
	return agree
}

func windowsOf(t *testing.T, p *view.Program, at view.PageKey, page []byte) *view.Windows {
	t.Helper()
	windows := p.For(at.Key).NewWindows()
	if err := windows.MergePage(at.Page, page, nil); err != nil {
		t.Fatal(err)
	}
	return windows
}

// estimates reports whether an aggregate of some window is an estimate.
func estimates(p *view.Program, w *view.Windows) bool {
	for _, window := range w.Sorted() {
		for i := range p.Functions {
			if len(w.AppendError(nil, i, window)) > 0 {
				return true
			}
		}
	}
	return false
}
