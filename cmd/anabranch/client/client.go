// Package client asks one Anabranch server over HTTP: it posts events, and reads views and answers.
//
// It is the outermost end of the flow, before ingest and after query. It knows the interface as any other client does: paths, media types
// and problem documents (RFC 9457). It knows no view, no archive and nothing that the server keeps.
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

// Client asks one server. The zero value asks nobody: every field but Key, Retrying and Finish must be set. It is safe for concurrent use.
type Client struct {
	Base   *url.URL     // as ParseURL gives it
	HTTP   *http.Client // must not follow redirects (see Transport): a redirected POST would lose its body
	Agent  string       // the User-Agent, for example "anabranch/v1.2.0"
	Key    Key          // sent with every request, to Base alone; "": none
	Retry  Retry
	Now    func() time.Time                                    // read when a Retry-After names a date
	Sleep  func(ctx context.Context, wait time.Duration) error // returns the error of ctx when that ends first
	Random func() float64                                      // in [0, 1): the jitter of waits

	// MaxAnswer bounds an answer, in bytes; a longer one is an error. It keeps an address that is no Anabranch server from filling memory.
	MaxAnswer int64

	// Deadline bounds one attempt, from its first byte to the last byte of its answer.
	Deadline func(context.Context) (context.Context, context.CancelFunc)

	// Finish lets an attempt that is under way when the context ends run on to its own deadline, so that events which the server did
	// take are counted. No further attempt follows.
	Finish bool

	// Retrying, if set, is told of each wait before another attempt.
	Retrying func(wait time.Duration, cause error)
}

// Retry bounds the attempts of one request.
type Retry struct {
	Attempts int           // at most this many in all, at least 1
	Base     time.Duration // the wait before the second attempt, doubled for each one after it
	Cap      time.Duration // the longest of these waits
	Longest  time.Duration // a Retry-After above this ends the attempts: it is neither shortened nor waited for
}

// GaveUp says that a request got no usable answer in all its attempts. Whether the server acted on it is unknown.
type GaveUp struct {
	Attempts int
	Cause    error // of the last attempt; a *Problem when the server did answer
}

func (e *GaveUp) Error() string {
	if e.Attempts == 1 {
		return fmt.Sprintf("gave up after 1 attempt: %v", e.Cause)
	}
	return fmt.Sprintf("gave up after %d attempts: %v", e.Attempts, e.Cause)
}

func (e *GaveUp) Unwrap() error { return e.Cause }

// ParseURL reads the address of a server, for example "http://127.0.0.1:8080" or "https://x.example/stage". A path is kept as a prefix.
func ParseURL(text string) (*url.URL, error) {
	const right = `write it as "http://127.0.0.1:8080"`
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
	}
	return u, nil
}

// Transport is an HTTP client that keeps up to conns connections open and hands redirects back as they are.
func Transport(conns int) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = conns
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Within is a Deadline: every attempt may take this long.
func Within(limit time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, limit)
	}
}

// Sleep waits on the wall clock; it is what Client.Sleep is outside tests.
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

// request is one request in a form that can be made again, byte for byte.
type request struct {
	method string
	url    string
	header http.Header
	body   []byte
}

// path is the address of a resource: segments are escaped, so that a view named "a/b" stays one segment.
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

// Knock asks for a path, "/v1/views", without a body, and gives what refused it: nil when it was answered with a 2xx. Errors: as do.
func (c *Client) Knock(ctx context.Context, method, path string) error {
	_, _, err := c.do(ctx, request{method: method, url: c.path(strings.Split(strings.TrimPrefix(path, "/"), "/")...)})
	return err
}

// do makes the request until it is answered for good, and says how many attempts were made.
//
// Errors: *Problem: the server refused it, trying again would not help. *GaveUp: no usable answer. Else the error of ctx.
func (c *Client) do(ctx context.Context, q request) (body []byte, attempts int, err error) {
	var cause error
	for attempts < c.Retry.Attempts {
		if err := ctx.Err(); err != nil {
			return nil, attempts, stopped(err, cause)
		}
		attempts++
		var answer reply
		if answer, cause = c.attempt(ctx, q); cause == nil {
			return answer.body, attempts, nil
		}
		if !transient(cause) {
			return nil, attempts, final(attempts, cause)
		}
		if err := ctx.Err(); err != nil {
			return nil, attempts, stopped(err, cause)
		}
		if attempts == c.Retry.Attempts {
			break
		}
		wait, ok := c.wait(attempts, answer.header)
		if !ok {
			return nil, attempts, &GaveUp{attempts, fmt.Errorf("%w; the server asks to wait %s", cause, answer.header.Get("Retry-After"))}
		}
		if err := c.pause(ctx, wait, cause); err != nil {
			return nil, attempts, stopped(err, cause)
		}
	}
	return nil, attempts, &GaveUp{attempts, cause}
}

func (c *Client) pause(ctx context.Context, wait time.Duration, cause error) error {
	if c.Retrying != nil {
		c.Retrying(wait, cause)
	}
	return c.Sleep(ctx, wait)
}

// final is the error for a cause that another attempt would not mend.
func final(attempts int, cause error) error {
	if problem := (*Problem)(nil); errors.As(cause, &problem) {
		return cause
	}
	return &GaveUp{attempts, cause}
}

// stopped says that ctx ended the attempts, and what the last one met.
func stopped(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w (the last attempt: %v)", err, cause)
}
