// Command ingest is the Lambda function behind POST /v1/events: it wires the ingest layer to the archive in S3, the stream in Kinesis and the
// republish queue in SQS.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/functions/ingest/handler"
	"github.com/anabranch/anabranch/shared/aws/kinesisstream"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/aws/sqsqueue"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/setting"
)

// Settings are the function's, from its environment.
type Settings struct {
	settings.Layout

	// The queue of what the stream did not take, by URL.
	RepublishQueue string
	// A request's archive put is given up this long after its arrival, and the client told to send again. Danger: batch waits for it, as part of
	// SealDelay, which must be at least CommitWithin + ClockMargin in every function.
	CommitWithin time.Duration `default:"10s"`
}

// What needs no setting.
const (
	reserve       = time.Second      // of an invocation, to answer in
	longestCommit = 20 * time.Second // the gateway waits 30 s for an answer
)

// calls: a client waits, and the put must be over within CommitWithin.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 3, Attempt: 3 * time.Second, Delay: 200 * time.Millisecond}
}

func (s Settings) check() error {
	err := s.Layout.Check()
	if s.CommitWithin <= 0 || s.CommitWithin > longestCommit {
		err = errors.Join(err, fmt.Errorf("COMMIT_WITHIN=%s: want above 0 and at most %s", s.CommitWithin, longestCommit))
	}
	return err
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
	f.handler = &handler.Handler{Log: log, Observe: f.observe, Ingest: &ingest.Ingest{
		Archive: opened.Archive,
		Stream:  kinesisstream.New(kinesis.NewFromConfig(opened.Config), s.StreamName),
		Queue:   sqsqueue.New(sqs.NewFromConfig(opened.Config), s.RepublishQueue),
		Codec:   opened.Codec, Layout: opened.Layout, Limits: event.DefaultLimits(), MaxBody: setting.Default().MaxBody,
		CommitWithin: s.CommitWithin, ClockMargin: clock.Margin(s.ClockMargin), Tries: setting.Default().PublishTries,
		Now: time.Now, NewRequest: newRequest, Log: log,
	}}
	return f, nil
}

func newRequest(arrival time.Time) (ulid.ULID, error) {
	return ulid.New(ulid.Timestamp(arrival), rand.Reader)
}

func (f *function) handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, r)
}

func (f *function) observe(a ingest.Answer) {
	err := f.printer.Print(
		metrics.Value{Name: metrics.Accepted, Value: int64(a.Accepted)},
		metrics.Value{Name: metrics.Rejected, Value: int64(len(a.Rejected))},
	)
	if err != nil {
		f.log.Error("metrics lost", "error", err)
	}
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
