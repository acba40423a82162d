// Command speed is the Lambda function that reads the stream: it wires the speed layer to the tables in DynamoDB, and to the archive in S3, which
// takes what cannot be decoded.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/functions/speed/handler"
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
	settings.Stream

	// The tables of control, speed items and seen items, by name.
	CatalogTable, SpeedTable, SeenTable string

	// How long a speed item lives after its slot: longer than StreamRetention. Danger: a slot that batch has not taken over by then is gone from
	// answers until it has.
	SpeedRetain time.Duration `default:"168h"`
}

// What needs no setting.
const (
	reserve      = 5 * time.Second // of an invocation, to say which records are left
	writesAtOnce = 16              // per processor: they wait for DynamoDB, not for one another
)

// calls: the stream waits for one invocation after the other, and what fails is delivered again.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 5, Attempt: 5 * time.Second, Delay: time.Second}
}

func (s Settings) check() error {
	err := errors.Join(s.Layout.Check(), s.Stream.Check(s.Layout))
	if s.SpeedRetain <= s.StreamRetention {
		err = errors.Join(err, fmt.Errorf("SPEED_RETAIN=%s, STREAM_RETENTION=%s: want the first above the second: an item must outlive its records, or a late "+
			"one would be folded again", s.SpeedRetain, s.StreamRetention))
	}
	return err
}

// system are the settings of the whole system, as far as speed knows them.
func (s Settings) system() setting.All {
	all := setting.Default()
	all.SpeedWindow, all.ClockMargin = s.SpeedWindow, s.ClockMargin
	all.StreamRetention, all.MaxStreamAge = s.StreamRetention, s.MaxStreamAge
	return all
}

// function is the started function. It takes the event's bytes: decoding them twice would cost more than folding them.
type function struct {
	handler *handler.Handler
	printer metrics.Printer
	log     *slog.Logger
}

var _ lambda.Handler = (*function)(nil)

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
	tables := dynamodb.NewFromConfig(opened.Config)
	f := &function{log: log, printer: metrics.Printer{Out: os.Stdout, Function: lambdacontext.FunctionName, Now: time.Now}}
	f.handler = &handler.Handler{Log: log, Observe: f.observe, Speed: &speed.Speed{
		Archive: opened.Archive, Catalog: dynamocatalog.New(tables, s.CatalogTable), Programs: &programs.Cache{},
		Items: dynamoviews.NewSpeed(tables, s.SpeedTable), Seen: dynamoviews.NewSeen(tables, s.SeenTable), Codec: opened.Codec, Layout: opened.Layout,
		Retain: s.SpeedRetain, RetainSeen: s.system().RetainSeen(), ClockMargin: clock.Margin(s.ClockMargin), Tries: s.system().WriteTries,
		Parallel: runner.Parallel(writesAtOnce * runtime.GOMAXPROCS(0)), Now: time.Now, Log: log,
	}}
	return f, nil
}

// Invoke implements lambda.Handler.
func (f *function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Invoke(ctx, payload)
}

func (f *function) observe(r speed.Report, oldest time.Time) {
	values := []metrics.Value{
		{Name: metrics.Events, Value: int64(r.Events)},
		{Name: metrics.Duplicates, Value: int64(r.Duplicates)},
		{Name: metrics.SetAside, Value: int64(r.SetAside)},
		{Name: metrics.Skipped, Value: skipped(r)},
	}
	if !oldest.IsZero() {
		values = append(values, metrics.Value{Name: metrics.StreamLag, Value: time.Since(oldest).Milliseconds()})
	}
	if err := f.printer.Print(values...); err != nil {
		f.log.Error("metrics lost", "error", err)
	}
}

func skipped(r speed.Report) (sum int64) {
	for _, v := range r.Views {
		sum += v.Skipped
	}
	return sum
}

func main() { launch.Main(start, func(f *function) any { return f }) }
