package dev_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/api/openapi/contract"
)

type (
	request  = events.APIGatewayV2HTTPRequest
	response = events.APIGatewayV2HTTPResponse
	function = func(context.Context, request) (response, error)
)

// echo answers with the route and the method of its request.
func echo(_ context.Context, r request) (response, error) {
	body := fmt.Sprint(r.RouteKey, " as ", r.RequestContext.HTTP.Method, " of ", r.PathParameters)
	return response{StatusCode: 200, Headers: map[string]string{"content-type": "text/plain"}, Body: body}, nil
}

func serve(t *testing.T, limits dev.Limits, slots int, f function) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(dev.NewFront(t.Context(), limits, slots, f))
	contract.Except(server.URL)
	t.Cleanup(server.Close)
	return server
}

// ask sends a request and returns the answer, with its body.
func ask(t *testing.T, method, url, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Host = header.Get("Host")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

var methods = []string{"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"}

// TestMethods checks the methods of every path: its own ones, HEAD as GET without a body, OPTIONS with the allowed
// methods, and 405 with the same list for any other one.
func TestMethods(t *testing.T) {
	server := serve(t, dev.DefaultLimits(), 8, echo)
	for _, r := range api.Routes() {
		path := strings.NewReplacer("{view}", "traffic", "{operation}", "audit").Replace(r.Key.Pattern())
		own := r.Key.Method()
		allow := own + ", OPTIONS"
		if own == http.MethodGet {
			allow = "GET, HEAD, OPTIONS"
		}
		if r.Key == api.PromAsk || r.Key == api.PromPost { // clients choose
			allow = "GET, HEAD, POST, OPTIONS"
		}
		if r.Key == api.CallTools || r.Key == api.ListenTools {
			allow = "POST, GET, HEAD, OPTIONS"
		}
		if r.Key == api.DiffView { // an operation named "diff" would have the same path, but does not exist
			allow = "GET, HEAD, POST, OPTIONS"
		}
		_, full := ask(t, own, server.URL+path, "", nil)
		if !strings.HasPrefix(full, string(r.Key)+" as "+own) {
			t.Errorf("%s %s is answered with %q", own, path, full)
		}
		for _, method := range methods {
			answer, body := ask(t, method, server.URL+path, "", nil)
			want, code := http.StatusMethodNotAllowed, "method_not_allowed"
			switch {
			case method == http.MethodOptions:
				want, code = http.StatusNoContent, ""
			case strings.Contains(allow, method):
				want, code = http.StatusOK, ""
			}
			if answer.StatusCode != want || method != http.MethodHead && !strings.Contains(body, code) {
				t.Errorf("%s %s: %s %s; want %d %s", method, path, answer.Status, body, want, code)
			}
			if want != http.StatusOK && answer.Header.Get("Allow") != allow {
				t.Errorf("%s %s allows %q, want %q", method, path, answer.Header.Get("Allow"), allow)
			}
			if method == http.MethodHead && want == http.StatusOK && own == http.MethodGet &&
				(body != "" || answer.ContentLength != int64(len(full))+1) { // "HEAD" is one longer than "GET"
				t.Errorf("HEAD %s: body %q, length %d", path, body, answer.ContentLength)
			}
		}
	}
}

// TestNoRoute checks that a path without a route is unknown, whatever the method.
func TestNoRoute(t *testing.T) {
	server := serve(t, dev.DefaultLimits(), 8, echo)
	for _, path := range []string{
		"//", "/v1", "/v1/", "/v1/event", "/v1/events/", "//v1/events", "/v1//views", "/v1/views/", "/v1/views/a/",
		"/v1/views/a/b", "/v1/views/a%2Fb/c", "/v1/admin", "/v1/admin/views/a/b/c", "/V1/views", "/healthz", "/health/",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE"} {
			answer, body := ask(t, method, server.URL+path, "", nil)
			if answer.StatusCode != http.StatusNotFound || answer.Header.Get("Content-Type") != "application/problem+json" ||
				method != "HEAD" && !strings.Contains(body, `"no_such_route"`) {
				t.Errorf("%s %s: %s %s", method, path, answer.Status, body)
			}
		}
	}
	for path, view := range map[string]string{"/v1/views/a%2Fb": "a/b", "/v1/views/%C3%A4": "ä", "/v1/views/a+b": "a+b"} {
		if _, body := ask(t, "GET", server.URL+path, "", nil); !strings.HasSuffix(body, "map[view:"+view+"]") {
			t.Errorf("%s is answered with %q", path, body)
		}
	}
}

