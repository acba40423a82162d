package awstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ErrLost is the SDK's error when the connection breaks before the answer: nobody knows whether the request was
// applied.
var ErrLost = errors.New("connection reset by peer")

// Request is a request as the service would have seen it.
type Request struct {
	*http.Request
	Body []byte
}

// Operation returns the operation of a service that speaks JSON, for example "PutItem".
func (r Request) Operation() string {
	target := r.Header.Get("X-Amz-Target")
	return target[strings.LastIndexByte(target, '.')+1:]
}

// JSON returns the body of a request to a service that speaks JSON.
func (r Request) JSON(t testing.TB) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(r.Body, &fields); err != nil {
		t.Fatalf("%s: body %q: %v", r.Operation(), r.Body, err)
	}
	return fields
}

// Answer is a service's answer. The zero Answer is a connection that breaks: ErrLost.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

// Date is the Date header of every answer of Wire that does not set its own.
const Date = "Sun, 22 Nov 2026 21:15:03 GMT"

// JSON returns a success of a service that speaks JSON.
func JSON(body string) Answer { return Answer{Status: http.StatusOK, Body: body} }

// Failure returns an error of a service that speaks JSON, for example "ProvisionedThroughputExceededException". more
// are further members of the body, each as `"name":value`.
func Failure(code string, more ...string) Answer {
	fields := append([]string{`"__type":"com.amazonaws.service.v1#` + code + `"`, `"message":"as the test requested"`}, more...)
	return Answer{Status: http.StatusBadRequest, Body: "{" + strings.Join(fields, ",") + "}"}
}

// Wire answers in place of a service, one answer per request in order, and records the requests. A request without an
// answer fails the test.
type Wire struct {
	t       testing.TB
	mu      sync.Mutex
	answers []Answer
	seen    []Request
}

// NewWire makes a Wire and the SDK's configuration for it. The test fails if answers are left at its end.
func NewWire(t testing.TB, answers ...Answer) (*Wire, aws.Config) {
	t.Helper()
	w := &Wire{t: t, answers: answers}
	t.Cleanup(func() {
		if n := len(w.Requests()); n != len(answers) {
			t.Errorf("%d requests were made, want %d", n, len(answers))
		}
	})
	cfg := Config("http://aws.test")
	cfg.HTTPClient = w
	return w, cfg
}

// Requests are the requests so far.
func (w *Wire) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// Do implements aws.HTTPClient.
func (w *Wire) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.seen)
	w.seen = append(w.seen, Request{Request: r, Body: body})
	if n >= len(w.answers) {
		w.t.Errorf("unexpected request %d: %s %s %s %.200s", n+1, r.Method, r.URL, r.Header.Get("X-Amz-Target"), body)
		return nil, context.Canceled // the SDK does not retry it
	}
	answer := w.answers[n]
	if answer.Status == 0 {
		return nil, ErrLost
	}
	return answer.response(r), nil
}

func (a Answer) response(r *http.Request) *http.Response {
	header := http.Header{"Date": {Date}}
	for name, value := range a.Header {
		header.Set(name, value)
	}
	return &http.Response{
		StatusCode: a.Status, Status: http.StatusText(a.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader([]byte(a.Body))), ContentLength: int64(len(a.Body)), Request: r,
	}
}
