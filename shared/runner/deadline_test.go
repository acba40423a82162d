package runner_test

import (
	"context"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/runner"
)

func TestShort(t *testing.T) {
	start := time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), start.Add(time.Hour))
	defer cancel()
	for after, want := range map[time.Duration]bool{0: false, 30 * time.Minute: false, 30*time.Minute + 1: true, time.Hour: true, 2 * time.Hour: true} {
		if got := runner.Short(ctx, start, start.Add(after)); got != want {
			t.Errorf("%s into an hour: %t", after, got)
		}
	}
	if runner.Short(t.Context(), start, start.Add(1000*time.Hour)) {
		t.Error("without a deadline")
	}
}
