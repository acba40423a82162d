// Command local runs Anabranch on this machine as it is deployed, until Ctrl-C: see localstack/stack. It prints the API's URL, the keys that open it, and
// what to do next.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/anabranch/anabranch/localstack/stack"
)

// Slots this short let a takeover be watched; the schedule, which knows no less than a minute, is what it waits for.
var parameters = map[string]string{
	"Slot": "10s", "CommitWithin": "3s", "ClockMargin": "2s", "SealDelay": "6s", "SweepAfter": "30s", "BatchingWindow": "1",
}

func main() {
	port := flag.Int("port", 4566, "of the emulator, on 127.0.0.1")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *port); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, port int) (err error) {
	s, err := stack.Start(ctx, stack.Settings{Port: port, Parameters: parameters, Log: os.Stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	fmt.Printf(`
These keys open this emulator only:

  export ANABRANCH_URL='%s'
  export ANABRANCH_KEY=%s

  build/anabranch send localstack/sample/web-requests.ndjson.gz
  build/anabranch query page_views path=/favicon.ico --total --parts
  build/anabranch smoke

Answers are live from the first tick of batch on, a minute from now, and exact a minute after an event. Ctrl-C ends it all.
`, s.URL, s.Keys.Admin)
	<-ctx.Done()
	return nil
}
