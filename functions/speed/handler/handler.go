// Package handler turns the batches of records that Lambda reads from Kinesis into calls of the speed layer.
package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/speed"
)

// Handler serves the speed function. It takes the event as bytes: decoding every field would cost more than folding.
type Handler struct {
	Speed *speed.Speed
	Log   *slog.Logger
	Print func(...metrics.Value) // prints the metrics of an invocation that did not fail as a whole; nil: nobody counts
}

// Invoke applies one batch of records. The answer names the first record that is not fully applied, if any, and Lambda
// delivers again from there.
//
// Errors: the whole batch failed, and Lambda delivers it again.
//
// Source: Lambda Developer Guide, reporting batch item failures for Kinesis.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	records, oldest, ok := scan(payload)
	if !ok {
		var err error
		if records, oldest, err = decode(payload); err != nil {
			return nil, err
		}
	}
	applied, report, err := h.Speed.Apply(ctx, records)
	if err != nil {
		return nil, err
	}
	h.Log.InfoContext(ctx, "applied", "records", report.Records, "applied", applied, "events", report.Events, "set_aside",
		report.SetAside,
		"items", report.Items, "views", report.Views)
	h.count(report, oldest)
	response := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	if applied < len(records) {
		response.BatchItemFailures = append(response.BatchItemFailures, events.KinesisBatchItemFailure{
			ItemIdentifier: string(records[applied].Sequence),
		})
	}
	return json.Marshal(response)
}

// count prints what an invocation did. The oldest of its records came into the stream at that time: zero when the event
// does not say.
func (h *Handler) count(r speed.Report, oldest time.Time) {
	if h.Print == nil {
		return
	}
	var skipped int64
	for _, v := range r.Views {
		skipped += v.Skipped
	}
	values := append([]metrics.Value{{Name: metrics.Events, Value: int64(r.Events)}}, metrics.AboveZero(
		metrics.Value{Name: metrics.Duplicates, Value: int64(r.Duplicates)},
		metrics.Value{Name: metrics.Skipped, Value: skipped},
		// Its alarm stays until an operator has looked. A 0 would end it.
		metrics.Value{Name: metrics.SetAside, Value: int64(r.SetAside)},
	)...)
	if !oldest.IsZero() {
		values = append(values, metrics.Value{Name: metrics.StreamLag, Value: time.Since(oldest).Milliseconds()})
	}
	for _, v := range r.Views {
		if v.Alone && v.Skipped > 0 {
			values = append(values, metrics.Value{Name: metrics.Skipped, Value: v.Skipped, View: string(v.View)})
		}
	}
	h.Print(values...)
}
