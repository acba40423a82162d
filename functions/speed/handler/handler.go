// Package handler turns the batches of records that Lambda reads from Kinesis into calls of the speed layer.
package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/speed"
)

// Handler serves the speed function. It takes the event as bytes: decoding every field would cost more than folding.
type Handler struct {
	Speed *speed.Speed
	Log   *slog.Logger

	// Observe is called with the report of each invocation, and with the time at which the oldest of its records entered
	// the stream, or zero if the event does not say so. nil for none.
	Observe func(report speed.Report, oldest time.Time)
}

// Invoke applies one batch of records. The answer names the first record that is not fully applied, if any, and Lambda
// delivers again from there.
//
// Errors: the whole batch failed, and Lambda delivers it again.
//
// Source: Lambda Developer Guide, reporting batch item failures for Kinesis.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	records, oldest, err := decode(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	applied, report, err := h.Speed.Apply(ctx, records)
	if err != nil {
		return nil, err
	}
	h.Log.InfoContext(ctx, "applied", "records", report.Records, "applied", applied, "events", report.Events,
		"set_aside", report.SetAside, "items", report.Items, "views", report.Views)
	if h.Observe != nil {
		h.Observe(report, oldest)
	}
	response := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	if applied < len(records) {
		response.BatchItemFailures = append(response.BatchItemFailures, events.KinesisBatchItemFailure{
			ItemIdentifier: string(records[applied].Sequence),
		})
	}
	return json.Marshal(response)
}
