// Command replay is the Lambda function that the schedule calls: it wires replay, which brings Kappa generations what arrived before they were live, to
// the archive in S3 and the tables in DynamoDB.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/functions/replay/handler"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/speed"
)

// Settings are the function's, from its environment.
type Settings struct {
	settings.Layout
	settings.Stream // as speed has it

	// The tables of control, speed items and seen items, by name.
	CatalogTable, SpeedTable, SeenTable string

	// A step folds so many bytes of objects, as stored, unless one run has more. Danger: it holds them decoded in memory, ten times as much or more, and
	// has to be done within the function's time.
	ReplayBytes int64 `default:"33554432"`
	// A tick begins no step when it has folded so many bytes: with the schedule, the rate of replay. 0: as fast as it can.
	ReplayTickBytes int64 `default:"0"`
	// As batch has it: what takes the place of something that serves waits for an operator.
	RequireApproval bool `default:"false"`
}

// What needs no setting.
const (
	reserve       = 5 * time.Second // of an invocation, to report in
	requestAtOnce = 16              // per processor: they wait for S3 and DynamoDB, not for one another

)

// system are the settings of the whole system, as far as replay knows them.
func (s Settings) system() setting.All {
	all := setting.Default()
	all.SpeedWindow, all.ClockMargin = s.SpeedWindow, s.ClockMargin
	all.StreamRetention, all.MaxStreamAge = s.StreamRetention, s.MaxStreamAge
	return all
}

// calls: nobody waits for an answer, and a tick that fails half-way is gone on with by the next.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 8, Attempt: 30 * time.Second, Delay: 5 * time.Second}
}

func (s Settings) check() error {
	all := []error{s.Layout.Check(), s.Stream.Check(s.Layout)}
	if s.ReplayBytes < 1 {
		all = append(all, fmt.Errorf("REPLAY_BYTES=%d: want at least 1", s.ReplayBytes))
	}
	if s.ReplayTickBytes < 0 {
		all = append(all, fmt.Errorf("REPLAY_TICK_BYTES=%d: want 0 or more", s.ReplayTickBytes))
	}
	return errors.Join(all...)
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
	if err := errors.Join(s.check(), settings.LimitMemory(lookup)); err != nil {
		return nil, err
	}
	opened, err := launch.Open(ctx, s.Layout, calls())
	if err != nil {
		return nil, err
	}
	var (
		tables  = dynamodb.NewFromConfig(opened.Config)
		control = dynamocatalog.New(tables, s.CatalogTable)
		f       = &function{log: log, printer: metrics.Printer{Out: os.Stdout, Function: lambdacontext.FunctionName, Now: time.Now}}
	)
	f.handler = &handler.Handler{Log: log, Observe: f.observe, Replay: &speed.Replay{
		Archive: opened.Archive, Catalog: control, Sweeps: control, Programs: &programs.Cache{}, Items: dynamoviews.NewSpeed(tables, s.SpeedTable),
		Seen: dynamoviews.NewSeen(tables, s.SeenTable), Codec: opened.Codec, Layout: opened.Layout,
		Bytes: s.ReplayBytes, TickBytes: s.ReplayTickBytes, RetainSeen: s.system().RetainSeen(), ClockMargin: clock.Margin(s.ClockMargin), DropGrace: s.system().DropGrace, Tries: s.system().WriteTries, RequireApproval: s.RequireApproval,
		Parallel: runner.Parallel(requestAtOnce * runtime.GOMAXPROCS(0)), Now: time.Now, Log: log,
	}}
	return f, nil
}

func (f *function) handle(ctx context.Context, e events.EventBridgeEvent) (handler.Answer, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, e)
}

// observe counts what was replayed. Without a Kappa view there is nothing to say.
func (f *function) observe(r speed.ReplayReport) {
	if len(r.Generations) == 0 {
		return
	}
	var left, read, skipped int64
	for _, g := range r.Generations {
		left = max(left, int64(g.Left))
		read += g.Events
		skipped += g.Skipped
	}
	err := f.printer.Print(
		metrics.Value{Name: metrics.ReplayRunsLeft, Value: left},
		metrics.Value{Name: metrics.ReplayEvents, Value: read},
		metrics.Value{Name: metrics.Skipped, Value: skipped},
	)
	if err != nil {
		f.log.Error("metrics lost", "error", err)
	}
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
