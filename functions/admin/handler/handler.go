// Package handler turns API Gateway requests into calls of the operations layer and of the comparison of generations.
// It serves the routes that shared/api assigns to the admin function.
package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"mime"
	"net/http"
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
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Differ compares a candidate with the generation that serves: see compare.Comparer.Diff.
type Differ interface {
	Diff(
		ctx context.Context, name view.Name, candidate lifecycle.GenerationID, limit int, cursor string,
	) (compare.Diff, error)
}

// Handler serves the admin function. All fields are required.
type Handler struct {
	Operations *operations.Operations
	Differ     Differ
	MaxAnswer  int // setting.All.MaxAnswer
	Log        *slog.Logger
}

type (
	request  = events.APIGatewayV2HTTPRequest
	response = events.APIGatewayV2HTTPResponse
)

// Handle answers one request of payload format 2.0.
func (h *Handler) Handle(ctx context.Context, r request) (response, error) {
	to := respond.For(r, h.MaxAnswer)
	value, err := h.route(ctx, r)
	if err != nil {
		return h.fail(ctx, to, r, err)
	}
	answer, err := to.JSON(http.StatusOK, value)
	if err != nil {
		err = respond.Advise(err, func(large *respond.TooLarge) string { return askForLess(large, value) })
		return h.fail(ctx, to, r, err)
	}
	return answer, nil
}

// askForLess says how to ask for less than a value.
func askForLess(large *respond.TooLarge, value any) string {
	switch value := value.(type) {
	case operations.Statuses:
		return "ask for one view: " + string(api.GetStatus)
	case compare.Diff:
		return fmt.Sprintf("write limit=%d", large.Fitting(len(value.Rows)))
	}
	return ""
}

var errNoRoute = errors.New(api.NoRoute(api.Of(api.Admin)))

func (h *Handler) route(ctx context.Context, r request) (any, error) {
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
	parameters, err := present.ParseParameters(query)
	if err != nil {
		return nil, err
	}
	for _, parameter := range slices.Sorted(maps.Keys(parameters)) {
		if !slices.Contains([]string{"generation", "limit", "cursor"}, parameter) {
			const valid = "valid parameters: generation, limit, cursor"
			return nil, badParameter(parameter, "unknown parameter %.80q; "+valid, parameter)
		}
		if n := len(parameters[parameter]); n > 1 {
			return nil, badParameter(parameter, "%s appears %d times; write it once", parameter, n)
		}
	}
	limit := 0
	if parameters.Has("limit") {
		if limit, err = strconv.Atoi(parameters.Get("limit")); err != nil || limit < 1 {
			text := parameters.Get("limit")
			return nil, badParameter("limit", "invalid limit %.80q: must be a number of rows, 1 or more", text)
		}
	}
	candidate := lifecycle.GenerationID(parameters.Get("generation"))
	return h.Differ.Diff(ctx, name, candidate, limit, parameters.Get("cursor"))
}

func badParameter(name, format string, args ...any) error {
	return &serving.ParameterError{Parameter: name, Detail: fmt.Sprintf(format, args...)}
}

func (h *Handler) operate(ctx context.Context, name view.Name, operation operations.Operation, r request) (any, error) {
	if !slices.Contains(operations.All(), operation) {
		return nil, fmt.Errorf("%w: %.80q", operations.ErrUnknownOperation, operation)
	}
	if !isJSON(r.Headers["content-type"]) {
		return nil, fmt.Errorf("%w, not %.80q", errMediaType, r.Headers["content-type"])
	}
	body, err := respond.Body(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	generation, err := parseBody(body)
	if err != nil {
		return nil, err
	}
	status, err := h.Operations.Do(ctx, name, operation, generation)
	if err != nil {
		return nil, err
	}
	h.Log.InfoContext(ctx, "operation stored", "view", name, "operation", operation, "generation", generation)
	return status, nil
}

// isJSON reports whether a content type is JSON's. An operation demands it, even without a body: a web page may send
// other types to any server without asking first, but not this one.
//
// Source: Fetch Standard, section 2.2.2 (CORS-safelisted request-header).
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// maxBody is the largest body of an operation, in bytes, far more than one needs.
const maxBody = 4 << 10

var (
	errTooLarge  = fmt.Errorf("the body is too large: maximum is %d bytes", maxBody)
	errMediaType = errors.New("unsupported media type: an operation needs the header content-type: application/json")
	errMalformed = errors.New("malformed request: the body must be empty, or a JSON object such as " +
		`{"generation":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N"}`)
)

// parseBody returns the generation that the body of an operation names, and "" if the body is empty or names none.
func parseBody(body []byte) (lifecycle.GenerationID, error) {
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
		return "", fmt.Errorf("%w: the body is null", errMalformed)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "generation" {
			return "", badParameter(name, "unknown member %.80q; valid members: generation", name)
		}
	}
	var generation *lifecycle.GenerationID
	text, named := members["generation"]
	if !named {
		return "", nil
	}
	if err := json.Unmarshal(text, &generation); err != nil || generation == nil || *generation == "" {
		return "", badParameter("generation", "invalid generation %.80s: must be the id of a generation, as a string", text)
	}
	return *generation, nil
}

func (h *Handler) fail(ctx context.Context, to respond.To, r request, err error) (response, error) {
	problem := respond.Problem{Detail: err.Error()}
	var (
		parameter *serving.ParameterError
		refusal   *lifecycle.Refusal
		large     *respond.TooLarge
	)
	switch {
	case errors.Is(err, errNoRoute):
		problem.Status, problem.Code = http.StatusNotFound, "no_such_route"
	case errors.Is(err, operations.ErrUnknownOperation):
		problem.Status, problem.Code = http.StatusNotFound, "unknown_operation"
		problem.Detail += "; valid operations: " + listed(operations.All())
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
		problem.Status, problem.Code = http.StatusConflict, "conflict"
		problem.Detail = "the view kept changing, so nothing was done; try again"
	case errors.Is(err, operations.ErrNoGeneration):
		problem.Status, problem.Code, problem.Parameter = http.StatusBadRequest, "bad_parameter", "generation"
	case errors.As(err, &parameter):
		problem.Status, problem.Code, problem.Parameter = http.StatusBadRequest, "bad_parameter", parameter.Parameter
	case errors.As(err, &large):
		problem.Status, problem.Code = http.StatusUnprocessableEntity, "too_large"
	case errors.Is(err, errTooLarge):
		problem.Status, problem.Code = http.StatusRequestEntityTooLarge, "request_too_large"
	case errors.Is(err, errMediaType):
		problem.Status, problem.Code = http.StatusUnsupportedMediaType, "unsupported_media_type"
	case errors.Is(err, errMalformed):
		problem.Status, problem.Code = http.StatusBadRequest, "malformed_request"
	default:
		h.Log.ErrorContext(ctx, "request failed", "route", r.RouteKey, "error", err)
		problem = respond.Problem{
			Status: http.StatusInternalServerError, Code: "internal", Detail: "the request could not be answered",
		}
		if api.Key(r.RouteKey) == api.OperateView {
			problem.Detail = "the operation may or may not have been stored; check the status of the view"
		}
	}
	return to.Fail(problem)
}

func listed(all []operations.Operation) string {
	names := make([]string, len(all))
	for i, operation := range all {
		names[i] = string(operation)
	}
	return strings.Join(names, ", ")
}
