// Command audit is the Lambda function that the schedule calls: it wires the audit layer to the archive in S3 and the tables in DynamoDB.
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

	"github.com/anabranch/anabranch/functions/audit/handler"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
)

// Settings are the function's, from its environment.
type Settings struct {
	settings.Layout

	// The tables of control and of base items, by name.
	CatalogTable, BaseTable string

	// As batch has it. Danger: a shorter one takes an object that batch is still looking for as lost.
	Lookback time.Duration `default:"3h"`
	// A view is audited so often without being asked for. Each audit reads the whole archive.
	AuditEvery time.Duration `default:"24h"`
}

// What needs no setting.
const (
	leastEvery    = 20 * time.Minute // longer than any function runs: an audit ends before its next is due
	reserve       = 5 * time.Second  // of an invocation, to report in
	requestAtOnce = 16               // per processor: they wait for S3 and DynamoDB, not for one another
)

// calls: nobody waits for an answer.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 8, Attempt: 30 * time.Second, Delay: 5 * time.Second}
}

func (s Settings) check() error {
	all := []error{s.Layout.Check()}
	if s.Lookback <= 0 {
		all = append(all, fmt.Errorf("LOOKBACK=%s: want above 0, as batch has it", s.Lookback))
	}
	if s.AuditEvery < leastEvery {
		all = append(all, fmt.Errorf("AUDIT_EVERY=%s: want at least %s", s.AuditEvery, leastEvery))
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
	f.handler = &handler.Handler{Log: log, Observe: f.observe, Audit: &audit.Audit{
		Archive: opened.Archive, Catalog: control, Audits: control, Programs: &programs.Cache{}, Base: dynamoviews.NewBase(tables, s.BaseTable),
		Codec: opened.Codec, Layout: opened.Layout, Lookback: s.Lookback, Every: s.AuditEvery, Tries: setting.Default().WriteTries,
		Workers: runtime.GOMAXPROCS(0), Parallel: runner.Parallel(requestAtOnce * runtime.GOMAXPROCS(0)), Now: time.Now, Log: log,
	}}
	return f, nil
}

func (f *function) handle(ctx context.Context, e events.EventBridgeEvent) (handler.Answer, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, e)
}

// observe counts what audits have found. A tick that audits nothing has nothing to say: no drift would be read as none there is.
func (f *function) observe(r audit.Report) {
	var windows, drift, lost, audited int64
	for _, v := range r.Views {
		if v.Error != "" {
			continue
		}
		audited++
		windows += v.Windows
		drift += v.Drift
		lost += v.Lost
	}
	if audited == 0 {
		return
	}
	err := f.printer.Print(
		metrics.Value{Name: metrics.AuditedWindows, Value: windows},
		metrics.Value{Name: metrics.Drift, Value: drift},
		metrics.Value{Name: metrics.LostObjects, Value: lost},
	)
	if err != nil {
		f.log.Error("metrics lost", "error", err)
	}
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
