// Package handler turns a tick of the schedule into a call of the batch layer.
package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/sweep"
)

// Handler serves the batch function.
type Handler struct {
	Batch *batch.Batch
	Sweep *sweep.Sweep
	Log   *slog.Logger
	Print func(...metrics.Value) // prints the metrics of a tick, failed ones included; nil: nobody counts
}

// Answer says what the tick did.
type Answer struct {
	Run     uint64 `json:"run"`     // number of the last run
	Horizon string `json:"horizon"` // horizon of the last run
	Runs    int    `json:"runs"`    // number of runs that this tick made
	Events  int64  `json:"events"`  // number of events in these runs
	Items   int    `json:"items"`   // number of base items written
	Backlog bool   `json:"backlog"` // true if sealed slots or builds are left for the next tick
	Swept   uint64 `json:"swept"`   // number of the last run whose objects all reached the stream
	Queued  int    `json:"queued"`  // number of objects queued for republish
	// True if another tick works: this one has made no run, and the other fields of batch are empty.
	Skipped bool `json:"skipped"`
}

// sweepShare says how much of a tick's time the sweep may take: one part in so many.
const sweepShare = 4

// Handle serves one tick: the sweep, then batch. Ticks may come at any time, and twice; Handle ignores the event.
func (h *Handler) Handle(ctx context.Context, _ events.EventBridgeEvent) (Answer, error) {
	swept, sweepErr := h.sweep(ctx)
	report, err := h.Batch.Tick(ctx)
	answer := Answer{
		Run: report.Head.N, Horizon: report.Head.Horizon.String(), Runs: len(report.Runs), Items: report.Items,
		Backlog: report.Backlog, Swept: swept.Swept, Queued: swept.Queued, Skipped: report.Lease.Busy,
	}
	if report.Lease.Busy {
		return answer, sweepErr
	}
	for _, run := range report.Runs {
		answer.Events += run.Events
		h.Log.InfoContext(ctx, "run", "run", run.N, "horizon", run.Horizon, "objects", run.Objects, "events", run.Events,
			"late_objects", run.LateObjects, "duplicates", run.Duplicates, "conflicts", run.Conflicts)
	}
	h.print(ofBatch(report)...)
	if err := errors.Join(sweepErr, err); err != nil {
		return answer, err
	}
	h.Log.InfoContext(ctx, "tick", "head", answer.Run, "horizon", answer.Horizon, "runs", answer.Runs,
		"items", answer.Items, "views", report.Views)
	return answer, nil
}

// sweep is the sweep's tick. It comes before batch, because a build may be killed at every tick, and the sweep must go
// on all the same. It has a share of the time, so that batch goes on although the sweep hangs. Its metrics are printed
// at once, since a function that is killed prints nothing more.
func (h *Handler) sweep(ctx context.Context) (sweep.Report, error) {
	ctx, cancel := budget.Share(ctx, sweepShare)
	defer cancel()
	report, err := h.Sweep.Tick(ctx)
	if !report.Lease.Worked() {
		return report, nil
	}
	h.print(ofSweep(report)...)
	if err != nil {
		return report, fmt.Errorf("sweep: %w", err)
	}
	h.Log.InfoContext(ctx, "sweep", "swept", report.Swept, "queued", report.Queued, "lost", report.Lost,
		"behind", report.Behind, "too_old", report.TooOld)
	return report, nil
}

func (h *Handler) print(values ...metrics.Value) {
	if h.Print != nil && len(values) > 0 {
		h.Print(values...)
	}
}

func ofSweep(s sweep.Report) []metrics.Value {
	return metrics.AboveZero(
		metrics.Value{Name: metrics.SweepBacklog, Value: int64(s.Lost)},
		metrics.Value{Name: metrics.SweepBehind, Value: int64(s.Behind)},
		metrics.Value{Name: metrics.TooOld, Value: int64(s.TooOld)},
	)
}

func ofBatch(r batch.Report) []metrics.Value {
	var read, lateObjects, duplicates, conflicts, skipped int64
	for _, run := range r.Runs {
		read += run.Events
		lateObjects += run.LateObjects
		duplicates += run.Duplicates
		conflicts += run.Conflicts
	}
	for _, v := range r.Views {
		skipped += v.Skipped
	}
	values := metrics.AboveZero(
		metrics.Value{Name: metrics.Events, Value: read},
		metrics.Value{Name: metrics.LateObjects, Value: lateObjects},
		metrics.Value{Name: metrics.Duplicates, Value: duplicates},
		metrics.Value{Name: metrics.Conflicts, Value: conflicts},
		metrics.Value{Name: metrics.Skipped, Value: skipped},
		metrics.Value{Name: metrics.RunLoad, Value: r.Load},
	)
	for _, v := range r.Views {
		if v.SkippedByRuns > 0 {
			values = append(values, metrics.Value{Name: metrics.Skipped, Value: v.SkippedByRuns, View: string(v.Name)})
		}
	}
	return values
}
