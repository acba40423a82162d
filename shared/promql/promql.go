// Package promql answers PromQL questions about views, with the engine of Prometheus over package serving. It turns
// views into metrics (metrics.go) and rows into samples (samples.go), and it refuses what is too large (bounds.go).
//
// A metric is an aggregate of a view, and a series is one key of it. A window's sample stands at the window's end,
// because a range selector takes the samples in (t - range, t]: so sum_over_time(m[1d]) at midnight is the day. Values
// are float64 here; exact digits stay with GET /v1/views/{view}/query.
//
// Place in the flow: functions/prometheus turns requests into calls of an API. This package writes nothing.
//
// Source: docs/prometheus.md.
package promql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/anabranch/anabranch/shared/serving"
)

// API answers questions in PromQL. It is safe for concurrent use.
type API struct {
	serving *serving.Serving
	bounds  Bounds
	parser  parser.Parser
	engine  *promql.Engine
	log     *slog.Logger
}

// New returns an API over the views that s reads. It reads them within its own bounds, not within those of s.
// It logs why a view could not be read.
func New(s *serving.Serving, bounds Bounds, log *slog.Logger) *API {
	own := *s
	own.MaxKeys, own.MaxRows, own.MaxMerged = bounds.Series, bounds.Samples, bounds.Bytes
	p := parser.NewParser(parser.Options{})
	return &API{serving: &own, bounds: bounds, parser: p, log: log, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: bounds.Points, Timeout: bounds.Time, Parser: p, Logger: log,
		EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return subqueryStep.Milliseconds() },
	})}
}

// subqueryStep is the step of a subquery that names none, as in m[1h:]. Prometheus has the same.
const subqueryStep = time.Minute

// Question is an expression and the instants at which it is evaluated.
type Question struct {
	Expr       string
	Start, End time.Time     // first instant, and the last one at most; equal for one instant
	Step       time.Duration // between instants; 0: Start is the only instant
	LookBack   time.Duration // 0: the longest window of the metrics in Expr
}

// Answer is the value of an expression.
type Answer struct {
	Value           parser.Value // a Matrix where the question has a step
	Warnings, Infos []string
	query           promql.Query
}

// Close frees the memory of the value, which nobody may use any more.
func (a Answer) Close() { a.query.Close() }

// Errors of a question, beside *Refusal.
var (
	// ErrBadQuestion means that the expression, a matcher or a time is wrong. Do not retry.
	ErrBadQuestion = errors.New("bad question")
	// ErrRead means that a store failed, or that a view switched to another generation meanwhile. Retry.
	ErrRead = errors.New("read views")
)

// Ask evaluates an expression. The caller closes the answer.
//
// Errors: ErrBadQuestion, *Refusal: do not retry. ErrRead, and any other: retry.
func (a *API) Ask(ctx context.Context, q Question) (Answer, error) {
	expr, err := a.parse(q)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := a.bounds.limitTime(ctx)
	defer cancel()
	all, err := a.load(ctx)
	if err != nil {
		return Answer{}, a.bounds.explain(ctx, err)
	}
	if q.LookBack == 0 {
		q.LookBack = all.lookBack(expr)
	}
	query, err := a.newQuery(ctx, q, &queryable{
		API: a, all: all, clock: a.clockOf(q), lookBack: q.LookBack, read: map[string]serving.Result{},
	})
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrBadQuestion, err)
	}
	result := query.Exec(ctx)
	if result.Err != nil {
		query.Close()
		return Answer{}, a.bounds.explain(ctx, result.Err)
	}
	const most = 10 // of each, as Prometheus shows them
	warnings, infos := result.Warnings.AsStrings(q.Expr, most, most)
	return Answer{Value: result.Value, Warnings: warnings, Infos: infos, query: query}, nil
}

// parse reads an expression, and refuses one that is too large to be evaluated.
func (a *API) parse(q Question) (parser.Expr, error) {
	if err := a.bounds.checkQuestion(q); err != nil {
		return nil, err
	}
	expr, err := a.parser.ParseExpr(q.Expr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadQuestion, err)
	}
	if err := checkLabels(expr); err != nil {
		return nil, err
	}
	return expr, a.bounds.checkSubqueries(q, expr)
}

func (a *API) newQuery(ctx context.Context, q Question, from storage.Queryable) (promql.Query, error) {
	opts := promql.NewPrometheusQueryOpts(false, q.LookBack, nil)
	if q.Step == 0 {
		return a.engine.NewInstantQuery(ctx, from, opts, q.Expr, q.Start)
	}
	return a.engine.NewRangeQuery(ctx, from, opts, q.Expr, q.Start, q.End, q.Step)
}

// mostSkew is by how much a client's clock may be behind ours.
const mostSkew = 30 * time.Second

// clockOf returns what time it is for a question. Where its last instant is less than 30 s before now, that instant is
// now: clocks differ. Where it is less than a step before now, open windows stand there: clients round the end of a
// range down to a step. Without both, the open window would show in few answers.
func (a *API) clockOf(q Question) clock {
	now, last := a.serving.Now(), q.last()
	if behind := now.Sub(last); behind > 0 && behind < mostSkew {
		now = last
	}
	open := now
	if behind := now.Sub(last); behind > 0 && behind < q.Step {
		open = last
	}
	return clock{now.UnixMilli(), open.UnixMilli()}
}

// last returns the last instant.
func (q Question) last() time.Time {
	if q.Step == 0 {
		return q.Start
	}
	return q.Start.Add(q.End.Sub(q.Start).Truncate(q.Step))
}
