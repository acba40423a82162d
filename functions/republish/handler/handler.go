// Package handler turns messages of the republish queue into calls of the ingest layer.
package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/stream"
)

// Handler serves the republish function.
type Handler struct {
	Republisher *ingest.Republisher
	Log         *slog.Logger
	Print       func(...metrics.Value) // prints the metrics of an invocation; nil: nobody counts
}

// Handle republishes the lanes of each message. The answer names the messages that failed. SQS delivers them again, and
// after ten attempts moves them to the dead-letter queue.
//
// A message whose events are too old for the stream, or whose object is not in the archive, is logged and counts as
// done, since every further attempt would fail too, also after someone moves the dead letters back.
func (h *Handler) Handle(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	tooOld := 0
	for _, message := range e.Records {
		err := h.republish(ctx, message.Body)
		if errors.Is(err, ingest.ErrTooOld) {
			tooOld++
			h.Log.WarnContext(ctx, "too old to republish", "message", message.MessageId, "error", err)
		} else if errors.Is(err, ingest.ErrNoObject) {
			h.Log.ErrorContext(ctx, "request refused", "message", message.MessageId, "error", err)
		} else if err != nil {
			h.Log.ErrorContext(ctx, "republish failed", "message", message.MessageId, "error", err)
			failure := events.SQSBatchItemFailure{ItemIdentifier: message.MessageId}
			response.BatchItemFailures = append(response.BatchItemFailures, failure)
		}
	}
	if h.Print != nil {
		h.Print(metrics.Value{Name: metrics.TooOld, Value: int64(tooOld)})
	}
	return response, nil
}

func (h *Handler) republish(ctx context.Context, body string) error {
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	var request stream.Republish
	if err := d.Decode(&request); err != nil {
		return fmt.Errorf("message is not a republish request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("message is not a republish request: unexpected data after the object, at byte %d", d.InputOffset())
	}
	if err := h.Republisher.Republish(ctx, request); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "republished", "object", request.Object, "lanes", request.Lanes)
	return nil
}
