// Command demo shows Anabranch at work, on a laptop and with nothing but Go. It starts "anabranch dev", plays one of
// three stories with the 9,999 real requests of the sample, and compares the answers with a fold of its own. It exits
// with 0 if all of them agree.
//
//	lambda  queries a view while only the speed layer has the events, and again once batch has taken over
//	kappa   changes a Kappa view while events keep coming: replay, compare, switch, roll back, drop
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

// story runs one demo of the command, with its files in dir.
type story func(ctx context.Context, command, dir string) error

func main() {
	command := flag.String("anabranch", "build/anabranch", "path of the anabranch command")
	flag.Parse()
	stories := map[string]story{"": lambda, "lambda": lambda, "kappa": kappa, "changes": changes}
	play, ok := stories[flag.Arg(0)]
	if !ok {
		fmt.Fprintf(os.Stderr, "demo: unknown story %q; valid stories: lambda, kappa, changes\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := inDirectory(ctx, *command, play); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		cancel()
		stop()
		os.Exit(1)
	}
}

func inDirectory(ctx context.Context, command string, play story) (err error) {
	dir, err := os.MkdirTemp("", "anabranch-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return play(ctx, command, dir)
}

func say(text string) { fmt.Printf("\n%s\n", text) }
