// Package sdk configures the AWS SDK in the same way for every adapter. Region, credentials and endpoint come from the
// environment. Retries are bounded in number, in delay, and by the deadline of the caller's context.
//
// It knows no service and no contract. Functions call Config once, at cold start, and make their clients from the
// result. No code knows an emulator: the SDK reads AWS_ENDPOINT_URL.
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

// ErrNoTime means that a call failed and could be retried, but that the context ends before another attempt.
var ErrNoTime = errors.New("no time left for another attempt")

const (
	// Longest wait before the second attempt; it doubles with each further attempt.
	firstDelay  = 25 * time.Millisecond
	connections = 100 // open connections to one host: as many as a layer's runner may use in parallel
)

// Settings are the limits of SDK calls.
type Settings struct {
	// Maximum attempts per call, including the first; at least 1. More attempts hide short failures, but delay the
	// caller's own answer to long ones.
	Attempts int
	// Maximum duration of one attempt, from connecting to the last byte; 0: as long as the context.
	Attempt time.Duration
	Delay   time.Duration // the longest wait between two attempts
}

// Config reads the SDK's configuration from the environment of the function. It makes no request.
//
// Errors: invalid settings, no region, or an unreadable configuration. Not retryable.
func Config(ctx context.Context, s Settings) (aws.Config, error) {
	if s.Attempts < 1 || s.Attempt < 0 || s.Delay < 0 {
		return aws.Config{}, fmt.Errorf("invalid SDK settings %+v: must have at least 1 attempt and no negative time", s)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(s.transport()), config.WithRetryer(s.Retryer))
	if err != nil {
		return aws.Config{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("no AWS region: AWS_REGION must be set")
	}
	cfg.HTTPClient = plainBodies{cfg.HTTPClient} // only now: the SDK adds AWS_CA_BUNDLE only to its own kind of client
	return cfg, nil
}

// HTTPClient returns an HTTP client as in Config, for a configuration that does not come from the environment.
func (s Settings) HTTPClient() aws.HTTPClient { return plainBodies{s.transport()} }

// transport returns the client that holds the connections of all of a function's clients.
func (s Settings) transport() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(s.Attempt).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = connections
	})
}

// plainBodies keeps net/http from asking a request's body to write itself. The SDK closes that body as soon as the
// answer has begun, when net/http may still be about to look whether it has more to give; a closed body says io.EOF
// then, by Read as it should, but also by WriteTo, where it is an error. net/http gives the connection up for it, and
// the answer to a request that was done is lost.
//
// Source: smithy-go v1.28.8, transport/http/internal/io, safeWriteToReadCloser; net/http, transferWriter.writeBody.
type plainBodies struct{ client aws.HTTPClient }

func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.client.Do(r)
}

// Retryer returns the retry policy of one client. The SDK's standard policy decides what may be retried and how often
// over all calls; these settings add their limits.
func (s Settings) Retryer() aws.Retryer {
	return &retryer{longest: s.Delay, RetryerV2: retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = s.Attempts
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(endsEarly))
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return delay(attempt, s.Delay), nil
		})
	})}
}

// endsEarly makes an answer that was cut short retryable, which the SDK does not do by itself. As with any lost answer,
// nobody knows whether the call was applied.
func endsEarly(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// delay returns a random wait after the attempt with the given number, from 1. The wait is entirely random, so that
// callers that failed together do not retry together.
//
// Source: AWS Architecture Blog, Exponential Backoff and Jitter ("full jitter").
func delay(attempt int, most time.Duration) time.Duration {
	bound := firstDelay << min(max(attempt-1, 0), 20)
	if bound = min(bound, most); bound <= 0 {
		return 0
	}
	return rand.N(bound)
}

// retryer refuses to wait for an attempt that the context would cut off.
type retryer struct {
	aws.RetryerV2
	longest time.Duration
}

// GetRetryToken is called before the wait is known, so it assumes the longest one.
func (r *retryer) GetRetryToken(ctx context.Context, failed error) (func(error) error, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left <= r.longest {
			return nil, fmt.Errorf("%w: %s left, and the wait may take %s", ErrNoTime, left.Round(time.Millisecond), r.longest)
		}
	}
	return r.RetryerV2.GetRetryToken(ctx, failed)
}
