package dev

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/aws/respond"
)

// apiHandler is a function behind the HTTP API.
type apiHandler func(context.Context, events.APIGatewayV2HTTPRequest) (response, error)

type response = events.APIGatewayV2HTTPResponse

const stoppingText = "the server is stopping; send the request again"

const (
	maxPayload = 6 << 20 // maximum size of a request body as sent, as on Lambda
	maxAtOnce  = 64      // maximum number of functions that run at once; it bounds their memory
)

// Limits are the times that a client and a function have.
type Limits struct {
	Read  time.Duration // for a request's body to arrive
	Run   time.Duration // for a function to get a slot and to answer
	Write time.Duration // for the client to take the answer
}

// DefaultLimits returns the limits of a server. The functions have as long as on AWS.
func DefaultLimits() Limits {
	return Limits{Read: 30 * time.Second, Run: 30 * time.Second, Write: 30 * time.Second}
}

// front does the work of API Gateway: it routes requests by the table of shared/api, turns them into events of payload
// format 2.0, and turns answers back.
//
// A request holds a slot only while its function runs. It is read before and its answer written after that, each within
// its time, so that clients that dawdle keep nobody else waiting.
type front struct {
	functions map[api.Function]apiHandler
	guard     guard
	limits    Limits
	log       *slog.Logger
	slots     chan struct{}
	stopping  context.Context // once it ends, nobody may dawdle any more
}

// ServeHTTP answers every request: answer returns an answer whatever happens, and write sends it.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newConnection(f.stopping, w, f.limits.Read)
	defer c.release()
	f.write(c, f.answer(c, r))
}

func (f *front) answer(c *connection, r *http.Request) response {
	m := api.Resolve(r.Method, r.URL.EscapedPath())
	if p := f.guard.check(r, m); p != nil {
		return f.problem(*p)
	}
	answer := f.answerMatch(c, r, m)
	if m.CORS {
		headers := f.guard.origins.Headers(r.Header.Get("Origin"), r.Method == http.MethodOptions)
		answer.Headers = merge(answer.Headers, headers)
	}
	return answer
}

func (f *front) answerMatch(c *connection, r *http.Request, m api.Match) response {
	allow := map[string]string{"allow": strings.Join(m.Allow, ", ")}
	switch {
	case len(m.Allow) == 0:
		detail := api.NoRoute(api.Routes())
		return f.problem(respond.Problem{Status: http.StatusNotFound, Code: "no_such_route", Detail: detail})
	case r.Method == http.MethodOptions:
		return response{StatusCode: http.StatusNoContent, Headers: allow}
	case !m.Found():
		p := f.problem(respond.Problem{
			Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Detail: m.NoMethod(r.Method),
		})
		p.Headers = merge(p.Headers, allow)
		return p
	}
	body, p := c.read(r)
	if p != nil {
		answer := f.problem(*p)
		answer.Headers = merge(answer.Headers, map[string]string{"connection": "close"}) // its rest is unread
		return answer
	}
	return f.run(m, request(m, r, body))
}

// run runs the route's function in a slot.
func (f *front) run(m api.Match, e events.APIGatewayV2HTTPRequest) response {
	// What the function does depends on no client, as on AWS: one that has gone away does not stop it.
	ctx, cancel := context.WithTimeout(context.Background(), f.limits.Run)
	defer cancel()
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return f.problem(unavailable("the server is busy; send the request again"))
	case <-f.stopping.Done():
		return f.problem(unavailable(stoppingText))
	}
	answer, err := call(ctx, f.functions[m.Route.Function], e)
	if err == nil && (answer.StatusCode < 200 || answer.StatusCode > 599) {
		err = fmt.Errorf("the function answered with status %d", answer.StatusCode)
	}
	if err != nil {
		f.log.ErrorContext(ctx, "function failed", "route", m.Route.Key, "error", err)
		return f.problem(internal("the function failed"))
	}
	return answer
}

// call runs a function. A panic is an error, as on Lambda.
func call(
	ctx context.Context, function apiHandler, e events.APIGatewayV2HTTPRequest,
) (answer response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return function(ctx, e)
}

// request returns the event that API Gateway would make.
func request(m api.Match, r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: string(m.Route.Key), RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{}, QueryStringParameters: map[string]string{}, PathParameters: m.Parameters,
	}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	for name, values := range r.URL.Query() {
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	e.RequestContext.RouteKey = e.RouteKey
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

// write sends an answer. The length is always said, so that a client notices an answer that is cut short.
func (f *front) write(c *connection, answer response) {
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(answer.Body)
		if err != nil {
			answer = f.problem(internal("the function's answer is not valid base64"))
			decoded = []byte(answer.Body)
		}
		body = decoded
	}
	for name, value := range answer.Headers {
		c.Header().Set(name, value)
	}
	if answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusNotModified {
		c.Header().Set("content-length", strconv.Itoa(len(body)))
	}
	if err := c.write(answer.StatusCode, body, f.limits.Write); err != nil {
		f.log.Debug("the client did not take the answer", "error", err)
	}
}

// problem is an answer of the front itself.
func (f *front) problem(p respond.Problem) response {
	answer, err := respond.To{}.Fail(p)
	if err != nil { // cannot happen: the front's problems always marshal
		f.log.Error("encode a problem", "error", err)
		return response{StatusCode: http.StatusInternalServerError}
	}
	return answer
}

func internal(detail string) respond.Problem {
	return respond.Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: detail}
}

func unavailable(detail string) respond.Problem {
	return respond.Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: detail}
}

// merge adds headers to others. It replaces those that both have, except for vary, which lists header names.
func merge(headers, more map[string]string) map[string]string {
	all := maps.Clone(headers)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	if one, other := headers["vary"], more["vary"]; one != "" && other != "" {
		all["vary"] = one + ", " + other
	}
	return all
}
