// Package smoke checks a running deployment from outside, end to end: which requests it lets in, whether it accepts and
// rejects events correctly, and whether the views answer with fresh and correct counts.
//
// It is an ordinary HTTP client: it knows no setting of the server and nothing that the server stores. It reports what
// it cannot check as skipped. Each run leaves some hundred events behind, under a source, keys and an hour of event
// time of their own.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// Smoke is one run of all checks. Every field but MaxLag must be set.
type Smoke struct {
	Server *client.Client // a client with the user's key, if any
	Bare   *client.Client // a client without a key
	Wrong  *client.Client // a client with a key that was never issued

	Run      ulid.ULID     // the run's id; it is part of all names and selects the hour of the events
	For      time.Duration // maximum duration of the run
	MaxLag   time.Duration // maximum lag of batch; 0 relies on the server's own warning
	Now      func() time.Time
	Sleep    func(ctx context.Context, wait time.Duration) error // returns the error of ctx if that ends first
	Progress func(check string)                                  // called before each check
}

// Result is the outcome of a check.
type Result string

// The results.
const (
	OK      Result = "ok"
	Failed  Result = "failed"
	Skipped Result = "skipped" // not checked; the detail says why
)

// Check is one check and its outcome.
type Check struct {
	Name    string  `json:"name"` // "wrong key", "live page_views"
	Result  Result  `json:"result"`
	Seconds float64 `json:"seconds"` // duration of the check
	Detail  string  `json:"detail"`  // the finding, for people
}

// maxViews is the maximum number of views that a run queries, so that the number of requests is bounded.
const maxViews = 10

// skip is an error that says why a check was skipped.
type skip string

func (s skip) Error() string { return string(s) }

// run is the state of one run.
type run struct {
	*Smoke
	began  time.Time
	checks []Check
	open   bool // the server requires no key
	views  []client.View
	fed    []fed // the views that this run can feed
	load   load
	lags   []lag // one for each view that answered
}

// lag is the age of an answer's horizon, with the server's warnings.
type lag struct {
	view     string
	seconds  string
	warnings []string
}

// Do makes all checks, in order. An error fails its check, and Do skips the checks that depend on it.
func (s *Smoke) Do(ctx context.Context) []Check {
	r := &run{Smoke: s, began: s.Now()}
	r.check(ctx, "no key", r.noKey)
	r.check(ctx, "wrong key", r.wrongKey)
	if !r.check(ctx, "views", r.list) {
		return r.checks
	}
	r.check(ctx, "describe", r.describe)
	r.check(ctx, "query", r.query)
	r.check(ctx, "horizon", r.horizon)
	r.prepare(ctx)
	r.sendAll(ctx)
	return r.checks
}

// check makes one check and records its result. It returns whether the check passed.
func (r *run) check(ctx context.Context, name string, do func(context.Context) (string, error)) bool {
	r.Progress(name)
	began := r.Now()
	detail, err := do(ctx)
	return r.keep(name, r.Now().Sub(began), detail, err)
}

func (r *run) keep(name string, took time.Duration, detail string, err error) bool {
	c := Check{Name: name, Result: OK, Seconds: float64(took.Milliseconds()) / 1000, Detail: detail}
	var skipped skip
	switch {
	case errors.As(err, &skipped):
		c.Result, c.Detail = Skipped, err.Error()
	case err != nil:
		c.Result, c.Detail = Failed, r.explain(err)
	}
	r.checks = append(r.checks, c)
	return err == nil
}

// explain adds to an error what the user can do about it.
func (r *run) explain(err error) string {
	var problem *client.Problem
	hint := ""
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized && r.Server.Key == "":
		hint = "this server requires a key: set --key or ANABRANCH_KEY; "
	case errors.As(err, &problem) && (problem.Status == http.StatusForbidden || problem.Status == http.StatusUnauthorized):
		hint = "this key does not permit that: smoke requires the admin key; "
	case building(err):
		hint = "a new view answers once batch has built it, within minutes: try again, or allow more time with --for 10m; "
	case errors.Is(err, context.DeadlineExceeded):
		hint = fmt.Sprintf("no answer within the run's %s; ", r.For)
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return hint + err.Error()
}

// left says whether the run has time for a wait.
func (r *run) left(ctx context.Context, wait time.Duration) bool {
	return ctx.Err() == nil && r.Now().Sub(r.began)+wait < r.For
}
