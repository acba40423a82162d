package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

const (
	copies   = 20 // copies of the sample; each event has an identity of its own: 199,980 events
	changing = 10 // number of changes of the definition
)

// changes changes a view ten times in a row under load. Each change switches between Lambda and Kappa and adds an
// aggregate.
func changes(ctx context.Context, command, dir string) error {
	lines, err := manyLines()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "views.yaml")
	if err := os.WriteFile(file, []byte(definition(0)), 0o600); err != nil {
		return err
	}
	server, err := start(ctx, command, filepath.Join(dir, "archive"), file,
		"--slot", "1s",
		"--seal-delay", "500ms",
		"--batch-every", "300ms",
		"--sweep-after", "300ms",
		"--drop-grace", "1s")
	if err != nil {
		return err
	}
	defer server.end()
	say(fmt.Sprintf("Send half of %d events. Then change the definition %d times while the rest come in.",
		len(lines), changing))
	half := len(lines) / 2
	if err := post(ctx, server.URL, lines[:half], 1000, 0).end(); err != nil {
		return err
	}
	if err := server.status(ctx, "page_views", "the first definition to serve", served(1)); err != nil {
		return err
	}
	watcher := watch(ctx, server.URL+favicon, 10*time.Millisecond, true)
	rest := post(ctx, server.URL, lines[half:], 100, 50*time.Millisecond)
	for watcher.now().current == "" {
		if err := pause(ctx, errors.New("waiting for the first answer")); err != nil {
			return err
		}
	}
	for n := 1; n <= changing; n++ {
		last := watcher.now().current
		if err := os.WriteFile(file, []byte(definition(n)), 0o600); err != nil {
			return err
		}
		began, sent := time.Now(), rest.sent.Load()
		for watcher.now().current == last {
			if err := pause(ctx, fmt.Errorf("waiting for change %d", n)); err != nil {
				return errors.Join(err, watcher.end())
			}
		}
		fmt.Printf("  change %2d  %-6s  answers after %4.1f s, %6d events meanwhile\n",
			n, architecture(n), time.Since(began).Seconds(), rest.sent.Load()-sent)
	}
	if err := rest.end(); err != nil {
		return err
	}
	return errors.Join(server.counts(ctx, int64(len(lines))), watcher.end())
}

// definition returns the views file after n changes. Each change adds one aggregate to page_views and switches its
// architecture.
func definition(n int) string {
	text := "views:\n  - name: page_views\n    architecture: " + architecture(n) +
		"\n    key: {path: data.path}\n    window: 1h\n    aggregates:\n      views: count()\n"
	for i := range n {
		text += fmt.Sprintf("      number_%d: sum(data.bytes * %d)\n", i, i+1)
	}
	return text + "  - name: traffic\n    key: {}\n    window: 1h\n    aggregates: {requests: count()}\n"
}

func architecture(n int) string { return []string{"lambda", "kappa"}[n%2] }

// served returns a condition: the view has n generations, and the first one serves.
func served(n int) func([]generation) bool {
	return func(all []generation) bool { return len(all) == n && all[0].State == "serving" }
}

// counts waits until every event is in the answers. Then it compares the changed view with the events that were sent.
func (s *server) counts(ctx context.Context, total int64) error {
	err := s.Wait(ctx, "every event in the answers", func(a sample.Answer) bool { return a.Requests() == total })
	if err != nil {
		return err
	}
	for {
		_, got, err := ask(ctx, s.URL+favicon)
		if err != nil {
			return err
		}
		want, err := countOf("/favicon.ico")
		if err != nil {
			return err
		}
		if got == want*copies {
			fmt.Printf("  all views count %d events; the last definition counts %d of /favicon.ico, as many as were sent\n",
				total, got)
			return nil
		}
		if err := pause(ctx, fmt.Errorf("got %d events of /favicon.ico, want %d", got, want*copies)); err != nil {
			return err
		}
	}
}

func countOf(path string) (n int64, err error) {
	lines, err := sample.Lines()
	for _, line := range lines {
		if bytes.Contains(line, []byte(`"path":"`+path+`"`)) {
			n++
		}
	}
	return n, err
}

// manyLines returns the events of the sample, `copies` times, each event with an identity of its own.
func manyLines() ([][]byte, error) {
	lines, err := sample.Lines()
	if err != nil {
		return nil, err
	}
	all := make([][]byte, 0, copies*len(lines))
	for n := range copies {
		for _, line := range lines {
			again := strings.Replace(string(line), `"id":"`, fmt.Sprintf(`"id":"%d-`, n), 1)
			all = append(all, []byte(again))
		}
	}
	return all, nil
}