// TestEveryFunctionFailureIsAnswered checks that the client gets an answer, and never a success, whatever a function
// does.
func TestEveryFunctionFailureIsAnswered(t *testing.T) {
	returns := func(r response, err error) function {
		return func(context.Context, request) (response, error) { return r, err }
	}
	for name, f := range map[string]function{
		"an error":          returns(response{}, errors.New("lost")),
		"an error, and 200": returns(response{StatusCode: 200}, errors.New("lost")),
		"no status":         returns(response{}, nil),
		"status 99":         returns(response{StatusCode: 99}, nil),
		"status 100":        returns(response{StatusCode: 100}, nil),
		"status -1":         returns(response{StatusCode: -1}, nil),
		"status 999":        returns(response{StatusCode: 999}, nil),
		"no base64":         returns(response{StatusCode: 200, IsBase64Encoded: true, Body: "{"}, nil),
		"a panic":           func(context.Context, request) (response, error) { panic("at the disco") },
		"more than its time": func(ctx context.Context, _ request) (response, error) {
			<-ctx.Done()
			return response{}, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			limits := dev.DefaultLimits()
			limits.Run = 100 * time.Millisecond
			server := serve(t, limits, 1, f)
			for range 2 { // the slot is free again
				answer, body := ask(t, "GET", server.URL+"/v1/views", "", nil)
				if answer.StatusCode != 500 || !strings.Contains(body, `"internal"`) ||
					answer.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%s %s", answer.Status, body)
				}
			}
		})
	}
}

// TestAllSlotsTaken checks that a request that waits too long for a slot is told to try again, and that none waits for
// ever.
func TestAllSlotsTaken(t *testing.T) {
	limits := dev.DefaultLimits()
	limits.Run = 50 * time.Millisecond
	began, end := make(chan bool), make(chan bool)
	server := serve(t, limits, 1, func(context.Context, request) (response, error) {
		began <- true
		<-end
		return response{StatusCode: 200}, nil
	})
	done := make(chan int)
	go func() {
		answer, err := http.Get(server.URL + "/health")
		if err != nil {
			done <- 0
			return
		}
		_ = answer.Body.Close()
		done <- answer.StatusCode
	}()
	<-began
	answer, body := ask(t, "GET", server.URL+"/health", "", nil)
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" || !strings.Contains(body, `"unavailable"`) {
		t.Errorf("%s %s", answer.Status, body)
	}
	close(end)
	if status := <-done; status != 200 {
		t.Errorf("the request with the slot: %d", status)
	}
}

// TestGuard checks that a request with a foreign Host, or from a foreign page, is refused before anything else.
func TestGuard(t *testing.T) {
	s := settings(t, t.TempDir())
	s.Hosts = []string{"anabranch.test"}
	server, _ := open(t, s)
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, c := range []struct{ host, origin, code string }{
		{"", "", ""},
		{"127.0.0.1" + port, "", ""},
		{"localhost" + port, "http://localhost" + port, ""},
		{"LOCALHOST" + port, "", ""},
		{"[::1]" + port, "http://[::1]" + port, ""},
		{"192.168.1.7", "", ""},
		{"app.localhost", "", ""},
		{"anabranch", "", ""}, // a container's
		{"x", "", ""},
		{"anabranch.test:80", "", ""},
		{"evil.example", "", "foreign_host"},
		{"evil.example.", "", "foreign_host"},
		{"EVIL.example" + port, "", "foreign_host"},
		{"127.0.0.1.evil.example", "", "foreign_host"},
		{"localhost.evil.example", "", "foreign_host"},
		{"anabranch.test.evil.example", "", "foreign_host"},
		{"evil.example:1:2", "", "foreign_host"},
		{"evil.example", "http://evil.example", "foreign_host"},
		{"localhost" + port, "http://evil.example", "foreign_origin"},
		{"localhost" + port, "https://localhost:3000", "foreign_origin"},
		{"localhost" + port, "http://localhost", "foreign_origin"},
		{"localhost" + port, "http://127.0.0.1" + port, "foreign_origin"},
		{"localhost" + port, "null", "foreign_origin"},
		{"localhost" + port, "file://", "foreign_origin"},
		{"localhost" + port, "http://localhost" + port + ".evil.example", "foreign_origin"},
		{"localhost" + port, "http://localhost" + port + "@evil.example", "foreign_origin"},
	} {
		for _, asked := range []string{
			"GET /v1/views", "POST /v1/admin/views/traffic/rebuild", "POST /v1/events", "OPTIONS /v1/events", "GET /nothing",
		} {
			method, path, _ := strings.Cut(asked, " ")
			header := http.Header{"Host": {c.host}, "Content-Type": {"application/json"}}
			if c.origin != "" {
				header.Set("Origin", c.origin)
			}
			answer, body := ask(t, method, server.URL+path, "", header)
			refused := answer.StatusCode == http.StatusForbidden
			if refused != (c.code != "") || !strings.Contains(body, c.code) {
				t.Errorf("%s for host %q by %q: %s %s; want %q", asked, c.host, c.origin, answer.Status, body, c.code)
			}
		}
	}
}

