// Package handler turns API Gateway requests into requests of the tools of shared/agents, and answers what the tools
// ask of the API with the handler of the query function, in the same process. It serves the routes that shared/api
// assigns to the mcp function.
package handler

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/agents"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/aws/respond"
)

// Handler serves the mcp function.
type Handler struct {
	tools     http.Handler
	maxAnswer int
}

// Settings are what a Handler needs. All fields are required.
type Settings struct {
	Query     func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)
	MaxAnswer int // setting.All.MaxAnswer
	Now       func() time.Time
	Log       *slog.Logger
}

// New returns a handler.
func New(s Settings) *Handler {
	return &Handler{maxAnswer: s.MaxAnswer, tools: agents.Handler(agents.Settings{
		API: caller(s.Query), Now: s.Now, Log: func(what string) { s.Log.Error(what) },
	})}
}

// Handle answers one request of payload format 2.0.
func (h *Handler) Handle(
	ctx context.Context, r events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	to := respond.For(r, h.maxAnswer)
	body, err := respond.Body(r)
	if err != nil {
		return to.Fail(respond.Problem{Status: http.StatusBadRequest, Code: "malformed_request", Detail: err.Error()})
	}
	key := api.Key(r.RouteKey)
	asked, err := http.NewRequestWithContext(ctx, key.Method(), key.Pattern(), bytes.NewReader(body))
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	for name, value := range r.Headers {
		asked.Header.Set(name, value)
	}
	w := recorder{header: http.Header{}, status: http.StatusOK}
	h.tools.ServeHTTP(&w, asked)
	answer, err := w.answer(to)
	if large := (*respond.TooLarge)(nil); errors.As(err, &large) { // tools answer with 8 KB, but an error quotes a request
		large.Advice = "send a shorter request"
		return to.Fail(respond.Problem{Status: http.StatusUnprocessableEntity, Code: "too_large", Detail: large.Error()})
	}
	return answer, err
}

// recorder keeps an answer until it is whole.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *recorder) Write(part []byte) (int, error) { return w.body.Write(part) }

func (w *recorder) answer(to respond.To) (events.APIGatewayV2HTTPResponse, error) {
	body := to.NewWriter(w.header.Get("Content-Type"))
	if _, err := body.Write(w.body.Bytes()); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	answer, err := body.Answer(w.status)
	if allow := w.header.Get("Allow"); allow != "" && err == nil {
		answer.Headers["allow"] = allow
	}
	return answer, err
}

// caller answers requests of the HTTP API with the handler of the query function.
type caller func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// RoundTrip implements http.RoundTripper.
func (c caller) RoundTrip(r *http.Request) (*http.Response, error) {
	m := api.Resolve(r.Method, r.URL.EscapedPath())
	answer, err := c(r.Context(), events.APIGatewayV2HTTPRequest{
		RouteKey: string(m.Route.Key), RawQueryString: r.URL.RawQuery, PathParameters: m.Parameters,
		Headers: map[string]string{"accept": r.Header.Get("Accept")},
	})
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range answer.Headers {
		header.Set(name, value)
	}
	return &http.Response{
		StatusCode: answer.StatusCode, Header: header, Body: io.NopCloser(bytes.NewBufferString(answer.Body)), Request: r,
	}, nil
}
