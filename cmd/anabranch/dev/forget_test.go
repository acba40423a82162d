package dev_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/localstack/sample"
)

// TestMemoryIsGivenBack checks that what the stream has delivered, what batch has covered and what has expired leaves
// memory, however many events came.
func TestMemoryIsGivenBack(t *testing.T) {
	s := settings(t, t.TempDir())
	s.Slot, s.SealDelay, s.SweepAfter = time.Second, 600*time.Millisecond, 100*time.Millisecond
	s.SpeedWindow, s.StreamRetention, s.LongestInvocation = time.Second, time.Second, time.Second
	opened, err := dev.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	held := func() dev.Held {
		t.Helper()
		counts, err := dev.HeldBy(t.Context(), opened)
		if err != nil {
			t.Fatal(err)
		}
		return counts
	}
	server, _ := start(t, opened)
	for _, n := range []int{500, 5_000} {
		postAll(t, server, lines(t)[:n], 50)
		wait(t, server, "every event", func(a sample.Answer) bool { return a.Requests() >= int64(n) })
		if held().Seen == 0 {
			t.Errorf("after %d events, speed holds no seen items", n)
		}
		deadline := time.Now().Add(time.Minute)
		for held() != (dev.Held{}) {
			if time.Now().After(deadline) {
				t.Fatalf("after %d events and a minute, memory holds %+v", n, held())
			}
			time.Sleep(50 * time.Millisecond)
		}
		wait(t, server, "batch", func(a sample.Answer) bool { return a.Exact() && a.Requests() == int64(n) })
	}
}
