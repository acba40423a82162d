// Package handler turns API Gateway requests into calls of the ingest layer. It serves POST /v1/events.
package handler

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/metrics"
)

// Handler serves the ingest function.
type Handler struct {
	Ingest *ingest.Ingest
	Log    *slog.Logger
	Print  func(...metrics.Value) // prints the metrics of a request that was answered; nil: nobody counts
}

// Handle answers one request of payload format 2.0.
func (h *Handler) Handle(
	ctx context.Context, r events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	to := respond.For(r, 0) // no answer is too large: the events of a request are limited
	body, err := respond.Body(r)
	if err != nil {
		problem := respond.Problem{Status: http.StatusBadRequest, Code: "malformed_request", Detail: err.Error()}
		return to.Fail(problem)
	}
	answer, err := h.Ingest.Accept(ctx, ingest.Request{
		ContentType: r.Headers["content-type"], ContentEncoding: r.Headers["content-encoding"], Body: body,
	})
	if err != nil {
		return h.fail(ctx, to, err)
	}
	h.Log.InfoContext(ctx, "ingested", "accepted", answer.Accepted, "rejected", len(answer.Rejected), "bytes", len(body))
	if h.Print != nil {
		rejected := metrics.AboveZero(metrics.Value{Name: metrics.Rejected, Value: int64(len(answer.Rejected))})
		h.Print(append([]metrics.Value{{Name: metrics.Accepted, Value: int64(answer.Accepted)}}, rejected...)...)
	}
	if answer.Accepted == 0 && len(answer.Rejected) > 0 {
		return to.Fail(respond.Problem{
			Status: http.StatusUnprocessableEntity, Code: "no_event_accepted",
			Detail:   "every event is invalid; the member rejected gives the reasons",
			Accepted: &answer.Accepted, Rejected: answer.Rejected,
		})
	}
	return to.JSON(http.StatusOK, answer)
}

func (h *Handler) fail(
	ctx context.Context, to respond.To, err error,
) (events.APIGatewayV2HTTPResponse, error) {
	problem := respond.Problem{Detail: err.Error()}
	switch {
	case errors.Is(err, ingest.ErrMediaType):
		problem.Status, problem.Code = http.StatusUnsupportedMediaType, "unsupported_media_type"
	case errors.Is(err, ingest.ErrTooLarge):
		problem.Status, problem.Code = http.StatusRequestEntityTooLarge, "request_too_large"
	case errors.Is(err, ingest.ErrMalformed):
		problem.Status, problem.Code = http.StatusBadRequest, "malformed_request"
	default:
		h.Log.ErrorContext(ctx, "request not acknowledged", "error", err)
		problem = respond.Problem{
			Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: ingest.ErrUnavailable.Error(),
		}
	}
	return to.Fail(problem)
}
