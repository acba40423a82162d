// Package handler turns API Gateway requests into calls of the serving layer, and presents the results as JSON or CSV.
// It serves the routes that shared/api assigns to the query function.
package handler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/api/openapi"
	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/page"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Handler serves the query function. All fields except Shadow and Print are required.
type Handler struct {
	Serving   *serving.Serving
	MaxAnswer int             // setting.All.MaxAnswer
	Shadow    *compare.Shadow // runs some queries against candidates too; nil for none
	Log       *slog.Logger
	Print     func(...metrics.Value) // prints the metrics of a shadow read; only NewShadow needs it
}

type response = events.APIGatewayV2HTTPResponse

// Handle answers one request of payload format 2.0.
func (h *Handler) Handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (response, error) {
	to := respond.For(r, h.MaxAnswer)
	answer, err := h.route(ctx, r, to)
	if err != nil {
		return h.fail(ctx, to, err)
	}
	return answer, nil
}

var errNoRoute = errors.New(api.NoRoute(api.Of(api.Query)))

func (h *Handler) route(ctx context.Context, r events.APIGatewayV2HTTPRequest, to respond.To) (response, error) {
	name := view.Name(r.PathParameters["view"])
	switch api.Key(r.RouteKey) {
	case api.ListViews:
		return h.views(ctx, to)
	case api.GetView:
		return h.view(ctx, to, name)
	case api.QueryView:
		return h.query(ctx, to, name, r)
	case api.ListKeys:
		return h.keys(ctx, to, name, r)
	case api.Health:
		return to.JSON(http.StatusOK, healthy)
	case api.OpenAPI:
		return document(to, r.Headers["if-none-match"])
	case api.Page:
		return pageFile(to, page.Index, r.Headers["if-none-match"])
	case api.PageFile:
		return pageFile(to, r.PathParameters["file"], r.Headers["if-none-match"])
	}
	return response{}, errNoRoute
}

// healthy is the answer to a question about the server's health. It says that requests reach the functions, and nothing
// of what is stored: anyone may ask.
var healthy = Healthy{Status: "ok"}

// Healthy is the answer of GET /health.
type Healthy struct {
	Status string `json:"status"` // "ok"
}

// document answers with the description of the API.
func document(to respond.To, known string) (response, error) {
	body := to.NewWriter("application/json")
	if _, err := body.Write(openapi.JSON()); err != nil {
		return response{}, err
	}
	answer, err := body.Answer(http.StatusOK)
	if err != nil {
		return response{}, err
	}
	sum := sha256.Sum256(openapi.JSON())
	return respond.Tagged(answer, `W/"`+hex.EncodeToString(sum[:16])+`"`, known), nil
}

func (h *Handler) views(ctx context.Context, to respond.To) (response, error) {
	views, err := h.Serving.Views(ctx)
	if err != nil {
		return response{}, err
	}
	for _, v := range views {
		if v.Err != nil {
			h.Log.ErrorContext(ctx, "view could not be described", "view", v.View.Name, "error", v.Err)
		}
	}
	answer, err := to.JSON(http.StatusOK, map[string]any{"views": present.NewDescriptions(views)})
	return answer, respond.Advise(err, func(*respond.TooLarge) string {
		return "ask for one view: " + string(api.GetView)
	})
}

func (h *Handler) view(ctx context.Context, to respond.To, name view.Name) (response, error) {
	described, err := h.Serving.Describe(ctx, name)
	if err != nil {
		return response{}, err
	}
	return to.JSON(http.StatusOK, present.NewDescription(described))
}

func (h *Handler) query(
	ctx context.Context, to respond.To, name view.Name, r events.APIGatewayV2HTTPRequest,
) (response, error) {
	parameters, err := present.ParseParameters(r.RawQueryString)
	if err != nil {
		return response{}, err
	}
	query, err := present.Parse(name, parameters, r.Headers["accept"], h.Serving.Now())
	if err != nil {
		return response{}, err
	}
	result, err := h.Serving.Read(ctx, query.Selection)
	if err != nil {
		return response{}, err
	}
	answer, err := presented(to, query, result, r.Headers["if-none-match"])
	if err != nil {
		return response{}, err
	}
	if h.Shadow != nil && result.Groups == nil {
		h.Shadow.Ask(ctx, result)
	}
	return answer, nil
}

