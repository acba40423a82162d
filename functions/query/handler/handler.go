// Package handler turns API Gateway requests into calls of the serving layer. It serves the routes that shared/api gives to the query function.
package handler

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Handler serves the query function.
type Handler struct {
	Serving *serving.Serving
	Log     *slog.Logger
}

// Handle answers one request of payload format 2.0.
func (h *Handler) Handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	answer, err := h.route(ctx, r)
	if err != nil {
		return h.fail(ctx, err)
	}
	return respond.JSON(http.StatusOK, answer)
}

var errNoRoute = errors.New(api.NoRoute(api.Of(api.Query)))

func (h *Handler) route(ctx context.Context, r events.APIGatewayV2HTTPRequest) (any, error) {
	name := view.Name(r.PathParameters["view"])
	switch api.Key(r.RouteKey) {
	case api.ListViews:
		views, err := h.Serving.Views(ctx)
		return map[string]any{"views": views}, err
	case api.GetView:
		return h.Serving.View(ctx, name)
	case api.QueryView:
		parameters, err := url.ParseQuery(r.RawQueryString)
		if err != nil {
			return nil, &serving.ParameterError{Detail: "the query string is not one: " + err.Error()}
		}
		return h.Serving.Query(ctx, name, parameters)
	}
	return nil, errNoRoute
}

func (h *Handler) fail(ctx context.Context, err error) (events.APIGatewayV2HTTPResponse, error) {
	problem := respond.Problem{Detail: err.Error()}
	var parameter *serving.ParameterError
	switch {
	case errors.Is(err, errNoRoute):
		problem.Status, problem.Code = http.StatusNotFound, "no_such_route"
	case errors.Is(err, serving.ErrUnknownView):
		problem.Status, problem.Code = http.StatusNotFound, "unknown_view"
	case errors.As(err, &parameter):
		problem.Status, problem.Code, problem.Parameter = http.StatusBadRequest, "bad_parameter", parameter.Parameter
	case errors.Is(err, serving.ErrTooManyRows):
		problem.Status, problem.Code = http.StatusUnprocessableEntity, "too_many_windows"
	case errors.Is(err, serving.ErrNotServing):
		problem.Status, problem.Code = http.StatusServiceUnavailable, "not_serving"
	default:
		h.Log.ErrorContext(ctx, "query failed", "error", err)
		problem = respond.Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "the query could not be answered"}
	}
	return respond.Fail(problem)
}
