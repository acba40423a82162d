// Package client talks to one Anabranch server over HTTP: it posts events, and reads views and answers.
//
// It stands at both ends of the flow: before ingest and after query. Like any other client, it knows only the
// interface: paths, media types and problem documents (RFC 9457). It knows nothing about the archive or the stores.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client talks to one server. Every field but Key, Retrying and Finish must be set. It is safe for concurrent use.
type Client struct {
	Base   *url.URL     // a URL from ParseURL
	HTTP   *http.Client // must not follow redirects (see Transport): a redirected POST would lose its body
	Agent  string       // the User-Agent, for example "anabranch/v1.2.0"
	Key    Key          // sent with every request, only to Base; "" sends none
	Retry  Retry
	Now    func() time.Time                                    // used when a Retry-After names a date
	Sleep  func(ctx context.Context, wait time.Duration) error // returns the error of ctx if that ends first
	Random func() float64                                      // in [0, 1); the jitter of waits

	// MaxAnswer is the maximum size of an answer in bytes; a longer one is an error. It keeps a URL that is no Anabranch
	// server from filling memory.
	MaxAnswer int64

	// Deadline bounds one attempt, from its first byte to the last byte of its answer.
	Deadline func(context.Context) (context.Context, context.CancelFunc)

	// Finish lets an attempt that is open when the context ends run until its own deadline, so that the client still
	// learns which events the server took. No further attempt follows.
	Finish bool

	// Retrying, if set, is called before each wait for another attempt.
	Retrying func(wait time.Duration, cause error)
}

// Retry bounds the attempts of one request.
type Retry struct {
	Attempts int           // maximum number of attempts, at least 1
	Base     time.Duration // wait before the second attempt; it doubles for each further one
	Cap      time.Duration // maximum of these waits
	Longest  time.Duration // maximum Retry-After; a longer one ends the attempts
}

// GaveUp says that no attempt got a usable answer. The server may or may not have acted on the request.
type GaveUp struct {
	Attempts int
	Cause    error // error of the last attempt; a *Problem if the server answered
}

func (e *GaveUp) Error() string {
	if e.Attempts == 1 {
		return fmt.Sprintf("gave up after 1 attempt: %v", e.Cause)
	}
	return fmt.Sprintf("gave up after %d attempts: %v", e.Attempts, e.Cause)
}

func (e *GaveUp) Unwrap() error { return e.Cause }

// ParseURL reads the URL of a server, for example "http://127.0.0.1:8080" or "https://x.example/stage". It keeps a path
// as a prefix.
func ParseURL(text string) (*url.URL, error) {
	right := `write it as "http://127.0.0.1:8080"`
	if text != "" && !strings.Contains(text, "/") {
		right = fmt.Sprintf(`write it as "http://%s" or "https://%[1]s"`, text)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is not a URL; %s", text, right)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q does not start with http:// or https://; %s", text, right)
	case u.Host == "":
		return nil, fmt.Errorf("%q names no host; %s", text, right)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q has a query or a fragment; %s", text, right)
	case strings.Contains(u.Path+"/", "/v1/"):
		server, _, _ := strings.Cut(text, "/v1")
		return nil, fmt.Errorf("%q is the URL of a route; write that of the server: %q", text, server)
	}
	return u, nil
}

// defaults is how net/http connects by itself. It is copied at the start: tests replace http.DefaultTransport.
var defaults = http.DefaultTransport.(*http.Transport).Clone()

// Transport returns an HTTP client that keeps up to conns connections open and returns redirects instead of following
// them.
func Transport(conns int) *http.Client {
	transport := defaults.Clone()
	transport.MaxIdleConnsPerHost = conns
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Within returns a Deadline that gives every attempt this long.
func Within(limit time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, limit)
	}
}

// Sleep waits on the wall clock. It is the Client.Sleep of every client outside tests.
func Sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// request is one request that can be repeated byte for byte.
type request struct {
	method string
	url    string
	header http.Header
	body   []byte
}

// path returns the URL of a resource. It escapes the segments, so a view named "a/b" stays one segment.
func (c *Client) path(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, segment := range segments {
		escaped[i] = url.PathEscape(segment)
	}
	base := *c.Base
	base.RawPath, base.Path = "", ""
	prefix := strings.TrimSuffix(c.Base.EscapedPath(), "/")
	return base.String() + prefix + "/" + strings.Join(escaped, "/")
}

// Knock sends a request without a body to a path such as "/v1/views". It returns nil for a 2xx, else the error. Errors:
// as do.
func (c *Client) Knock(ctx context.Context, method, path string) error {
	_, _, err := c.do(ctx, request{method: method, url: c.path(strings.Split(strings.TrimPrefix(path, "/"), "/")...)})
	return err
}

// do repeats the request until it has a final answer. It returns the answer and the number of attempts.
//
// Errors: *Problem: the server refused it; do not retry. *GaveUp: no usable answer; you may retry. Else the error of
// ctx.
func (c *Client) do(ctx context.Context, q request) (answer reply, attempts int, err error) {
	var cause error
	for attempts < c.Retry.Attempts {
		if err := ctx.Err(); err != nil {
			return answer, attempts, stopped(err, cause)
		}
		attempts++
		if answer, cause = c.attempt(ctx, q); cause == nil {
			return answer, attempts, nil
		}
		if !transient(cause) {
			return answer, attempts, final(attempts, cause)
		}
		if err := ctx.Err(); err != nil {
			return answer, attempts, stopped(err, cause)
		}
		if attempts == c.Retry.Attempts {
			break
		}
		wait, ok := c.wait(attempts, answer.header)
		if !ok {
			return answer, attempts, &GaveUp{
				attempts,
				fmt.Errorf("%w; the server asks to wait %s", cause, answer.header.Get("Retry-After")),
			}
		}
		if err := c.pause(ctx, wait, cause); err != nil {
			return answer, attempts, stopped(err, cause)
		}
	}
	return answer, attempts, &GaveUp{attempts, cause}
}

func (c *Client) pause(ctx context.Context, wait time.Duration, cause error) error {
	if c.Retrying != nil {
		c.Retrying(wait, cause)
	}
	return c.Sleep(ctx, wait)
}

// final returns the error for a cause that no further attempt can mend.
func final(attempts int, cause error) error {
	if problem := (*Problem)(nil); errors.As(cause, &problem) {
		return cause
	}
	return &GaveUp{attempts, cause}
}

// stopped returns the error of ctx, with the error of the last attempt.
func stopped(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w (the last attempt: %v)", err, cause)
}
