package view_test

import (
	"cmp"
	"slices"
	"testing"

	ucmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// TestParts checks that a delta of several parts, folded from evaluations of several batches, has the pages and counts
// of a delta into which each event is folded alone. Evaluations are used again, and their order does not matter.
func TestParts(t *testing.T) { rapid.Check(t, checkParts) }

// FuzzParts searches further than TestParts.
func FuzzParts(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkParts)) }

func checkParts(t *rapid.T) {
	set, err := view.Compile(rolledHits())
	if err != nil {
		t.Fatal(err)
	}
	p := set.Programs[0]
	const batches = 3
	parts := rapid.IntRange(1, 9).Draw(t, "parts")
	alone, parted := p.NewDelta(), p.NewDeltaOf(parts)
	all := []*view.Evaluation{p.NewEvaluation(), p.NewEvaluation(), p.NewEvaluation()}
	for range 2 {
		for i := range batches {
			b := scanned(t, set, drawHits(t))
			counted, duplicates, isDuplicate := divide(t, b)
			all[i].EvaluateAll(b, parts)
			all[i].Exclude(isDuplicate)
			for _, row := range counted {
				alone.Fold(b, []int32{row})
			}
			for _, row := range duplicates {
				alone.Touch(b, []int32{row})
			}
		}
		slices.Reverse(all)
		for part := range parts {
			parted.Add(part, all)
		}
		parted.Note(all)
	}
	if alone.Counts() != parted.Counts() || alone.Len() != parted.Len() {
		t.Fatalf("counts %+v and %+v, windows %d and %d", alone.Counts(), parted.Counts(), alone.Len(), parted.Len())
	}
	merged := p.NewDeltaOf(parts + 1)
	merged.Merge(parted)
	want := sortedPages(alone)
	for name, d := range map[string]*view.Delta{"parts": parted, "merged into other parts": merged} {
		if diff := ucmp.Diff(want, sortedPages(d)); diff != "" {
			t.Fatalf("%s (-alone +parts):\n%s", name, diff)
		}
	}
}

// divide draws which rows of a batch count, and which are duplicates.
func divide(t *rapid.T, b *event.Batch) (counted, duplicates []int32, isDuplicate []bool) {
	for _, row := range allRows(b) {
		isDuplicate = append(isDuplicate, rapid.IntRange(0, 3).Draw(t, "is duplicate") == 0)
		if isDuplicate[row] {
			duplicates = append(duplicates, row)
		} else {
			counted = append(counted, row)
		}
	}
	return counted, duplicates, isDuplicate
}

// sortedPages returns the encoded pages of a delta in order of key and page.
func sortedPages(d *view.Delta) []encodedPage {
	var all []encodedPage
	for page := range d.Pages() {
		all = append(all, encodedPage{page.PageKey, string(page.Encode())})
	}
	slices.SortFunc(all, func(a, b encodedPage) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Page, b.Page))
	})
	return all
}