// TestPages checks that pages of allowed origins may send events and query, but not use the operators' paths. Without
// allowed origins, no answer mentions any.
func TestPages(t *testing.T) {
	s := settings(t, t.TempDir())
	s.Origins = api.Origins{"https://shop.example"}
	server, _ := open(t, s)
	s.Origins, s.Dir = api.Origins{"*"}, t.TempDir()
	anyone, _ := open(t, s)
	s.Origins, s.Dir = nil, t.TempDir()
	nobody, _ := open(t, s)
	const shop, other = "https://shop.example", "https://other.example"
	for _, c := range []struct {
		url, asked, origin string
		status             int
		allowed            string
	}{
		{server.URL, "GET /v1/views", shop, 200, shop},
		{server.URL, "GET /v1/views/nothing", shop, 404, shop}, // a page may see why
		{server.URL, "PUT /v1/views", shop, 405, shop},
		{server.URL, "GET /health", shop, 200, shop},
		{server.URL, "POST /v1/events", shop, 415, shop},
		{server.URL, "OPTIONS /v1/events", shop, 204, shop},
		{server.URL, "OPTIONS /v1/views/traffic/query", shop, 204, shop},
		{server.URL, "GET /v1/views", "HTTPS://SHOP.example", 200, "HTTPS://SHOP.example"},
		{server.URL, "GET /v1/views", "", 200, ""},
		{server.URL, "GET /v1/views", other, 403, ""},
		{server.URL, "OPTIONS /v1/events", other, 403, ""},
		{server.URL, "OPTIONS /v1/admin/views", shop, 403, ""},
		{server.URL, "GET /v1/admin/views", shop, 403, ""},
		{server.URL, "POST /v1/admin/views/traffic/rebuild", shop, 403, ""},
		{server.URL, "GET /nothing", shop, 403, ""},
		{anyone.URL, "GET /v1/views", other, 200, other},
		{anyone.URL, "OPTIONS /v1/events", "null", 204, "null"},
		{anyone.URL, "POST /v1/admin/views/traffic/rebuild", other, 403, ""},
		{nobody.URL, "GET /v1/views", "", 200, ""},
		{nobody.URL, "OPTIONS /v1/events", "", 204, ""},
		{nobody.URL, "OPTIONS /v1/events", shop, 403, ""},
	} {
		method, path, _ := strings.Cut(c.asked, " ")
		header := http.Header{"Content-Type": {"application/json"}}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		answer, body := ask(t, method, c.url+path, "", header)
		name := c.asked + " by " + c.origin
		if answer.StatusCode != c.status || answer.Header.Get("Access-Control-Allow-Origin") != c.allowed {
			t.Errorf("%s: %s %s, allows %q; want %d, %q", name, answer.Status, body,
				answer.Header.Get("Access-Control-Allow-Origin"), c.status, c.allowed)
		}
		preflight := method == "OPTIONS" && c.allowed != ""
		if preflight != (answer.Header.Get("Access-Control-Max-Age") != "") {
			t.Errorf("%s: headers %v", name, answer.Header)
		}
		if c.url == nobody.URL && strings.Contains(answer.Header.Get("Vary"), "origin") ||
			c.allowed != "" && !preflight && answer.Header.Get("Vary") != "accept-encoding, origin" {
			t.Errorf("%s: headers %v", name, answer.Header)
		}
	}
}
