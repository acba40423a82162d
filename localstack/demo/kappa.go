package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

const (
	pageViews = "  - name: page_views\n"
	onlyGood  = `type == "web.request" && data.status < 400`
)

// kappa shows a Kappa view while events keep coming: replay, compare, switch, roll back, drop.
func kappa(ctx context.Context, command, dir string) error {
	lines, err := sample.Lines()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "views.yaml")
	before := strings.Replace(sample.Views, pageViews, pageViews+"    architecture: kappa\n", 1)
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		return err
	}
	server, err := start(ctx, command, filepath.Join(dir, "archive"), file,
		"--slot", "2s",
		"--seal-delay", "1s",
		"--batch-every", "1s",
		"--sweep-after", "1s",
		"--drop-grace", "1s",
		"--require-approval")
	if err != nil {
		return err
	}
	defer server.end()

	say("1. The stream code alone maintains a view with `architecture: kappa`. Send half of the sample, and query it.")
	half := len(lines) / 2
	if err := post(ctx, server.URL, lines[:half], 500, 0).end(); err != nil {
		return err
	}
	if err := server.until(ctx, lines[:half], false); err != nil {
		return err
	}
	question := []string{
		"query", "page_views", "path=/favicon.ico",
		"--from", "2015-05-17T10:00:00Z", "--to", "2015-05-17T18:00:00Z", "--total",
		"--values", "views,bytes,mean_bytes,size.p95",
	}
	if err := server.anabranch(ctx, question...); err != nil {
		return err
	}
	watcher := watch(ctx, server.URL+favicon, 20*time.Millisecond, false)
	third := post(ctx, server.URL, lines[half:half+half/2], 20, 40*time.Millisecond)

	say("2. Change the definition, to count failed requests too, while events keep coming. Replay builds the new\n" +
		"   generation from the archive.")
	after := strings.Replace(before, onlyGood, `type == "web.request"`, 1)
	if after == before {
		return fmt.Errorf("localstack/sample/views.yaml has no %q for this demo to change", onlyGood)
	}
	if err := os.WriteFile(file, []byte(after), 0o600); err != nil {
		return err
	}
	began := time.Now()
	if err := server.ready(ctx); err != nil {
		return err
	}
	fmt.Printf("  caught up after %.1f s; %d more events came in meanwhile\n",
		time.Since(began).Seconds(), third.sent.Load())
	if err := server.anabranch(ctx, "views", "status", "page_views"); err != nil {
		return err
	}

	say("3. Compare old and new answers. The command exits with 1 because it finds the expected differences.")
	if err := server.anabranch(ctx, "views", "diff", "page_views", "--rows", "8"); !exits(err, 1) {
		return fmt.Errorf("views diff: got %w, want exit code 1", err)
	}

	say("4. Switch. This is one conditional write. The same query now has another answer, and no query fails meanwhile.")
	if err := server.anabranch(ctx, "views", "switch", "page_views", "--wait", "--yes"); err != nil {
		return err
	}
	if err := server.anabranch(ctx, question...); err != nil {
		return err
	}
	if err := third.end(); err != nil {
		return err
	}
	if err := server.until(ctx, lines[:half+half/2], true); err != nil {
		return err
	}

	say("5. Send more events, then roll back. The old definition answers at once, and its answer includes the new events.")
	if err := post(ctx, server.URL, lines[half+half/2:], 500, 0).end(); err != nil {
		return err
	}
	if err := server.until(ctx, lines, true); err != nil {
		return err
	}
	if err := server.anabranch(ctx, "views", "rollback", "page_views", "--wait", "--yes"); err != nil {
		return err
	}
	verified, err := server.VerifyPageViews(ctx, lines, false)
	if err != nil {
		return fmt.Errorf("after the rollback: %w", err)
	}
	fmt.Printf("  %d keys, %d windows, %d values: as in a fold of all %d events with the old definition\n",
		verified.Keys, verified.Rows, verified.Values, len(lines))

	say("6. Drop the generation that we rolled back from.")
	if err := server.anabranch(ctx, "views", "drop", "page_views", "--yes"); err != nil {
		return err
	}
	if err := server.gone(ctx); err != nil {
		return err
	}
	if err := server.anabranch(ctx, "views", "status", "page_views"); err != nil {
		return err
	}
	return watcher.end()
}

// until waits until page_views equals a fold of these events. changed says whether by the changed or the first
// definition.
func (s *server) until(ctx context.Context, lines [][]byte, changed bool) error {
	for {
		verified, err := s.VerifyPageViews(ctx, lines, changed)
		if err == nil {
			fmt.Printf("  %d keys, %d windows, %d values: as in a fold of the %d events sent so far\n",
				verified.Keys, verified.Rows, verified.Values, len(lines))
			return nil
		}
		if err := pause(ctx, err); err != nil {
			return err
		}
	}
}

// generation is one generation in the answer of GET /v1/admin/views/{view}.
type generation struct {
	State string `json:"state"`
	Ready bool   `json:"ready"`
	Waits string `json:"waits"`
}

// ready waits until an operator may switch to the new generation.
func (s *server) ready(ctx context.Context) error {
	return s.status(ctx, "page_views", "the new generation to catch up", func(all []generation) bool {
		return len(all) == 2 && all[1].State == "building" && all[1].Ready
	})
}

// gone waits until one generation is left.
func (s *server) gone(ctx context.Context) error {
	return s.status(ctx, "page_views", "only one generation to be left", func(all []generation) bool {
		return len(all) == 1
	})
}

// status polls the generations of a view until the condition holds. The error of a timeout names the condition.
func (s *server) status(ctx context.Context, view, what string, holds func([]generation) bool) error {
	for {
		var answer struct {
			Generations []generation `json:"generations"`
		}
		response, err := http.Get(s.URL + "/v1/admin/views/" + view)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close(), json.Unmarshal(body, &answer)); err != nil {
			return fmt.Errorf("status: %w: %.200s", err, body)
		}
		if holds(answer.Generations) {
			return nil
		}
		if err := pause(ctx, fmt.Errorf("waiting for %s: %.600s", what, body)); err != nil {
			return err
		}
	}
}

// pause waits 50 ms. Once ctx ends, it returns the error `waiting`, which says what the caller waits for.
func pause(ctx context.Context, waiting error) error {
	select {
	case <-ctx.Done():
		return errors.Join(ctx.Err(), waiting)
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}
