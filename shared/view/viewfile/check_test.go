package viewfile

import (
	"testing"

	"github.com/anabranch/anabranch/shared/view"
)

// TestCheckDropsNoFault checks a definition with a fault at a part whose place nobody has recorded. The fault is then
// reported at the view. When the view has another problem already, that one stands for it.
func TestCheckDropsNoFault(t *testing.T) {
	broken := view.Definition{Name: "visits"} // has neither a window nor aggregates
	r := &reader{lines: [][]rune{[]rune("views:"), []rune("  - name: visits")}}
	r.check(broken, places{}, position{2, 5}, 0)
	if len(r.problems) == 0 || r.problems[0].Line != 2 || r.problems[0].Column != 5 {
		t.Errorf("problems are %v, want those of the definition at 2:5", r.problems)
	}
	r.problems = Problems{{Text: "the view has no aggregates"}}
	r.check(broken, places{}, position{2, 5}, 0)
	if len(r.problems) != 1 {
		t.Errorf("problems are %v, want the one that was recorded", r.problems)
	}
}
