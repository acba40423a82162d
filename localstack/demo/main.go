// Command demo shows the Lambda architecture at work, on a laptop and with nothing but Go: it starts "anabranch dev", sends the 9,999 real
// requests of the sample, asks while only the speed layer has them, asks again once batch has taken over, and compares every value of every
// view with a fold of its own. It exits with 0 when all of it holds.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

const (
	views  = "localstack/sample/views.yaml"
	events = "localstack/sample/web-requests.ndjson.gz"

	// Slots this short let takeover be watched. They hold everything the demo sends, and end soon after.
	slot = 4 * time.Second
)

func main() {
	command := flag.String("anabranch", "build/anabranch", "the command to show")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 80*time.Second)
	defer cancel()
	if err := demo(ctx, *command); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		cancel()
		stop()
		os.Exit(1)
	}
}

func demo(ctx context.Context, command string) (err error) {
	dir, err := os.MkdirTemp("", "anabranch-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := start(ctx, command, dir)
	if err != nil {
		return err
	}
	defer server.end()
	anabranch := func(args ...string) error {
		fmt.Println("\n$ anabranch", strings.Join(args, " "))
		c := exec.CommandContext(ctx, command, append(args, "--url", server.URL)...)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		return c.Run()
	}

	say("1. Real events in: what a web server logged in May 2015, out of order as it was.")
	untilSlotBegins()
	if err := anabranch("send", events); err != nil {
		return fmt.Errorf("send: %w", err)
	}

	say("2. Seconds later the speed layer answers. Its numbers are right, and not exact yet: exact says no.")
	ask := []string{"query", "page_views", "path=/favicon.ico", "--from", "2015-05-20T15:00:00Z", "--total", "--parts"}
	if err := server.Wait(ctx, "every event in the answers", complete); err != nil {
		return err
	}
	if err := anabranch(ask...); err != nil {
		return fmt.Errorf("query: %w", err)
	}

	say("3. Batch takes over, slot by slot. The same question: exact says yes, and all of it comes from batch.")
	if err := server.Wait(ctx, "batch to take over", func(a sample.Answer) bool { return a.Exact() && complete(a) }); err != nil {
		return err
	}
	if err := anabranch(ask...); err != nil {
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

func say(text string) { fmt.Printf("\n%s\n", text) }

// untilSlotBegins waits for a slot to begin, so that what is sent lies in one slot and there is time to look at it before batch takes over.
func untilSlotBegins() {
	now := time.Now()
	time.Sleep(now.Truncate(slot).Add(slot).Sub(now))
}

// server is a running "anabranch dev".
type server struct {
	sample.Server
	process *exec.Cmd
}

// start runs "anabranch dev" on a port of its own and reads from its output which one that is.
func start(ctx context.Context, command, dir string) (*server, error) {
	args := []string{"dev", "--views", views, "--dir", dir, "--listen", "127.0.0.1:0",
		"--slot", slot.String(), "--commit-within", "500ms", "--settle", "1s", "--batch-every", "1s"}
	fmt.Println("$ anabranch", strings.Join(args, " "))
	c := exec.CommandContext(ctx, command, args...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	out, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command, err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Println(lines.Text())
		if _, url, ok := strings.Cut(lines.Text(), "listens on "); ok {
			go func() { _, _ = io.Copy(os.Stderr, out) }() // what the server says later
			return &server{Server: sample.Server{URL: url}, process: c}, nil
		}
	}
	return nil, errors.Join(errors.New("the server did not start"), c.Wait())
}

func (s *server) end() {
	_ = s.process.Process.Signal(os.Interrupt)
	_ = s.process.Wait()
}
