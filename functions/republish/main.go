// Command republish is the Lambda function behind the republish queue: it wires the ingest layer to the archive in S3, from which it reads, and
// the stream in Kinesis.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/anabranch/anabranch/functions/republish/handler"
	"github.com/anabranch/anabranch/shared/aws/kinesisstream"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/setting"
)

// Settings are the function's, from its environment.
type Settings struct {
	settings.Layout

	// Events older than this are not republished. Danger: more than speed has, and seen items expire while copies may still come: they count twice.
	MaxStreamAge time.Duration `default:"72h"`
}

// What needs no setting.
const (
	reserve = 2 * time.Second // of an invocation, to name the messages that are left
)

// calls: nobody waits for an answer.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 5, Attempt: 10 * time.Second, Delay: time.Second}
}

// function is the started function.
type function struct {
	handler *handler.Handler
	printer metrics.Printer
	log     *slog.Logger
}

// start wires the function and opens the archive's layout. Without its settings, or on another layout, it does not start.
func start(ctx context.Context, lookup settings.Lookup, log *slog.Logger) (*function, error) {
	var s Settings
	if err := settings.Read(lookup, &s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	opened, err := launch.Open(ctx, s.Layout, calls())
	if err != nil {
		return nil, err
	}
	f := &function{log: log, printer: metrics.Printer{Out: os.Stdout, Function: lambdacontext.FunctionName, Now: time.Now}}
	f.handler = &handler.Handler{Log: log, Observe: f.observe, Republisher: &ingest.Republisher{
		Archive: opened.Archive, Stream: kinesisstream.New(kinesis.NewFromConfig(opened.Config), s.StreamName),
		Codec: opened.Codec, Layout: opened.Layout, MaxAge: s.MaxStreamAge,
		Tries: setting.Default().PublishTries, Now: time.Now,
	}}
	return f, nil
}

func (s Settings) check() error {
	err := s.Layout.Check()
	if s.MaxStreamAge < s.SpeedWindow {
		err = errors.Join(err, fmt.Errorf("MAX_STREAM_AGE=%s: want at least SPEED_WINDOW, %s", s.MaxStreamAge, s.SpeedWindow))
	}
	return err
}

func (f *function) observe(tooOld int) {
	if err := f.printer.Print(metrics.Value{Name: metrics.TooOld, Value: int64(tooOld)}); err != nil {
		f.log.Error("metrics lost", "error", err)
	}
}

func (f *function) handle(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, e)
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
