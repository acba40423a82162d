// Package handler turns a tick of the schedule into a call of replay.
package handler

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/speed"
)

// Handler serves the replay function.
type Handler struct {
	Replay *speed.Replay
	Log    *slog.Logger
	Print  func(...metrics.Value) // prints the metrics of a tick, failed ones included; nil: nobody counts
}

// Answer says what the tick did, and what is left to do.
type Answer struct {
	Head        uint64 `json:"head"`        // number of the last run
	Generations int    `json:"generations"` // number of current Kappa generations
	Left        uint64 `json:"left"`        // number of runs that the generation furthest behind lacks
	Waits       int    `json:"waits"`       // number of generations that wait for the sweep of their next run
	Runs        int    `json:"runs"`        // number of runs folded, summed over generations
	Events      int64  `json:"events"`      // number of events read, summed over generations
	Items       int    `json:"items"`       // number of speed items written
	// True if another tick works, or the last ones were killed: this one has done nothing.
	Skipped bool `json:"skipped"`
}

// Handle serves one tick. Ticks may come at any time, and twice; Handle ignores the event.
func (h *Handler) Handle(ctx context.Context, _ events.EventBridgeEvent) (Answer, error) {
	report, err := h.Replay.Tick(ctx)
	if !report.Lease.Worked() {
		return Answer{Skipped: true}, err
	}
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
			h.Log.InfoContext(ctx, "replayed", "view", g.View, "generation", g.Generation, "run", g.Run, "left", g.Left,
				"waits", g.Waits, "runs", g.Runs, "events", g.Events, "duplicates", g.Duplicates, "items", g.Items,
				"folded", g.Folded, "skipped", g.Skipped)
		}
	}
	h.count(report)
	if err != nil {
		return answer, err
	}
	h.Log.InfoContext(ctx, "tick", "head", answer.Head, "generations", answer.Generations, "left", answer.Left,
		"waits", answer.Waits, "runs", answer.Runs, "events", answer.Events, "items", answer.Items)
	return answer, nil
}

// count prints what was replayed. Without a Kappa view there is nothing to count.
func (h *Handler) count(r speed.ReplayReport) {
	if len(r.Generations) == 0 || h.Print == nil {
		return
	}
	var left, read, skipped int64
	for _, g := range r.Generations {
		left = max(left, int64(g.Left))
		read += g.Events
		skipped += g.Skipped
	}
	h.Print(
		metrics.Value{Name: metrics.ReplayRunsLeft, Value: left},
		metrics.Value{Name: metrics.ReplayEvents, Value: read},
		metrics.Value{Name: metrics.Skipped, Value: skipped},
	)
}