func (h *Handler) keys(
	ctx context.Context, to respond.To, name view.Name, r events.APIGatewayV2HTTPRequest,
) (response, error) {
	parameters, err := present.ParseParameters(r.RawQueryString)
	if err != nil {
		return response{}, err
	}
	selection, err := present.ParseKeys(name, parameters)
	if err != nil {
		return response{}, err
	}
	page, err := h.Serving.Keys(ctx, selection)
	if field := (*serving.FieldError)(nil); errors.As(err, &field) {
		return response{}, present.UnknownKeysParameter(field)
	}
	if err != nil {
		return response{}, err
	}
	return to.JSON(http.StatusOK, present.NewKeys(page))
}

// presented presents a result, or says that the client has it: one of known is its tag. It stops at the row with which
// the answer becomes too large.
func presented(to respond.To, query present.Query, result serving.Result, known string) (response, error) {
	body := to.NewWriter(query.Format.ContentType)
	rows, tag, err := query.Present(body, result)
	var answer response
	if err == nil {
		answer, err = body.Answer(http.StatusOK)
	}
	if err != nil {
		return response{}, tooLarge(err, to, query, rows, len(result.Rows))
	}
	maps.Copy(answer.Headers, query.Headers(result))
	return respond.Tagged(answer, tag, known), nil
}

// tooLarge adds to a *respond.TooLarge how to ask for less. rows of all rows were written.
func tooLarge(err error, to respond.To, query present.Query, rows, all int) error {
	return respond.Advise(err, func(large *respond.TooLarge) string {
		advice := fmt.Sprintf("it has %d windows; narrow from and to, to about %d windows", all, large.Fitting(rows))
		if query.Parts {
			advice += ", or leave out parts"
		}
		if !to.Gzip {
			advice += ", or accept gzip (curl --compressed)"
		}
		return advice
	})
}

func (h *Handler) fail(ctx context.Context, to respond.To, err error) (response, error) {
	problem := respond.Problem{Detail: err.Error()}
	var (
		parameter *serving.ParameterError
		field     *serving.FieldError
		large     *respond.TooLarge
	)
	switch {
	case errors.Is(err, errNoRoute), errors.Is(err, errNoFile):
		problem.Status, problem.Code = http.StatusNotFound, "no_such_route"
	case errors.Is(err, serving.ErrUnknownView):
		problem.Status, problem.Code = http.StatusNotFound, "unknown_view"
	case errors.As(err, &field):
		return h.fail(ctx, to, present.UnknownParameter(field))
	case errors.As(err, &parameter):
		problem.Status, problem.Code, problem.Parameter = http.StatusBadRequest, "bad_parameter", parameter.Parameter
	case errors.Is(err, serving.ErrCursorGone):
		problem.Status, problem.Code = http.StatusGone, "cursor_gone"
	case errors.Is(err, serving.ErrTooManyKeys):
		problem.Status, problem.Code = http.StatusUnprocessableEntity, "too_many_keys"
	case errors.Is(err, serving.ErrTooManyWindows):
		problem.Status, problem.Code = http.StatusUnprocessableEntity, "too_many_windows"
	case errors.As(err, &large):
		problem.Status, problem.Code = http.StatusUnprocessableEntity, "too_large"
	case errors.Is(err, serving.ErrNotServing):
		problem.Status, problem.Code = http.StatusServiceUnavailable, "not_serving"
	default:
		h.Log.ErrorContext(ctx, "query failed", "error", err)
		problem = respond.Problem{
			Status: http.StatusInternalServerError, Code: "internal", Detail: "the query could not be answered",
		}
	}
	return to.Fail(problem)
}
