package budget_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/shared/budget"
)

func TestShort(t *testing.T) {
	start := time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), start.Add(time.Hour))
	defer cancel()
	for after, want := range map[time.Duration]bool{0: false, 30 * time.Minute: false, 30*time.Minute + 1: true,
		time.Hour: true, 2 * time.Hour: true} {
		if got := budget.Short(ctx, start, start.Add(after)); got != want {
			t.Errorf("%s into an hour: %t", after, got)
		}
	}
	if budget.Short(t.Context(), start, start.Add(1000*time.Hour)) {
		t.Error("without a deadline")
	}
}

func TestReserve(t *testing.T) {
	end := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	kept, stop := budget.Reserve(ctx, 5*time.Second)
	defer stop()
	if deadline, ok := kept.Deadline(); !ok || !deadline.Equal(end.Add(-5*time.Second)) {
		t.Errorf("deadline %s, %v; want 5 s before %s", deadline, ok, end)
	}
	free, stop := budget.Reserve(context.Background(), 5*time.Second)
	if _, ok := free.Deadline(); ok || free.Err() != nil {
		t.Error("a context without a deadline has one")
	}
	if stop(); free.Err() == nil {
		t.Error("cancelling does not end the context")
	}
}

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		time.Sleep(20 * time.Minute) // of the bubble's clock
		share, stop := budget.Share(ctx, 4)
		defer stop()
		if deadline, ok := share.Deadline(); !ok || !deadline.Equal(time.Now().Add(10*time.Minute)) {
			t.Errorf("a quarter of 40 minutes ends at %s, %v, want 10 minutes after %s", deadline, ok, time.Now())
		}
		<-share.Done()
		if ctx.Err() != nil {
			t.Error("the share has ended, and the whole with it")
		}
	})
	free, stop := budget.Share(context.Background(), 4)
	if _, ok := free.Deadline(); ok || free.Err() != nil {
		t.Error("a context without a deadline has one")
	}
	if stop(); free.Err() == nil {
		t.Error("cancelling does not end the context")
	}
}
