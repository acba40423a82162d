// Package handler answers the requests of Prometheus clients: it reads their parameters, calls shared/promql, and
// writes answers in the shape of Prometheus's HTTP API. It serves the routes that shared/api assigns to the function.
//
// Source: Prometheus, HTTP API, v1.
package handler

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/release"
)

// Handler serves the function. New returns it.
type Handler struct {
	api       *promql.API
	now       func() time.Time
	maxAnswer int
	log       *slog.Logger
}

// New returns a handler. maxAnswer is setting.All.MaxAnswer.
func New(answers *promql.API, now func() time.Time, maxAnswer int, log *slog.Logger) *Handler {
	return &Handler{answers, now, maxAnswer, log}
}

type response = events.APIGatewayV2HTTPResponse

// Handle answers one request of payload format 2.0.
func (h *Handler) Handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (response, error) {
	to := respond.For(r, h.maxAnswer)
	answer, err := h.answer(ctx, to, r)
	if err != nil {
		return h.fail(ctx, to, err)
	}
	return answer, nil
}

// An endpoint answers one kind of request. Its answer is the value of "data", with warnings.
type endpoint func(*Handler, context.Context, parameters) (data any, warnings []string, err error)

// endpoints are the endpoints with one name behind /prometheus/api/v1/. Clients ask for the last three, and there is
// nothing to answer.
var endpoints = map[string]endpoint{
	"series":          (*Handler).series,
	"labels":          (*Handler).labels,
	"metadata":        (*Handler).metadata,
	"query_exemplars": nothing([]string{}),
	"rules":           nothing(map[string][]string{"groups": {}}),
	"alerts":          nothing(map[string][]string{"alerts": {}}),
}

func nothing(data any) endpoint {
	return func(*Handler, context.Context, parameters) (any, []string, error) { return data, nil, nil }
}

// errNoEndpoint is the error for a path that is no endpoint.
var errNoEndpoint = errors.New("no such endpoint; the endpoints are query, query_range, series, labels, " +
	"label/NAME/values, metadata and status/buildinfo")

func (h *Handler) answer(ctx context.Context, to respond.To, r events.APIGatewayV2HTTPRequest) (response, error) {
	p, err := parse(r, h.now())
	if err != nil {
		return response{}, err
	}
	name := r.PathParameters["endpoint"]
	find := endpoints[name]
	switch api.Key(r.RouteKey) {
	case api.PromStatus:
		find = map[string]endpoint{"buildinfo": buildInfo}[name]
	case api.PromLabelValues:
		find = (*Handler).labelValues
	default:
		if name == "query" || name == "query_range" {
			return h.query(ctx, to, p, name == "query_range")
		}
	}
	if find == nil {
		return response{}, errNoEndpoint
	}
	data, warnings, err := find(h, ctx, p)
	if err != nil {
		return response{}, err
	}
	return to.JSON(http.StatusOK, success{Status: "success", Data: data, Warnings: warnings})
}

// Version is the version of Prometheus whose engine answers. Clients choose by it what they ask.
const Version = "3.16.0"

// buildInfo answers status/buildinfo. The version is Prometheus's, and the revision that of Anabranch.
func buildInfo(*Handler, context.Context, parameters) (any, []string, error) {
	return map[string]string{
		"version": Version, "revision": "anabranch " + release.Version(), "branch": "", "buildUser": "", "buildDate": "",
		"goVersion": "",
	}, nil, nil
}

// success is an answer but that of a query.
type success struct {
	Status   string   `json:"status"`
	Data     any      `json:"data"`
	Warnings []string `json:"warnings,omitempty"`
}

// query answers query and query_range.
func (h *Handler) query(ctx context.Context, to respond.To, p parameters, isRange bool) (response, error) {
	question, err := p.question(isRange)
	if err != nil {
		return response{}, err
	}
	found, err := h.api.Ask(ctx, question)
	if err != nil {
		return response{}, err
	}
	defer found.Close()
	body := to.NewWriter("application/json")
	if err := write(body, found); err != nil {
		return response{}, err
	}
	return body.Answer(http.StatusOK)
}

func (h *Handler) series(ctx context.Context, p parameters) (any, []string, error) {
	selectors, err := h.api.ParseMatchers(p.values["match[]"])
	if err == nil && len(selectors) == 0 {
		err = p.bad("match[]", "is missing: write a selector, such as page_views_views")
	}
	if err != nil {
		return nil, nil, err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, nil, err
	}
	return listed(h.api.Series(ctx, selectors, limit))
}

func (h *Handler) labels(ctx context.Context, p parameters) (any, []string, error) {
	selectors, err := h.api.ParseMatchers(p.values["match[]"])
	if err != nil {
		return nil, nil, err
	}
	return listed(h.api.Labels(ctx, selectors))
}

func (h *Handler) labelValues(ctx context.Context, p parameters) (any, []string, error) {
	selectors, err := h.api.ParseMatchers(p.values["match[]"])
	if err != nil {
		return nil, nil, err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, nil, err
	}
	return listed(h.api.Values(ctx, p.label, selectors, limit))
}

func (h *Handler) metadata(ctx context.Context, p parameters) (any, []string, error) {
	all, warnings, err := h.api.Metadata(ctx, p.values.Get("metric"))
	return all, warnings, err
}

// listed writes no list as an empty one.
func listed[T any](all []T, warnings []string, err error) (any, []string, error) {
	if all == nil {
		all = []T{}
	}
	return all, warnings, err
}

// failure is an answer to what failed.
type failure struct {
	Status    string `json:"status"`
	ErrorType string `json:"errorType"`
	Error     string `json:"error"`
}

func (h *Handler) fail(ctx context.Context, to respond.To, err error) (response, error) {
	var large *respond.TooLarge
	var refusal *promql.Refusal
	f, status := failure{"error", "execution", err.Error()}, http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, errNoEndpoint):
		f.ErrorType, status = "not_found", http.StatusNotFound
	case errors.Is(err, promql.ErrBadQuestion):
		f.ErrorType, status = "bad_data", http.StatusBadRequest
	case errors.As(err, &large):
		large.Advice = "choose fewer series with labels, a shorter range or a longer step"
		f.Error = large.Error()
	case errors.As(err, &refusal):
	default:
		h.log.ErrorContext(ctx, "query failed", "error", err)
		f.ErrorType, f.Error, status = "internal", "the query could not be answered", http.StatusInternalServerError
	}
	to.Max = 0
	return to.JSON(status, f)
}
