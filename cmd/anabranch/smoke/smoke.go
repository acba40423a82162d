// Package smoke checks a running deployment from outside, end to end: who is let in, what becomes of events, and whether the views answer, freshly
// and with the right counts.
//
// It is a client as any other and knows HTTP only: no setting of the server, nothing that it keeps. What it cannot know or feed it says it has not
// checked. It leaves some hundred events behind, under a source, keys and an hour of event time that are its own.
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

// Smoke is one run of all checks. All fields are needed but MaxLag.
type Smoke struct {
	Server *client.Client // with the key, if there is one
	Bare   *client.Client // without
	Wrong  *client.Client // with a key that nobody has given out

	Run      ulid.ULID     // names what this run sends, and draws its hour
	For      time.Duration // the run gives up waiting for answers after this time
	MaxLag   time.Duration // batch may be this far behind; 0: as far as the server itself finds no cause to warn
	Now      func() time.Time
	Sleep    func(ctx context.Context, wait time.Duration) error // returns the error of ctx when that ends first
	Progress func(check string)                                  // told what is checked next
}

// Result is how a check came out.
type Result string

// The results.
const (
	OK      Result = "ok"
	Failed  Result = "failed"
	Skipped Result = "skipped" // not checked; the detail says why
)

// Check is one thing that was looked at.
type Check struct {
	Name    string  `json:"name"` // "wrong key", "live page_views"
	Result  Result  `json:"result"`
	Seconds float64 `json:"seconds"` // that it took
	Detail  string  `json:"detail"`  // what was found, for people
}

// maxViews is how many views are asked, at most, so that the number of requests is bounded.
const maxViews = 10

// skip is an error that says why a check was not made.
type skip string

func (s skip) Error() string { return string(s) }

// run is the state of one run.
type run struct {
	*Smoke
	began  time.Time
	checks []Check
	open   bool // the server lets everybody in
	views  []client.View
	fed    []fed // those of the views that this run can feed
	load   load
	lags   []lag // of the views that answered
}

// lag is how old an answer's horizon is, and what the server says to that.
type lag struct {
	view     string
	seconds  string
	warnings []string
}

// Do makes all checks, in order. Whatever goes wrong is a failed check; what depends on it is not made.
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

// check makes one check and keeps what came of it.
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

// explain adds to an error what to do about it, where that is known.
func (r *run) explain(err error) string {
	var problem *client.Problem
	hint := ""
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized && r.Server.Key == "":
		hint = "this server wants a key: --key or ANABRANCH_KEY; "
	case errors.As(err, &problem) && (problem.Status == http.StatusForbidden || problem.Status == http.StatusUnauthorized):
		hint = "the key is not good for that, the admin key is wanted; "
	case building(err):
		hint = "a new view answers when batch has built it, within minutes: come again, or give this run longer, as --for 10m; "
	case errors.Is(err, context.DeadlineExceeded):
		hint = fmt.Sprintf("no answer within the %s of this run; ", r.For)
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return hint + err.Error()
}

// left says whether there is time for a wait.
func (r *run) left(ctx context.Context, wait time.Duration) bool {
	return ctx.Err() == nil && r.Now().Sub(r.began)+wait < r.For
}
