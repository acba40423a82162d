// Command demo shows Anabranch at work, on a laptop and with nothing but Go. It starts "anabranch dev" and tells one of two stories with the 9,999 real
// requests of the sample, comparing every value with a fold of its own. It exits with 0 when all of it holds.
//
//	lambda  asks while only the speed layer has the events, and again once batch has taken over
//	kappa   changes a view that the stream alone keeps, while events keep coming: replay, compare, switch, roll back, drop
//	changes changes a view ten times in a row under load, and prints how long each change took
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

const (
	views  = "localstack/sample/views.yaml"
	events = "localstack/sample/web-requests.ndjson.gz"
)

// story tells something of a command, in a directory of its own.
type story func(ctx context.Context, command, dir string) error

func main() {
	command := flag.String("anabranch", "build/anabranch", "the command to show")
	flag.Parse()
	stories := map[string]story{"": lambda, "lambda": lambda, "kappa": kappa, "changes": changes}
	tell, ok := stories[flag.Arg(0)]
	if !ok {
		fmt.Fprintf(os.Stderr, "demo: there is no story %q; there are lambda, kappa and changes\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := inDirectory(ctx, *command, tell); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		cancel()
		stop()
		os.Exit(1)
	}
}

func inDirectory(ctx context.Context, command string, tell story) (err error) {
	dir, err := os.MkdirTemp("", "anabranch-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return tell(ctx, command, dir)
}

func say(text string) { fmt.Printf("\n%s\n", text) }
