package launch

import (
	"context"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/shared/aws/sdk"
)

func lookup(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

func open(t *testing.T, variables map[string]string, start func(*Environment) lambda.Handler) (lambda.Handler, error) {
	t.Helper()
	t.Setenv("AWS_REGION", "eu-central-1")
	f := Function{Reserve: time.Minute, Calls: sdk.Settings{Attempts: 1}, Start: start}
	return f.Open(t.Context(), lookup(variables), slog.New(slog.DiscardHandler), io.Discard)
}

// TestOpenNamesEverything checks that one start names every variable that is missing, once, and every one that is
// wrong. It sends no request to a service.
func TestOpenNamesEverything(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	variables := map[string]string{
		"LANES": "0", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "much", "LAMBDA_TASK_ROOT": t.TempDir(),
	}
	_, err := open(t, variables, func(e *Environment) lambda.Handler {
		e.Archive()
		e.Stream()
		e.Queue()
		e.File("views.yaml")
		e.Host()
		e.Host()
		return nil
	})
	want := []string{
		"LANES=0: must be 1 to", `AWS_LAMBDA_FUNCTION_MEMORY_SIZE="much"`, "ARCHIVE_BUCKET is not set", "STREAM_NAME is not set", "REPUBLISH_QUEUE is not set",
		"read file of the function",
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%v", len(lines), len(want), err)
	}
	for i, part := range want {
		if !strings.Contains(lines[i], part) {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], part)
		}
	}
}

// TestReserve checks that an invocation's context ends before the time of the function is up.
func TestReserve(t *testing.T) {
	var end time.Time
	h, err := open(t, nil, func(*Environment) lambda.Handler {
		return lambda.NewHandler(func(ctx context.Context) { end, _ = ctx.Deadline() })
	})
	if err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), limit)
	defer cancel()
	if _, err := h.Invoke(ctx, []byte("{}")); err != nil || !end.Equal(limit.Add(-time.Minute)) {
		t.Errorf("the context ends at %s, %v; want a minute before %s", end, err, limit)
	}
}

func TestLimitMemory(t *testing.T) {
	const name = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	for _, text := range []string{"", "0", "-1", "1 GB"} {
		if _, err := limitMemory(lookup(map[string]string{name: text})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: error is %v", text, err)
		}
	}
	if n, err := limitMemory(lookup(nil)); n != 0 || err != nil {
		t.Errorf("no such variable: %v", err)
	}
	limit := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(limit)
	if n, err := limitMemory(lookup(map[string]string{name: "1000"})); n != 1000 || err != nil {
		t.Fatal(err)
	}
	if got := debug.SetMemoryLimit(-1); got != 1000<<20/10*9 {
		t.Errorf("limit is %d bytes, want nine tenths of 1,000 MB", got)
	}
}
