package handler

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/metrics"
)

// TestCount checks that audits without findings, and ticks without audits, print no metric.
func TestCount(t *testing.T) {
	var printed []metrics.Value
	h := &Handler{Print: func(values ...metrics.Value) { printed = append(printed, values...) }}
	h.count(audit.Report{})
	h.count(audit.Report{Views: []audit.ViewReport{{Name: "a", Findings: catalog.Findings{Error: "switched away from"}}}})
	if len(printed) > 0 {
		t.Errorf("printed %v", printed)
	}
	h.count(audit.Report{Views: []audit.ViewReport{
		{Name: "a", Findings: catalog.Findings{Windows: 10, Drift: 2, Lost: 1}},
		{Name: "b", Findings: catalog.Findings{Windows: 5, Drift: 1}},
	}})
	want := []metrics.Value{{Name: metrics.AuditedWindows, Value: 15}}
	if diff := cmp.Diff(want, printed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
