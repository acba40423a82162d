// Package handler turns a tick of the schedule into a call of replay.
package handler

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/speed"
)

// Handler serves the replay function.
type Handler struct {
	Replay  *speed.Replay
	Log     *slog.Logger
	Observe func(speed.ReplayReport) // is told what each tick did, failed ones included; nil: nobody is
}

// Answer says what the tick did, and what it has left to do.
type Answer struct {
	Head        uint64 `json:"head"`        // the last run
	Generations int    `json:"generations"` // Kappa generations that are kept
	Left        uint64 `json:"left"`        // runs that the one furthest behind lacks
	Waits       int    `json:"waits"`       // generations whose next run has to be swept first
	Runs        int    `json:"runs"`        // brought in, summed over generations
	Events      int64  `json:"events"`      // read for that, summed over generations
	Items       int    `json:"items"`       // speed items written
}

// Handle serves one tick. When and how often it comes, and what is in it, does not matter.
func (h *Handler) Handle(ctx context.Context, _ events.EventBridgeEvent) (Answer, error) {
	report, err := h.Replay.Tick(ctx)
	answer := Answer{Head: report.Head, Generations: len(report.Generations)}
	for _, g := range report.Generations {
		answer.Left = max(answer.Left, g.Left)
		answer.Runs += g.Runs
		answer.Events += g.Events
		answer.Items += g.Items
		if g.Waits {
			answer.Waits++
		}
		if g.Runs > 0 || g.Waits {
			h.Log.InfoContext(ctx, "replayed", "view", g.View, "generation", g.Generation, "run", g.Run, "left", g.Left, "waits", g.Waits, "runs", g.Runs,
				"events", g.Events, "overlap", g.Overlap, "items", g.Items, "folded", g.Folded, "skipped", g.Skipped)
		}
	}
	if h.Observe != nil {
		h.Observe(report)
	}
	if err != nil {
		return answer, err
	}
	h.Log.InfoContext(ctx, "tick", "head", answer.Head, "generations", answer.Generations, "left", answer.Left, "waits", answer.Waits, "runs", answer.Runs,
		"events", answer.Events, "items", answer.Items)
	return answer, nil
}
