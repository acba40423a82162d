package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type reply struct {
	header http.Header // nil if there was no answer
	body   []byte
}

// attempt sends the request once. A nil error means a 2xx answer, read to its end; a *Problem means any other answer.
func (c *Client) attempt(ctx context.Context, q request) (reply, error) {
	if c.Finish {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := c.Deadline(ctx)
	defer cancel()
	asked, err := http.NewRequestWithContext(ctx, q.method, q.url, bytes.NewReader(q.body))
	if err != nil {
		return reply{}, err
	}
	for name, values := range q.header {
		asked.Header[name] = values
	}
	asked.Header.Set("User-Agent", c.Agent)
	if c.Key != "" {
		asked.Header.Set("Authorization", "Bearer "+string(c.Key))
	}
	answer, err := c.HTTP.Do(asked)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.MaxAnswer+1))
	switch {
	case err != nil:
		return reply{}, fmt.Errorf("%s %s: read answer: %w", q.method, asked.URL.Redacted(), err)
	case int64(len(body)) > c.MaxAnswer:
		return reply{}, &oversize{q.method + " " + asked.URL.Redacted(), c.MaxAnswer}
	case answer.StatusCode/100 == 2:
		return reply{answer.Header, body}, nil
	}
	return reply{header: answer.Header}, c.Key.hide(problem(answer, body))
}

// oversize is the error for an answer larger than MaxAnswer.
type oversize struct {
	request string
	most    int64
}

func (e *oversize) Error() string {
	return fmt.Sprintf(
		"%s: the answer exceeds the maximum of %d bytes; narrow the query with --from and --to",
		e.request,
		e.most,
	)
}

// transient says whether the same request may succeed later.
func transient(err error) bool {
	var (
		refused  *Problem
		tooLarge *oversize
		untrue   *tls.CertificateVerificationError
		name     *net.DNSError
	)
	switch {
	case errors.As(err, &refused):
		return refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusRequestTimeout ||
			refused.Status >= 500
	case errors.As(err, &tooLarge), errors.As(err, &untrue):
		return false
	case errors.As(err, &name):
		return !name.IsNotFound
	}
	return true
}

// wait returns the time between attempt n (1 for the first) and the next; false if the server asks for more than
// Retry.Longest.
//
// Without a Retry-After it lies in [d/2, d), where d doubles from Base up to Cap. With one it lasts that long plus up
// to Base, so that clients which were refused together do not return together.
func (c *Client) wait(n int, answer http.Header) (time.Duration, bool) {
	asked, given := c.retryAfter(answer.Get("Retry-After"))
	if given {
		return asked + c.part(c.Retry.Base), asked <= c.Retry.Longest
	}
	d := c.Retry.Base
	for ; n > 1 && d < c.Retry.Cap; n-- {
		d *= 2
	}
	d = min(d, c.Retry.Cap)
	return d/2 + c.part(d/2), true
}

func (c *Client) part(d time.Duration) time.Duration { return time.Duration(c.Random() * float64(d)) }

// retryAfter reads the header of RFC 9110, 10.2.3: whole seconds, or a date. It ignores any other value.
func (c *Client) retryAfter(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(math.MaxInt64/time.Second/2))) * time.Second, true
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(c.Now())), true
}
