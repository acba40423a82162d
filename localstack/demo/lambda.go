package main

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

// slot is short enough to watch batch take over, and long enough to hold all events that the demo sends.
const slot = 4 * time.Second

// lambda queries a Lambda view before and after batch takes over, and verifies every value.
func lambda(ctx context.Context, command, dir string) error {
	server, err := start(ctx, command, dir, views, "--slot", slot.String(), "--seal-delay", "1s", "--batch-every", "1s")
	if err != nil {
		return err
	}
	defer server.end()
	say("1. Send real events: what a web server logged in May 2015, out of order, as logged.")
	untilSlotBegins()
	if err := server.anabranch(ctx, "send", events); err != nil {
		return fmt.Errorf("send: %w", err)
	}

	say("2. Seconds later the speed layer answers. The numbers are right, but not yet marked exact.")
	ask := []string{
		"query", "page_views", "path=/favicon.ico", "--from", "2015-05-20T15:00:00Z", "--total", "--parts",
		"--values", "views,bytes,mean_bytes,size.p95",
	}
	if err := server.Wait(ctx, "every event in the answers", complete); err != nil {
		return err
	}
	if err := server.anabranch(ctx, ask...); err != nil {
		return fmt.Errorf("query: %w", err)
	}

	say("3. Batch takes over, slot by slot. Ask again: the rows are exact, and every part comes from batch.")
	exact := func(a sample.Answer) bool { return a.Exact() && complete(a) }
	if err := server.Wait(ctx, "batch to take over", exact); err != nil {
		return err
	}
	if err := server.anabranch(ctx, ask...); err != nil {
		return fmt.Errorf("query: %w", err)
	}

	say("4. Compare every value of every view, and merged answers, with a separate fold of the file, which shares no\n" +
		"   code with Anabranch. Values must be equal, and estimates within their errors.")
	verified, err := server.Verify(ctx)
	for _, v := range verified {
		fmt.Printf("  %-25s %5d keys %6d rows %6d values: all right, all exact\n", v.What, v.Keys, v.Rows, v.Values)
	}
	if err != nil {
		return err
	}
	say("5. To see it, run \"make dev\", open http://127.0.0.1:8080/ in a browser, and send the events:")
	fmt.Printf("\n  %s send %s\n", command, events)
	return nil
}

func complete(a sample.Answer) bool { return a.Requests() == sample.Events }

// untilSlotBegins waits until a slot begins. Then all events lie in one slot, and there is time to query them before
// batch takes over.
func untilSlotBegins() {
	now := time.Now()
	time.Sleep(now.Truncate(slot).Add(slot).Sub(now))
}
