// Package handler turns a tick of the schedule into a call of the audit layer.
package handler

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/audit"
)

// Handler serves the audit function.
type Handler struct {
	Audit   *audit.Audit
	Log     *slog.Logger
	Observe func(audit.Report) // is told what each tick did, failed ones included; nil: nobody is
}

// Answer says what the tick did.
type Answer struct {
	Views   int   `json:"views"`   // audited
	Due     int   `json:"due"`     // left for the next tick: time was short
	Windows int64 `json:"windows"` // that should be there
	Drift   int64 `json:"drift"`   // of them, and of those that should not be there: the ones that are not as they should be
	Lost    int64 `json:"lost"`    // objects that no run will take in by itself
}

// Handle serves one tick. When and how often it comes, and what is in it, does not matter.
func (h *Handler) Handle(ctx context.Context, _ events.EventBridgeEvent) (Answer, error) {
	report, err := h.Audit.Tick(ctx)
	if h.Observe != nil {
		h.Observe(report)
	}
	answer := Answer{Views: len(report.Views), Due: report.Due}
	for _, v := range report.Views {
		answer.Windows += v.Windows
		answer.Drift += v.Drift
		answer.Lost += v.Lost
		level := slog.LevelInfo
		if v.Drift > 0 || v.Lost > 0 {
			level = slog.LevelWarn // an operator looks at the findings
		}
		h.Log.Log(ctx, level, "audit ends", "view", v.Name, "generation", v.Generation, "run", v.Run, "horizon", v.Horizon, "items", v.Items,
			"windows", v.Windows, "drift", v.Drift, "beyond", v.Beyond, "unsettled", v.Unsettled, "pending", v.Pending, "lost", v.Lost,
			"note", v.Note, "why", v.Error)
	}
	if err != nil {
		return answer, err
	}
	h.Log.InfoContext(ctx, "tick", "views", answer.Views, "due", answer.Due, "windows", answer.Windows, "drift", answer.Drift, "lost", answer.Lost)
	return answer, nil
}
