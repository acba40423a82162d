package handler

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/serving"
)

// TestShadow checks that the result of a shadow read is printed as metrics, and that a failure is logged.
func TestShadow(t *testing.T) {
	var (
		logged  bytes.Buffer
		printed []metrics.Value
	)
	h := &Handler{
		Serving: &serving.Serving{}, Log: slog.New(slog.NewTextHandler(&logged, nil)),
		Print: func(values ...metrics.Value) { printed = append(printed, values...) },
	}
	shadow := h.NewShadow(func() bool { return true })
	if shadow.Report(compare.ShadowReport{View: "v", Rows: 9, Differing: 3}); logged.Len() > 0 || !shadow.When() {
		t.Errorf("logged %s", &logged)
	}
	shadow.Report(compare.ShadowReport{View: "v", Serving: "g", Candidate: "h", Error: "lost"})
	want := []metrics.Value{
		{Name: metrics.ShadowQueries, Value: 1}, {Name: metrics.ShadowDifferences, Value: 3}, {Name: metrics.ShadowErrors},
		{Name: metrics.ShadowQueries, Value: 1}, {Name: metrics.ShadowDifferences}, {Name: metrics.ShadowErrors, Value: 1},
	}
	if diff := cmp.Diff(want, printed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(logged.String(), `view=v serving=g candidate=h error=lost`) {
		t.Errorf("logged %s", &logged)
	}
}
