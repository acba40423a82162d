package main

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

// slot is short enough to watch takeover. It holds everything that is sent, and ends soon after.
const slot = 4 * time.Second

// lambda is the story of the Lambda architecture.
func lambda(ctx context.Context, command, dir string) error {
	server, err := start(ctx, command, dir, views, "--slot", slot.String(), "--seal-delay", "1s", "--batch-every", "1s")
	if err != nil {
		return err
	}
	defer server.end()
	say("1. Real events in: what a web server logged in May 2015, out of order as it was.")
	untilSlotBegins()
	if err := server.anabranch(ctx, "send", events); err != nil {
		return fmt.Errorf("send: %w", err)
	}

	say("2. Seconds later the speed layer answers. Its numbers are right, and not exact yet: exact says no.")
	ask := []string{"query", "page_views", "path=/favicon.ico", "--from", "2015-05-20T15:00:00Z", "--total", "--parts"}
	if err := server.Wait(ctx, "every event in the answers", complete); err != nil {
		return err
	}
	if err := server.anabranch(ctx, ask...); err != nil {
		return fmt.Errorf("query: %w", err)
	}

	say("3. Batch takes over, slot by slot. The same question: exact says yes, and all of it comes from batch.")
	if err := server.Wait(ctx, "batch to take over", func(a sample.Answer) bool { return a.Exact() && complete(a) }); err != nil {
		return err
	}
	if err := server.anabranch(ctx, ask...); err != nil {
		return fmt.Errorf("query: %w", err)
	}

	say("4. Every value of every view, against a fold of the file that shares no code with Anabranch.")
	verified, err := server.Verify(ctx)
	for _, v := range verified {
		fmt.Printf("  %-17s %5d keys %6d windows %6d values: all equal, all exact\n", v.View, v.Keys, v.Windows, v.Values)
	}
	return err
}

func complete(a sample.Answer) bool { return a.Requests() == sample.Events }

// untilSlotBegins waits for a slot to begin, so that what is sent lies in one slot and there is time to look at it before batch takes over.
func untilSlotBegins() {
	now := time.Now()
	time.Sleep(now.Truncate(slot).Add(slot).Sub(now))
}
