// Package handler turns a tick of the schedule into calls of the watch and of the audit layer.
package handler

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/watch"
)

// Handler serves the audit function.
type Handler struct {
	Audit *audit.Audit
	Watch *watch.Watch // nil: nobody watches
	Log   *slog.Logger
	Print func(...metrics.Value) // prints the metrics of a tick, failed ones included; nil: nobody counts
}

// Answer says what the tick did.
type Answer struct {
	Views   int   `json:"views"`   // number of audited views
	Due     int   `json:"due"`     // number of due views left for the next tick, because time was short
	Windows int64 `json:"windows"` // number of windows that should exist
	Drift   int64 `json:"drift"`   // number of windows that differ from the archive, or should not exist
	Lost    int64 `json:"lost"`    // number of objects in no run that no later run will take by itself
}

// Handle serves one tick. Ticks may come at any time, and twice; Handle ignores the event.
func (h *Handler) Handle(ctx context.Context, _ events.EventBridgeEvent) (Answer, error) {
	watchErr := h.watch(ctx)
	report, err := h.Audit.Tick(ctx)
	h.count(report)
	answer := Answer{Views: len(report.Views), Due: report.Due}
	for _, v := range report.Views {
		answer.Windows += v.Windows
		answer.Drift += v.Drift
		answer.Lost += v.Lost
		level := slog.LevelInfo
		if v.Drift > 0 || v.Lost > 0 {
			level = slog.LevelWarn // an operator must look at the findings
		}
		h.Log.Log(ctx, level, "audit done", "view", v.Name, "generation", v.Generation, "run", v.Run, "horizon", v.Horizon,
			"items", v.Items, "windows", v.Windows, "drift", v.Drift, "beyond", v.Beyond, "unsettled", v.Unsettled,
			"pending", v.Pending, "lost", v.Lost, "note", v.Note, "why", v.Error)
	}
	if err := errors.Join(watchErr, err); err != nil {
		return answer, err
	}
	h.Log.InfoContext(ctx, "tick", "views", answer.Views, "due", answer.Due, "windows", answer.Windows,
		"drift", answer.Drift, "lost", answer.Lost)
	return answer, nil
}

// count prints how much the tick has audited. A tick that ends no audit prints nothing. The watch prints what the last
// audits of all views have found.
func (h *Handler) count(r audit.Report) {
	var windows, audited int64
	for _, v := range r.Views {
		if v.Error != "" {
			continue
		}
		audited++
		windows += v.Windows
	}
	if audited == 0 || h.Print == nil {
		return
	}
	h.Print(metrics.Value{Name: metrics.AuditedWindows, Value: windows})
}
