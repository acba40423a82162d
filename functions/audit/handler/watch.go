package handler

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/watch"
)

// watch prints by how much each step is overdue, and what the last audits have found. It comes before the audits, since
// they may be killed at every tick.
func (h *Handler) watch(ctx context.Context) error {
	if h.Watch == nil {
		return nil
	}
	seen, err := h.Watch.Look(ctx)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	// CloudWatch bills a metric for the hours in which it is printed, and no metric of a step in time says the same as 0.
	// The first one is printed in any case: where it is missing, nobody watches.
	values := []metrics.Value{
		{Name: metrics.BatchOverdue, Value: int64(seen.Batch.Overdue.Seconds())},
		{Name: metrics.Drift, Value: seen.Drift},
		{Name: metrics.LostObjects, Value: seen.Lost},
	}
	for _, late := range []struct {
		metrics.Name
		watch.Step
	}{
		{metrics.BatchOverdue, seen.Batch}, {metrics.StreamOverdue, seen.Stream}, {metrics.ReplayOverdue, seen.Replay},
		{metrics.AuditOverdue, seen.Audit},
	} {
		by := int64(late.Overdue.Seconds())
		if by == 0 {
			continue
		}
		h.Log.WarnContext(ctx, "overdue", "metric", late.Name, "seconds", by, "view", late.View)
		if late.Name != metrics.BatchOverdue {
			values = append(values, metrics.Value{Name: late.Name, Value: by})
		}
	}
	if h.Print != nil {
		h.Print(values...)
	}
	return nil
}
