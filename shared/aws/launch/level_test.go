package launch

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/metrics"
)

// TestLogLevel checks that a function logs nothing below its level, and prints its metrics at every level.
func TestLogLevel(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	for level, wanted := range map[string]string{"DEBUG": "dime", "": "ime", "INFO": "ime", "WARN": "me", "ERROR": "e"} {
		var logged, printed bytes.Buffer
		f := Function{Calls: sdk.Settings{Attempts: 1}, Start: func(e *Environment) lambda.Handler {
			return lambda.NewHandler(func(ctx context.Context) {
				log := e.Log().With("n", 1).WithGroup("g")
				log.DebugContext(ctx, "d")
				log.InfoContext(ctx, "i")
				log.WarnContext(ctx, "m")
				log.ErrorContext(ctx, "e")
				e.Print(metrics.Value{Name: metrics.Accepted, Value: 1})
			})
		}}
		all := slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})
		variables := lookup(map[string]string{"LOG_LEVEL": level, "AWS_LAMBDA_FUNCTION_NAME": "f"})
		h, err := f.Open(t.Context(), variables, slog.New(all), &printed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Invoke(t.Context(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for line := range strings.Lines(logged.String()) {
			_, message, _ := strings.Cut(line, "msg=")
			got.WriteByte(message[0])
		}
		if got.String() != wanted {
			t.Errorf("level %q: logged %q, want %q", level, got.String(), wanted)
		}
		if !strings.Contains(printed.String(), `"Accepted":1`) {
			t.Errorf("level %q: printed %q, want the metric", level, printed.String())
		}
	}
}
