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
	// It is printed in any case: where it is missing, nobody watches.
	values := []metrics.Value{{Name: metrics.BatchOverdue, Value: int64(seen.Batch.Overdue.Seconds())}}
	found := []metrics.Value{
		{Name: metrics.Drift, Value: seen.Drift}, {Name: metrics.LostObjects, Value: seen.Lost},
	}
	if !seen.Unsettled { // otherwise a 0 ends their alarms
		found = metrics.AboveZero(found...)
	}
	values = append(values, found...)
	values = append(values, metrics.AboveZero(
		metrics.Value{Name: metrics.StreamOverdue, Value: int64(seen.Stream.Overdue.Seconds())},
		metrics.Value{Name: metrics.ReplayOverdue, Value: int64(seen.Replay.Overdue.Seconds())},
		metrics.Value{Name: metrics.AuditOverdue, Value: int64(seen.Audit.Overdue.Seconds())},
	)...)
	for _, late := range []struct {
		metrics.Name
		watch.Step
	}{
		{metrics.BatchOverdue, seen.Batch}, {metrics.StreamOverdue, seen.Stream}, {metrics.ReplayOverdue, seen.Replay},
		{metrics.AuditOverdue, seen.Audit},
	} {
		if late.Overdue > 0 {
			h.Log.WarnContext(ctx, "overdue", "metric", late.Name, "seconds", int64(late.Overdue.Seconds()), "view", late.View)
		}
	}
	if seen.GivenUp > 0 {
		h.Log.WarnContext(ctx, "builds or audits are given up: see the status of the views", "views", seen.GivenUp)
		values = append(values, metrics.Value{Name: metrics.GivenUp, Value: seen.GivenUp})
	}
	if h.Print != nil {
		h.Print(values...)
	}
	return nil
}
