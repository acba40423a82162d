package handler

import (
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/metrics"
)

// NewShadow makes a Shadow over the handler's stores, which prints metrics of each shadow read. When says whether the
// candidate is to answer a query too.
func (h *Handler) NewShadow(when func() bool) *compare.Shadow {
	return &compare.Shadow{Comparer: compare.Comparer{Stores: h.Serving.Stores}, When: when, Report: h.countShadow}
}

// countShadow prints the result of a shadow read. No log has the key of the query.
func (h *Handler) countShadow(r compare.ShadowReport) {
	failed := int64(0)
	if r.Error != "" {
		failed = 1
		h.Log.Warn("shadow read failed", "view", r.View, "serving", r.Serving, "candidate", r.Candidate, "error", r.Error)
	}
	h.Print(
		metrics.Value{Name: metrics.ShadowQueries, Value: 1},
		metrics.Value{Name: metrics.ShadowDifferences, Value: int64(r.Differing)},
		metrics.Value{Name: metrics.ShadowErrors, Value: failed},
	)
}
