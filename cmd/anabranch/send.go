package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/send"
)

// SendCmd sends events from files.
type SendCmd struct {
	Files       []string `arg:"" name:"file" help:"NDJSON file, plain, gzip or zstd; - is standard input."`
	Batch       int      `help:"Events per request, 1 to 1000." default:"500"`
	Concurrency int      `help:"Maximum number of concurrent requests, 1 to 64." default:"4"`
	Verbose     bool     `help:"Name every rejected event and every retry."`

	Server
}

// maxConcurrency keeps a typing error from becoming a load test.
const maxConcurrency = 64

// sendRetry waits for about half a minute in total: longer than a restart of the server, but short enough to watch.
var sendRetry = client.Retry{Attempts: 8, Base: 250 * time.Millisecond, Cap: 10 * time.Second, Longest: 2 * time.Minute}

// Help returns the text below the flags of --help.
func (*SendCmd) Help() string {
	return `Each line is one CloudEvent in JSON. Send repeats a failed request with the same bytes. Copies of an event
count once if they arrive within the server's dedupe window (24 hours by default), so you can safely send a file again
soon.

If the server accepts nothing of the first request of a file, send stops there and says what the file looks like and
how to send it.

Send names rejected events on stderr as "file:line: id code pointer detail", with "-" for a missing part. The summary
goes to stdout.

Exit codes: 0 every event was accepted; 1 some were rejected; 2 wrong flags or an unreadable file; 3 the server failed
or could not be reached, or the command was interrupted.

Examples:

    anabranch send web-requests.ndjson.gz
    zcat logs/*.gz | anabranch send --url https://events.example.com -`
}

// Validate refuses values that no server accepts.
func (c *SendCmd) Validate() error {
	limits := send.ServerLimits()
	switch {
	case c.Batch < 1 || c.Batch > limits.Events:
		return fmt.Errorf("--batch: %d is not between 1 and %d", c.Batch, limits.Events)
	case c.Concurrency < 1 || c.Concurrency > maxConcurrency:
		return fmt.Errorf("--concurrency: %d is not between 1 and %d", c.Concurrency, maxConcurrency)
	}
	return c.Server.Validate()
}

// Run sends the files one after another.
func (c *SendCmd) Run(ctx context.Context, w *world) error {
	sources, err := c.sources(w)
	if err != nil {
		return &failure{exitUsage, err}
	}
	show := newConsole(w, sources, c.Verbose)
	printed := make(chan struct{})
	unregister := context.AfterFunc(ctx, func() { show.stopping(); close(printed) })
	sum, splitter := newSummary(w.now()), send.NewSplitter(sources, c.limits())
	err = c.sender(w, show).Run(ctx, splitter, func(r send.Result) {
		sum.add(r)
		show.result(r)
	})
	if !unregister() {
		<-printed
	}
	if err == nil { // otherwise a goroutine may still read
		show.blank(splitter.Blank())
	}
	show.close()
	if err := sum.print(w.stdout, w.now()); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	return c.outcome(err, sum)
}

func (c *SendCmd) sources(w *world) ([]send.Source, error) {
	var sources []send.Source
	stdin := false
	for _, name := range c.Files {
		if name != "-" {
			source, err := send.File(name)
			if err != nil {
				return nil, err
			}
			sources = append(sources, source)
			continue
		}
		if stdin {
			return nil, errors.New("\"-\" is given twice; standard input can be read only once")
		}
		stdin = true
		sources = append(sources, send.Stream("stdin", w.stdin))
	}
	return sources, nil
}

func (c *SendCmd) limits() send.Limits {
	limits := send.ServerLimits()
	limits.Events = c.Batch
	return limits
}

// sender returns a sender whose open requests finish after Ctrl-C: the server may have taken their events, and the
// summary should count them.
func (c *SendCmd) sender(w *world, show *console) send.Sender {
	asker := w.client(c.Server, sendRetry, c.Concurrency)
	asker.Finish, asker.Retrying = true, show.retrying
	return send.Sender{Post: asker.PostEvents, Concurrency: c.Concurrency}
}

// outcome returns the failure with its exit code, and the error that the summary does not show.
func (c *SendCmd) outcome(err error, sum *summary) error {
	again := fmt.Sprintf(
		"%d events were acknowledged; you can safely send everything again now: copies of an event count once",
		sum.accepted,
	)
	var (
		input   *send.InputError
		stopped *send.Stopped
	)
	switch {
	case err == nil && sum.rejected > 0:
		return &failure{code: exitRejected}
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return &failure{exitUnreachable, fmt.Errorf("interrupted; %s", again)}
	case errors.As(err, &stopped) && sum.accepted == 0:
		return &failure{exitRejected, err}
	case errors.As(err, &stopped):
		return &failure{exitRejected, fmt.Errorf("%w; %s", err, again)}
	case errors.As(err, &input) && sum.accepted == 0:
		return &failure{exitUsage, err}
	case errors.As(err, &input):
		return &failure{exitUsage, fmt.Errorf("%w; %s", err, again)}
	}
	return &failure{exitUnreachable, fmt.Errorf("%w; %s", c.hinted(err), again)}
}
