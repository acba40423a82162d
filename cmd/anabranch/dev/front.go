package dev

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/aws/respond"
)

// apiHandler is a function behind the HTTP API.
type apiHandler func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

const (
	maxPayload = 6 << 20 // maximum size of a request body as sent, as on Lambda
	maxAtOnce  = 64      // maximum number of concurrent requests; it bounds the memory of their bodies
	timeLimit  = 30 * time.Second
)

// front does the work of API Gateway: it routes requests, turns them into events of payload format 2.0, and turns
// answers back.
type front struct {
	mux   *http.ServeMux
	log   *slog.Logger
	slots chan struct{}
}

// newFront returns a handler that serves every route of the API with its function.
func newFront(functions map[api.Function]apiHandler, log *slog.Logger) http.Handler {
	f := &front{mux: http.NewServeMux(), log: log, slots: make(chan struct{}, maxAtOnce)}
	for _, r := range api.Routes() {
		f.route(r.Key, functions[r.Function])
	}
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.problem(w, http.StatusNotFound, "no_such_route", api.NoRoute(api.Routes()))
	})
	return f.mux
}

func (f *front) route(key api.Key, handle apiHandler) {
	f.mux.HandleFunc(string(key), func(w http.ResponseWriter, r *http.Request) {
		f.slots <- struct{}{}
		defer func() { <-f.slots }()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			f.problem(w, http.StatusRequestEntityTooLarge, "request_too_large", "the body exceeds the maximum of 6 MB as sent")
			return
		case err != nil:
			return // the client has disconnected
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeLimit)
		defer cancel()
		answer, err := handle(ctx, request(key, r, body))
		if err != nil {
			f.log.ErrorContext(ctx, "function failed", "route", key, "error", err)
			f.problem(w, http.StatusInternalServerError, "internal", "the function failed")
			return
		}
		f.write(w, answer)
	})
}

// request returns the event that API Gateway would make.
func request(key api.Key, r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: string(key), RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{}, QueryStringParameters: map[string]string{}, PathParameters: map[string]string{},
	}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	for name, values := range r.URL.Query() {
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	for _, name := range key.Parameters() {
		e.PathParameters[name] = r.PathValue(name)
	}
	e.RequestContext.RouteKey = string(key)
	e.RequestContext.HTTP = events.APIGatewayV2HTTPRequestContextHTTPDescription{
		Method:   r.Method,
		Path:     r.URL.Path,
		Protocol: r.Proto,
	}
	if utf8.Valid(body) {
		e.Body = string(body)
	} else {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

func (f *front) write(w http.ResponseWriter, answer events.APIGatewayV2HTTPResponse) {
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(answer.Body)
		if err != nil {
			f.problem(w, http.StatusInternalServerError, "internal", "the function's answer is not valid base64")
			return
		}
		body = decoded
	}
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.StatusCode)
	f.send(w, body)
}

// problem answers with a problem document of the front itself.
func (f *front) problem(w http.ResponseWriter, status int, code, detail string) {
	answer, err := respond.Fail(respond.Problem{Status: status, Code: code, Detail: detail})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	f.write(w, answer)
}

func (f *front) send(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		f.log.Debug("the client disconnected", "error", err)
	}
}
