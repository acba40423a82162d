package handler

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/speed"
)

// TestCount checks that the metric shows the generation that is furthest behind. Without a Kappa view, nothing is
// printed.
func TestCount(t *testing.T) {
	var printed []metrics.Value
	h := &Handler{Print: func(values ...metrics.Value) { printed = append(printed, values...) }}
	if h.count(speed.ReplayReport{Head: 9}); len(printed) > 0 {
		t.Errorf("printed %v", printed)
	}
	h.count(speed.ReplayReport{Head: 9,
		Generations: []speed.ReplayedGeneration{{Left: 2, Events: 10}, {Left: 9, Events: 1}, {}}})
	want := []metrics.Value{{Name: metrics.ReplayRunsLeft, Value: 9}, {Name: metrics.ReplayEvents, Value: 11},
		{Name: metrics.Skipped}}
	if diff := cmp.Diff(want, printed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
