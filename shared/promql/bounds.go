package promql

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anabranch/anabranch/shared/setting"
)

// Bounds are the limits of one question. All are above 0.
type Bounds struct {
	Series  int           // series of one selector, and keys of a view that a selector reads
	Samples int           // samples that all selectors of a question read
	Bytes   int           // memory of the states, the series and the samples that all selectors of a question read
	Points  int           // samples in memory at one time, while the engine evaluates
	Steps   int           // instants of a question or of a subquery
	Text    int           // bytes of an expression or of a matcher
	Time    time.Duration // of the evaluation
}

// BoundsOf returns the limits that follow from settings. Steps is that of Prometheus.
func BoundsOf(s setting.All) Bounds {
	const perRow = 10 // samples for each row of an answer: they are small
	return Bounds{
		Series: s.MaxKeys, Samples: perRow * s.MaxRows, Bytes: s.MaxMerged, Points: 5_000_000, Steps: 11_000,
		Text: 16 << 10, Time: 20 * time.Second,
	}
}

// Refusal is the error for a question that cannot be answered: it exceeds a limit, or its expression fails on the data,
// for example because two series have the same labels. Its text says which. Do not retry; change the question.
type Refusal struct{ Detail string }

func (r *Refusal) Error() string { return r.Detail }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// explain turns errors of the engine about its limits, and about the expression, into refusals. It passes on others:
// those of the storage, of a question that was canceled, and a panic inside the engine.
// ctx is the question's: see limitTime.
func (b Bounds) explain(ctx context.Context, err error) error {
	var samples promql.ErrTooManySamples
	var late promql.ErrQueryTimeout
	var refusal *Refusal
	var canceled promql.ErrQueryCanceled
	var storage promql.ErrStorage
	var panicked runtime.Error
	switch {
	case errors.As(err, &refusal):
		return refusal // without what the engine says around it
	case errors.As(err, &samples):
		return refuse("the query needs more than %d samples in memory, the maximum; choose fewer series with labels, a "+
			"shorter range or a longer step", b.Points)
	case isLate(ctx):
		return refuse("the query takes longer than %s, the maximum; choose fewer series with labels, a shorter range or a "+
			"longer step", b.Time)
	case errors.Is(err, ErrRead), errors.As(err, &late), errors.As(err, &canceled), errors.As(err, &storage),
		errors.As(err, &panicked):
		return err
	}
	return refuse("%s", err)
}

// explainList turns the error of a list that took longer than its bound into a refusal. ctx is the list's.
func (b Bounds) explainList(ctx context.Context, err error) error {
	if err != nil && isLate(ctx) {
		return refuse("the list takes longer than %s, the maximum; narrow match[] or write fewer selectors", b.Time)
	}
	return err
}

// limitTime returns a context that ends after the time of a question.
func (b Bounds) limitTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, b.Time, errLate)
}

var errLate = errors.New("the question takes too long")

// isLate reports whether a context of limitTime has ended for its own time. A call of a store may exceed a shorter one,
// and a caller may give up: both are no fault of the question.
func isLate(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errLate) }

// mostSelectors is the maximum number of different selectors of a list. Each may list the keys of all views.
const mostSelectors = 20

// checkQuestion refuses what can be refused before the expression is read. Errors: ErrBadQuestion, *Refusal.
func (b Bounds) checkQuestion(q Question) error {
	if err := b.checkText(q.Expr); err != nil {
		return err
	}
	switch {
	case q.Step < 0 || q.Step > 0 && q.Step < time.Millisecond:
		return fmt.Errorf("%w: invalid step %s: must be at least 1ms", ErrBadQuestion, q.Step)
	case q.End.Before(q.Start):
		return fmt.Errorf("%w: end %s is before start %s", ErrBadQuestion, q.End.UTC().Format(time.RFC3339),
			q.Start.UTC().Format(time.RFC3339))
	case q.Step > 0 && q.End.Sub(q.Start)/q.Step >= time.Duration(b.Steps):
		return refuse("the query has more than %d steps, the maximum; ask for a shorter range or a longer step", b.Steps)
	}
	return nil
}

// checkSubqueries refuses subqueries that are evaluated too often. The engine evaluates a subquery over the range of
// the question and its own range, including those of the subqueries around it.
func (b Bounds) checkSubqueries(q Question, expr parser.Expr) error {
	var refused error
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		inner, ok := node.(*parser.SubqueryExpr)
		if !ok || refused != nil {
			return nil
		}
		covered := q.End.Sub(q.Start) + inner.Range
		for _, around := range path {
			if outer, ok := around.(*parser.SubqueryExpr); ok {
				covered += outer.Range
			}
		}
		step := inner.Step
		if step == 0 {
			step = subqueryStep
		}
		if covered < 0 || covered/step >= time.Duration(b.Steps) {
			refused = refuse("the subquery %s has more than %d steps, the maximum; ask for a shorter range or a longer step",
				inner, b.Steps)
		}
		return nil
	})
	return refused
}

// keysAt returns the maximum number of keys that a selector reads for a number of steps: each is a series at least.
func (b Bounds) keysAt(steps int64) int {
	return max(1, min(b.Series, int(int64(b.Points)/max(1, steps))))
}

// checkSteps refuses a selector that becomes too many samples in memory: one for each series and step.
func (b Bounds) checkSteps(metric string, series int, steps int64) error {
	if series > b.Series {
		return refuse("%s has more than %d series, the maximum of a selector; choose fewer with labels", metric, b.Series)
	}
	if int64(series)*steps > int64(b.Points) {
		return refuse("%s has %d series at %d steps; the maximum of both multiplied is %d; choose fewer series with labels, "+
			"a shorter range or a longer step", metric, series, steps, b.Points)
	}
	return nil
}
