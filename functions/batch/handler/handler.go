// Package handler turns a tick of the schedule into a call of the batch layer.
package handler

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/sweep"
)

// Handler serves the batch function.
type Handler struct {
	Batch   *batch.Batch
	Sweep   *sweep.Sweep
	Log     *slog.Logger
	Observe func(batch.Report, sweep.Report) // called with the reports of each tick, failed ones included; nil for none
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
}

// Handle serves one tick. Ticks may come at any time, and twice; Handle ignores the event.
func (h *Handler) Handle(ctx context.Context, _ events.EventBridgeEvent) (Answer, error) {
	report, err := h.Batch.Tick(ctx)
	answer := Answer{
		Run: report.Head.N, Horizon: report.Head.Horizon.String(), Runs: len(report.Runs), Items: report.Items,
		Backlog: report.Backlog,
	}
	for _, run := range report.Runs {
		answer.Events += run.Events
		h.Log.InfoContext(ctx, "run", "run", run.N, "horizon", run.Horizon, "objects", run.Objects, "events", run.Events,
			"late_objects", run.LateObjects, "duplicates", run.Duplicates, "conflicts", run.Conflicts)
	}
	swept, sweepErr := h.Sweep.Tick(ctx)
	if h.Observe != nil {
		h.Observe(report, swept)
	}
	answer.Swept, answer.Queued = swept.Swept, swept.Queued
	if err := errors.Join(err, sweepErr); err != nil {
		return answer, err
	}
	h.Log.InfoContext(ctx, "tick", "head", answer.Run, "horizon", answer.Horizon, "runs", answer.Runs,
		"items", answer.Items, "views", report.Views, "swept", swept.Swept, "queued", swept.Queued, "lost", swept.Lost,
		"behind", swept.Behind, "too_old", swept.TooOld)
	return answer, nil
}
