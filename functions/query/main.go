// Command query is the Lambda function behind GET /v1/views...: it wires the serving layer to the tables in DynamoDB.
// It reads no event, and so neither archive nor layout.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/setting"
)

// Settings are the function's, from its environment.
type Settings struct {
	// The tables of control, base items and speed items, by name.
	CatalogTable, BaseTable, SpeedTable string

	// Windows that one answer may have. Danger: Lambda gives no answer above 6 MB, which some 10,000 rows with parts
	// can be.
	MaxRows int `default:"10000"`
	// The length of a slot, how long batch waits after its end, and how often batch comes: an answer warns when its
	// horizon is older than twice their sum. Danger: other values than batch's make it warn for nothing, or too late.
	Slot       time.Duration `default:"5m"`
	SealDelay  time.Duration `default:"60s"`
	BatchEvery time.Duration `default:"1m"`
	// Of 100 queries, how many the candidate to serve next answers too; only counts come of it. Danger: each of them
	// reads three times as much or more, and is answered up to 2 s later.
	ShadowPercent int `default:"0"`
}

// reserve is kept of an invocation, to answer in.
const reserve = time.Second

// calls: a client waits for the answer.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 4, Attempt: 3 * time.Second, Delay: 500 * time.Millisecond}
}

func (s Settings) check() error {
	var all []error
	if s.MaxRows < 1 {
		all = append(all, fmt.Errorf("MAX_ROWS=%d: want at least 1", s.MaxRows))
	}
	if s.Slot <= 0 || s.SealDelay < 0 || s.BatchEvery <= 0 {
		all = append(all, fmt.Errorf("SLOT=%s, SEAL_DELAY=%s, BATCH_EVERY=%s: want no negative time, and above 0 the first and the last",
			s.Slot, s.SealDelay, s.BatchEvery))
	}
	if s.ShadowPercent < 0 || s.ShadowPercent > 100 {
		all = append(all, fmt.Errorf("SHADOW_PERCENT=%d: want 0 to 100", s.ShadowPercent))
	}
	return errors.Join(all...)
}

// function is the started function.
type function struct {
	handler *handler.Handler
	printer metrics.Printer
	log     *slog.Logger
}

// start wires the function. Without its settings it does not start.
func start(ctx context.Context, lookup settings.Lookup, log *slog.Logger) (*function, error) {
	var s Settings
	if err := settings.Read(lookup, &s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	cfg, err := sdk.Config(ctx, calls())
	if err != nil {
		return nil, err
	}
	var (
		tables  = dynamodb.NewFromConfig(cfg)
		control = dynamocatalog.New(tables, s.CatalogTable)
		f       = &function{log: log, printer: metrics.Printer{Out: os.Stdout, Function: lambdacontext.FunctionName, Now: time.Now}}
	)
	all := setting.Default()
	all.Slot, all.SealDelay, all.BatchEvery = s.Slot, s.SealDelay, s.BatchEvery
	stores := serving.Stores{
		Catalog: control, Programs: &programs.Cache{},
		Base: dynamoviews.NewBase(tables, s.BaseTable), Speed: dynamoviews.NewSpeed(tables, s.SpeedTable),
	}
	f.handler = &handler.Handler{
		Log: log,
		Serving: &serving.Serving{
			Stores: stores, Sweeps: control,
			MaxRows: s.MaxRows, LateAfter: all.LateAfter(), Now: time.Now,
		},
		Shadow: &compare.Shadow{
			Comparer: compare.Comparer{Stores: stores}, Report: f.reportShadow,
			When: func() bool { return rand.IntN(100) < s.ShadowPercent },
		},
	}
	return f, nil
}

// reportShadow counts a shadow read. The key that was asked for is in no log.
func (f *function) reportShadow(r compare.ShadowReport) {
	failed := int64(0)
	if r.Error != "" {
		failed = 1
		f.log.Warn("shadow read failed", "view", r.View, "serving", r.Serving, "candidate", r.Candidate, "error", r.Error)
	}
	err := f.printer.Print(
		metrics.Value{Name: metrics.ShadowQueries, Value: 1},
		metrics.Value{Name: metrics.ShadowDifferences, Value: int64(r.Differing)},
		metrics.Value{Name: metrics.ShadowErrors, Value: failed},
	)
	if err != nil {
		f.log.Error("metrics lost", "error", err)
	}
}

func (f *function) handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, r)
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
