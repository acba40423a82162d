// Package handler turns API Gateway requests into calls of the operations layer, and of the comparison of generations.
// It serves the routes that shared/api gives to the admin function.
package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Differ holds a candidate against what serves: see compare.Comparer.Diff.
type Differ interface {
	Diff(ctx context.Context, name view.Name, candidate lifecycle.GenerationID, limit int, cursor string) (compare.Diff, error)
}

// Handler serves the admin function. All fields are needed.
type Handler struct {
	Operations *operations.Operations
	Differ     Differ
	Log        *slog.Logger
}

// Handle answers one request of payload format 2.0.
func (h *Handler) Handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	answer, err := h.route(ctx, r)
	if err != nil {
		return h.fail(ctx, r, err)
	}
	return respond.JSON(http.StatusOK, answer)
}

var errNoRoute = errors.New(api.NoRoute(api.Of(api.Admin)))

func (h *Handler) route(ctx context.Context, r events.APIGatewayV2HTTPRequest) (any, error) {
	name := view.Name(r.PathParameters["view"])
	switch api.Key(r.RouteKey) {
	case api.ListStatus:
		return h.Operations.Status(ctx)
	case api.GetStatus:
		return h.Operations.View(ctx, name)
	case api.DiffView:
		return h.diff(ctx, name, r.RawQueryString)
	case api.OperateView:
		return h.operate(ctx, name, operations.Operation(r.PathParameters["operation"]), r)
	}
	return nil, errNoRoute
}

func (h *Handler) diff(ctx context.Context, name view.Name, query string) (any, error) {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return nil, &serving.ParameterError{Detail: "the query string is not one: " + err.Error()}
	}
	for _, parameter := range slices.Sorted(maps.Keys(parameters)) {
		if values := parameters[parameter]; !slices.Contains([]string{"generation", "limit", "cursor"}, parameter) {
			return nil, &serving.ParameterError{Parameter: parameter, Detail: fmt.Sprintf("unknown parameter %.80q; diff takes generation, limit, cursor", parameter)}
		} else if len(values) > 1 {
			return nil, &serving.ParameterError{Parameter: parameter, Detail: fmt.Sprintf("%s is given %d times; give it once", parameter, len(values))}
		}
	}
	limit := 0
	if parameters.Has("limit") {
		if limit, err = strconv.Atoi(parameters.Get("limit")); err != nil || limit < 1 {
			return nil, &serving.ParameterError{Parameter: "limit", Detail: fmt.Sprintf("limit=%.80q; write how many rows to tell, at least 1", parameters.Get("limit"))}
		}
	}
	return h.Differ.Diff(ctx, name, lifecycle.GenerationID(parameters.Get("generation")), limit, parameters.Get("cursor"))
}

func (h *Handler) operate(ctx context.Context, name view.Name, operation operations.Operation, r events.APIGatewayV2HTTPRequest) (any, error) {
	if !slices.Contains(operations.All(), operation) {
		return nil, fmt.Errorf("%w: %.80q", operations.ErrUnknownOperation, operation)
	}
	body, err := respond.Body(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	generation, err := wanted(body)
	if err != nil {
		return nil, err
	}
	status, err := h.Operations.Do(ctx, name, operation, generation)
	if err != nil {
		return nil, err
	}
	h.Log.InfoContext(ctx, "operated", "view", name, "operation", operation, "generation", generation)
	return status, nil
}

// maxBody is far more than any operation needs.
const maxBody = 4 << 10

var (
	errTooLarge  = fmt.Errorf("the body is too large: at most %d bytes", maxBody)
	errMalformed = errors.New(`malformed request; the body is empty, or a JSON object such as {"generation":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N"}`)
)

// wanted is the generation that a body names, "" for none. An empty body names none.
func wanted(body []byte) (lifecycle.GenerationID, error) {
	if len(body) > maxBody {
		return "", errTooLarge
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return "", nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return "", fmt.Errorf("%w: %w", errMalformed, err)
	}
	if members == nil {
		return "", fmt.Errorf("%w: it is null", errMalformed)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "generation" {
			return "", &serving.ParameterError{Parameter: name, Detail: fmt.Sprintf("unknown member %.80q; the body takes generation", name)}
		}
	}
	var generation *lifecycle.GenerationID
	text, named := members["generation"]
	if !named {
		return "", nil
	}
	if err := json.Unmarshal(text, &generation); err != nil || generation == nil || *generation == "" {
		return "", &serving.ParameterError{Parameter: "generation", Detail: fmt.Sprintf("generation is %.80s; write the id of one, in quotes, or leave it out", text)}
	}
	return *generation, nil
}

func (h *Handler) fail(ctx context.Context, r events.APIGatewayV2HTTPRequest, err error) (events.APIGatewayV2HTTPResponse, error) {
	problem := respond.Problem{Detail: err.Error()}
	var (
		parameter *serving.ParameterError
		refusal   *lifecycle.Refusal
	)
	switch {
	case errors.Is(err, errNoRoute):
		problem.Status, problem.Code = http.StatusNotFound, "no_such_route"
	case errors.Is(err, operations.ErrUnknownOperation):
		problem.Status, problem.Code = http.StatusNotFound, "unknown_operation"
		problem.Detail += "; there are " + listed(operations.All())
	case errors.Is(err, operations.ErrUnknownView), errors.Is(err, serving.ErrUnknownView):
		problem.Status, problem.Code = http.StatusNotFound, "unknown_view"
	case errors.Is(err, compare.ErrUnknownGeneration):
		problem.Status, problem.Code = http.StatusNotFound, "unknown_generation"
	case errors.As(err, &refusal):
		problem.Status, problem.Code, problem.Detail = http.StatusConflict, "refused", refusal.Error()
		if refusal.Unknown {
			problem.Status, problem.Code = http.StatusNotFound, "unknown_generation"
		}
	case errors.Is(err, catalog.ErrConflict):
		problem.Status, problem.Code, problem.Detail = http.StatusConflict, "conflict", "the view kept changing, and nothing was done; try again"
	case errors.Is(err, operations.ErrNoGeneration):
		problem.Status, problem.Code, problem.Parameter = http.StatusBadRequest, "bad_parameter", "generation"
	case errors.As(err, &parameter):
		problem.Status, problem.Code, problem.Parameter = http.StatusBadRequest, "bad_parameter", parameter.Parameter
	case errors.Is(err, errTooLarge):
		problem.Status, problem.Code = http.StatusRequestEntityTooLarge, "request_too_large"
	case errors.Is(err, errMalformed):
		problem.Status, problem.Code = http.StatusBadRequest, "malformed_request"
	default:
		h.Log.ErrorContext(ctx, "request failed", "route", r.RouteKey, "error", err)
		problem = respond.Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "the request could not be answered"}
		if api.Key(r.RouteKey) == api.OperateView {
			problem.Detail = "the operation may or may not have been done; look at the view's status"
		}
	}
	return respond.Fail(problem)
}

func listed(all []operations.Operation) string {
	names := make([]string, len(all))
	for i, operation := range all {
		names[i] = string(operation)
	}
	return strings.Join(names, ", ")
}
