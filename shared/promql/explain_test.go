package promql

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// TestExplain checks which errors of the engine are the question's.
func TestExplain(t *testing.T) {
	panicked := func() (err error) {
		defer func() { err = recover().(runtime.Error) }()
		var none []int
		return fmt.Errorf("%d", none[len(none)])
	}()
	for _, c := range []struct {
		err       error
		isRefusal bool
	}{
		{errors.New("found duplicate series for the match group"), true}, {promql.ErrTooManySamples("x"), true},
		{promql.ErrQueryTimeout("x"), false}, {fmt.Errorf("expanding series: %w", refuse("too many")), true},
		{fmt.Errorf("expanding series: %w", fmt.Errorf("%w: down", ErrRead)), false},
		{fmt.Errorf("%w: one call: %w", ErrRead, context.DeadlineExceeded), false}, {promql.ErrQueryCanceled("x"), false},
		{promql.ErrStorage{Err: errors.New("down")}, false}, {fmt.Errorf("unexpected error: %w", panicked), false},
	} {
		var refusal *Refusal
		if err := (Bounds{}).explain(t.Context(), c.err); err == nil || errors.As(err, &refusal) != c.isRefusal {
			t.Errorf("%v becomes %v; want a refusal: %v", c.err, err, c.isRefusal)
		}
	}
	ctx, cancel := Bounds{Time: time.Nanosecond}.limitTime(t.Context())
	defer cancel()
	<-ctx.Done()
	var refusal *Refusal
	if err := (Bounds{}).explain(ctx, promql.ErrQueryTimeout("x")); !errors.As(err, &refusal) {
		t.Errorf("a late question: %v", err)
	}
}
