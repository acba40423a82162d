// Package sdk configures the AWS SDK alike for every adapter: region, credentials and endpoint from the environment, and retries that are
// bounded in number, in delay, and by the time that the caller's context has left.
//
// It knows no service and no contract. Functions call Config once, at cold start, and make their clients from it. No code knows an emulator:
// the SDK reads AWS_ENDPOINT_URL.
package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// ErrNoTime: a call failed in a way that another attempt might mend, but the context ends before one could be made.
var ErrNoTime = errors.New("no time left for another attempt")

const (
	firstDelay  = 25 * time.Millisecond // longest wait before the second attempt; it doubles with each further one
	connections = 100                   // kept open to one host: as many as a layer's runner may use at once
)

// Settings of calls.
type Settings struct {
	Attempts int           // of one call, the first included; at least 1. More hide short troubles, and hold back the caller's own answer to long ones
	Attempt  time.Duration // the longest that one attempt may take, from connecting to the last byte; 0: as long as the context
	Delay    time.Duration // the longest wait between two attempts
}

// Config reads the SDK's configuration from the environment of the function.
//
// Errors: settings that do not do, no region, or a configuration that cannot be read. It makes no request.
func Config(ctx context.Context, s Settings) (aws.Config, error) {
	if s.Attempts < 1 || s.Attempt < 0 || s.Delay < 0 {
		return aws.Config{}, fmt.Errorf("SDK settings %+v: need at least 1 attempt and no negative time", s)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(s.transport()), config.WithRetryer(s.Retryer))
	if err != nil {
		return aws.Config{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("no AWS region: AWS_REGION must name one")
	}
	cfg.HTTPClient = plainBodies{cfg.HTTPClient} // only now: AWS_CA_BUNDLE goes into an HTTP client of the SDK's own kind
	return cfg, nil
}

// HTTPClient is an HTTP client as in Config, for a configuration that is not read from the environment.
func (s Settings) HTTPClient() aws.HTTPClient { return plainBodies{s.transport()} }

// transport keeps the connections that all clients of a function share.
func (s Settings) transport() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(s.Attempt).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = connections
	})
}

// plainBodies keeps net/http from asking a request's body to write itself. The SDK closes that body as soon as the answer has begun, when net/http
// may still be about to look whether it has more to give; a closed body says io.EOF then, by Read as it should, but also by WriteTo, where it is an
// error. net/http gives the connection up for it, and the answer to a request that was done is lost.
//
// Source: smithy-go v1.28.8, transport/http/internal/io, safeWriteToReadCloser; net/http, transferWriter.writeBody.
type plainBodies struct{ client aws.HTTPClient }

func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.client.Do(r)
}

// Retryer is the policy of one client: the SDK's standard one as to what may be tried again and how often over all calls, with these settings'
// bounds.
func (s Settings) Retryer() aws.Retryer {
	return &retryer{longest: s.Delay, RetryerV2: retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = s.Attempts
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(endsEarly))
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return delay(attempt, s.Delay), nil })
	})}
}

// endsEarly: an answer that was cut short is tried again, which the SDK does not do by itself. Whether the call was applied nobody knows, as with any
// answer that is lost.
func endsEarly(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// delay is a random wait after the attempt with the given number, from 1: by chance alone, so that callers who failed together do not come back
// together.
//
// Source: AWS Architecture Blog, Exponential Backoff and Jitter ("full jitter").
func delay(attempt int, most time.Duration) time.Duration {
	bound := firstDelay << min(max(attempt-1, 0), 20)
	if bound = min(bound, most); bound <= 0 {
		return 0
	}
	return rand.N(bound)
}

// retryer refuses to wait for an attempt that the context would end.
type retryer struct {
	aws.RetryerV2
	longest time.Duration
}

// GetRetryToken is asked before the wait, so it has to allow for the longest.
func (r *retryer) GetRetryToken(ctx context.Context, failed error) (func(error) error, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left <= r.longest {
			return nil, fmt.Errorf("%w: %s left, and the wait may take %s", ErrNoTime, left.Round(time.Millisecond), r.longest)
		}
	}
	return r.RetryerV2.GetRetryToken(ctx, failed)
}
