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
	"github.com/anabranch/anabranch/shared/stream"
)

// Handler serves the republish function.
type Handler struct {
	Republisher *ingest.Republisher
	Log         *slog.Logger
	Observe     func(tooOld int) // is told how many messages asked for what is too old; nil: nobody is
}

// Handle republishes each message's lanes. Messages that failed are named, and come again until the queue gives them to its dead-letter queue. What is too
// old for the stream is told and done with: it would be so at every further try, and is so when the dead letters are sent again.
func (h *Handler) Handle(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	tooOld := 0
	for _, message := range e.Records {
		err := h.republish(ctx, message.Body)
		if errors.Is(err, ingest.ErrTooOld) {
			tooOld++
			h.Log.WarnContext(ctx, "refused", "message", message.MessageId, "error", err)
		} else if err != nil {
			h.Log.ErrorContext(ctx, "not republished", "message", message.MessageId, "error", err)
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		}
	}
	if h.Observe != nil {
		h.Observe(tooOld)
	}
	return response, nil
}

func (h *Handler) republish(ctx context.Context, body string) error {
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	var request stream.Republish
	if err := d.Decode(&request); err != nil {
		return fmt.Errorf("message is no republish request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("message is no republish request: something follows it at byte %d", d.InputOffset())
	}
	if err := h.Republisher.Republish(ctx, request); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "republished", "object", request.Object, "lanes", request.Lanes)
	return nil
}
