package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// devServer starts the whole system with the views of a file.
func devServer(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := viewfile.Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	settings := dev.Settings{
		All:         dev.Default(),
		Definitions: definitions,
		Dir:         t.TempDir(),
		Log:         slog.New(slog.DiscardHandler),
	}
	settings.Slot, settings.CommitWithin, settings.SealDelay = 2*time.Second, 500*time.Millisecond, time.Second
	settings.BatchEvery = 200 * time.Millisecond
	server, err := dev.Open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	server.Start(context.WithoutCancel(t.Context()))
	front := httptest.NewServer(server.Handler(t.Context()))
	t.Cleanup(func() { front.Close(); server.Close() })
	return front.URL
}

// smokeRun runs the command as main does and returns its report.
func smokeRun(t *testing.T, args ...string) (int, smokeReport) {
	t.Helper()
	var out, stderr bytes.Buffer
	code := run(append([]string{"smoke", "--json"}, args...), nil, &out, &stderr)
	var report smokeReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &stderr)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr: %s", &stderr)
	}
	return code, report
}

func counted(r smokeReport) map[string]int {
	counts := map[string]int{}
	for _, c := range r.Checks {
		counts[string(c.Result)]++
	}
	return counts
}

// TestSmokeDev checks that the real system passes, twice, also with other views than the sample's.
func TestSmokeDev(t *testing.T) {
	t.Run("Sample", func(t *testing.T) {
		address := devServer(t, "../../localstack/sample/views.yaml")
		for range 2 {
			code, report := smokeRun(t, "--url", address)
			if diff := cmp.Diff(map[string]int{"ok": 11, "skipped": 2}, counted(report)); diff != "" || code != exitOK ||
				!report.OK {
				t.Errorf("exit code %d: %s\n%+v", code, diff, report)
			}
			if report.Requests < 20 || report.Requests > 200 || report.URL != address || len(report.Run) != 26 {
				t.Errorf("%+v", report)
			}
		}
	})

	t.Run("OtherViews", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "views.yaml")
		if err := os.WriteFile(path, []byte("views:\n  - name: orders\n    key: {shop: data.shop, status: data.status}\n  "+
			"  window: 15m\n    aggregates: {n: count()}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, report := smokeRun(t, "--url", devServer(t, path))
		last := report.Checks[len(report.Checks)-1]
		if diff := cmp.Diff(map[string]int{"ok": 8, "skipped": 3}, counted(report)); diff != "" || code != exitOK ||
			!strings.Contains(last.Detail, "in orders") {
			t.Errorf("exit code %d: %s\n%+v", code, diff, report)
		}
	})

	t.Run("KeyForNothing", func(t *testing.T) { // a user who gives a key expects the server to require it
		code, report := smokeRun(t, "--url", devServer(t, "../../localstack/sample/views.yaml"), "--key", secret)
		if code != exitRejected || report.OK || counted(report)["failed"] != 1 || report.Checks[0].Name != "no key" {
			t.Errorf("exit code %d: %+v", code, report)
		}
	})
}

// TestSmokeFails checks the table, the progress on a terminal, and the exit code for a server that fails the checks.
func TestSmokeFails(t *testing.T) {
	closed := 0 // routes that need a key
	for _, r := range api.Routes() {
		if !r.IsOpen() {
			closed++
		}
	}
	address, brought := keyed(t, 403, "application/json", `{"message":"ECHO"}`)
	s := newSession()
	s.terminal = true
	s.do(t, exitRejected, "smoke", "--url", address, "--key", secret)
	says(
		t,
		&s.out,
		"check      result  seconds  found\n",
		"no key     failed     0.00  refused, but not with 401: POST /v1/events with 403",
		"wrong key  ok         0.00  403 on every route\n",
		"views      failed     0.00  this key does not permit that: smoke requires the admin key; 403 Forbidden",
		fmt.Sprintf("1 ok, 2 failed, 0 skipped; %d requests in 0.0 s; run ", 2*closed+1),
	)
	if says(t, &s.err, "checking: no key", "checking: wrong key", "checking: views"); strings.Count(
		s.err.String(),
		"\n",
	) > 0 {
		t.Errorf("progress leaves lines behind: %q", &s.err)
	}
	if strings.Contains(s.out.String()+s.err.String(), secret) {
		t.Error("the key is printed")
	}
	if keys := strings.Split(brought(), ", "); len(keys) != 2*closed+1 || keys[0] != "" ||
		!strings.HasPrefix(keys[closed], "Bearer anabranch-smoke-no-key-") ||
		keys[2*closed] != "Bearer "+secret {
		t.Errorf("brought %q", keys)
	}

	s = newSession()
	s.do(t, exitRejected, "smoke", "--url", "http://127.0.0.1:1")
	says(t, &s.out, "0 ok, 3 failed", "connection refused")
}

func TestSmokeInterrupted(t *testing.T) {
	address, _ := asked(t, ok(`{"views":[]}`))
	ctx, cancel := newContext(t)
	cancel()
	s := newSession()
	if code := s.run(ctx, []string{"smoke", "--url", address}); code != exitUnreachable {
		t.Errorf("exit code %d", code)
	}
	says(t, &s.out, "interrupted")
	says(t, &s.err, "anabranch: interrupted\n")
}

func TestSmokeUsage(t *testing.T) {
	for args, want := range map[string]string{"--for=10ms": "--for: 10ms is below the minimum, 1s",
		"--max-lag=-1s": "--max-lag: -1s is below the minimum, 0s", "--url=ftp://x": "--url"} {
		s := newSession()
		s.do(t, exitUsage, "smoke", args)
		says(t, &s.err, want)
	}
}
