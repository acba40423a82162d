// Command batch is the Lambda function that the schedule calls: it wires the batch layer and its sweep to the archive in S3, the tables in
// DynamoDB and the republish queue in SQS. What the views are to be it reads from views.yaml beside it.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/functions/batch/handler"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/aws/sqsqueue"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/sweep"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// Settings are the function's, from its environment.
type Settings struct {
	settings.Layout

	// The tables of control, base items and seen items, by name.
	CatalogTable, BaseTable, SeenTable string
	// The queue for what the sweep finds, by URL.
	RepublishQueue string

	// As ingest has it, only to be compared with SealDelay. Danger: a larger one in ingest lets events into slots that batch has taken.
	CommitWithin time.Duration `default:"10s"`
	// A slot is taken this long after its end: at least CommitWithin + ClockMargin + 1s.
	SealDelay time.Duration `default:"60s"`
	// Slots this far below the horizon are listed again, for objects that came late: at least SealDelay. Danger: an object that is on its way for
	// longer is not counted by batch until the views are built anew.
	Lookback time.Duration `default:"3h"`
	// A generation that has served is kept current for so long, so that the definition before can be deployed again and serves at the next tick.
	RetainFor time.Duration `default:"24h"`
	// What takes the place of something that serves waits for an operator.
	RequireApproval bool `default:"false"`
	// A run reads so many bytes of objects, as stored, unless one slot has more. Danger: it holds them decoded in memory, ten times as much or
	// more, and has to be done within the function's time.
	RunBytes int64 `default:"16777216"`
	// A run is swept this long after its horizon. Danger: too soon and what is merely slow is published again, which costs and harms nothing.
	SweepAfter time.Duration `default:"10m"`
	// Events older than this are not put into the stream any more: a run that lacks something for so long is passed by, and Kappa views say that they are
	// incomplete. Danger: more than speed has, and seen items expire while copies may still come: they count twice.
	MaxStreamAge time.Duration `default:"72h"`
}

// What needs no setting.
const (
	viewsFile     = "views.yaml"
	reserve       = 5 * time.Second  // of an invocation, to report in
	second        = time.Second      // S3 tells whole ones: a clock is refused only when it is off by one more than the margin
	publish       = 29 * time.Second // ingest's time-out: so long after a commit it may still put records
	requestAtOnce = 16               // per processor: they wait for S3 and DynamoDB, not for one another
)

// calls: nobody waits for an answer, and a tick that fails half-way is gone on with by the next.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 8, Attempt: 30 * time.Second, Delay: 5 * time.Second}
}

func (s Settings) check() error {
	all := []error{s.Layout.Check()}
	if s.CommitWithin <= 0 {
		all = append(all, fmt.Errorf("COMMIT_WITHIN=%s: want above 0", s.CommitWithin))
	}
	if least := s.CommitWithin + s.ClockMargin + second; s.SealDelay < least {
		all = append(all, fmt.Errorf("SEAL_DELAY=%s: want at least COMMIT_WITHIN + CLOCK_MARGIN + 1s, %s: batch could take a slot while events may still be "+
			"put into it", s.SealDelay, least))
	}
	if s.Lookback < s.SealDelay {
		all = append(all, fmt.Errorf("LOOKBACK=%s: want at least SEAL_DELAY, %s: an object that comes late would not be looked for", s.Lookback, s.SealDelay))
	}
	if s.RetainFor < 0 {
		all = append(all, fmt.Errorf("RETAIN_FOR=%s: want 0 or more", s.RetainFor))
	}
	if s.RunBytes < 1 {
		all = append(all, fmt.Errorf("RUN_BYTES=%d: want at least 1", s.RunBytes))
	}
	if s.SweepAfter < 0 {
		all = append(all, fmt.Errorf("SWEEP_AFTER=%s: want 0 or more", s.SweepAfter))
	}
	if least := max(s.SpeedWindow, s.Slot+s.SealDelay+2*s.SweepAfter); s.MaxStreamAge < least {
		all = append(all, fmt.Errorf("MAX_STREAM_AGE=%s: want at least SPEED_WINDOW, and SLOT + SEAL_DELAY + 2 x SWEEP_AFTER, %s: what was lost would be too old before "+
			"it is looked for", s.MaxStreamAge, least))
	}
	return errors.Join(all...)
}

// function is the started function.
type function struct {
	handler *handler.Handler
	printer metrics.Printer
	log     *slog.Logger
}

// start wires the function and opens the archive's layout. Without its settings, without views, or on another layout, it does not start.
func start(ctx context.Context, lookup settings.Lookup, log *slog.Logger) (*function, error) {
	var s Settings
	if err := settings.Read(lookup, &s); err != nil {
		return nil, err
	}
	if err := errors.Join(s.check(), settings.LimitMemory(lookup)); err != nil {
		return nil, err
	}
	definitions, err := readViews(lookup)
	if err != nil {
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
	f.handler = &handler.Handler{Log: log, Observe: f.observe, Batch: &batch.Batch{
		Archive: opened.Archive, Catalog: control, Programs: &programs.Cache{}, Base: dynamoviews.NewBase(tables, s.BaseTable),
		Codec: opened.Codec, Layout: opened.Layout, Definitions: definitions,
		SealDelay: s.SealDelay, ClockMargin: clock.Margin(s.ClockMargin), Lookback: s.Lookback, ConfirmWithin: setting.Default().ConfirmWithin, RetainFor: s.RetainFor, DropGrace: setting.Default().DropGrace, RequireApproval: s.RequireApproval, RunBytes: s.RunBytes, Tries: setting.Default().WriteTries,
		Workers: runtime.GOMAXPROCS(0), Parallel: runner.Parallel(requestAtOnce * runtime.GOMAXPROCS(0)),
		Now: time.Now, NewID: newID, Log: log,
	}, Sweep: &sweep.Sweep{
		Archive: opened.Archive, Catalog: control, Sweeps: control, Seen: dynamoviews.NewSeen(tables, s.SeenTable),
		Queue: sqsqueue.New(sqs.NewFromConfig(opened.Config), s.RepublishQueue), Layout: opened.Layout,
		After: s.SweepAfter, PublishWithin: s.CommitWithin + publish, MaxStreamAge: s.MaxStreamAge, ClockMargin: clock.Margin(s.ClockMargin),
		Tries: setting.Default().WriteTries,
		Now:   time.Now, Log: log,
	}}
	return f, nil
}

// readViews reads the definitions that were deployed with the function.
func readViews(lookup settings.Lookup) ([]lifecycle.Definition, error) {
	root, _ := lookup("LAMBDA_TASK_ROOT") // where Lambda unpacks the function; unset, the working directory
	text, err := os.ReadFile(filepath.Join(root, viewsFile))
	if err != nil {
		return nil, fmt.Errorf("read the definitions of the views: %w", err)
	}
	definitions, err := viewfile.Parse(viewsFile, text)
	if err != nil {
		return nil, err
	}
	return lifecycle.Define(definitions), nil
}

func newID() (ulid.ULID, error) { return ulid.New(ulid.Now(), rand.Reader) }

func (f *function) handle(ctx context.Context, e events.EventBridgeEvent) (handler.Answer, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, e)
}

func (f *function) observe(r batch.Report, s sweep.Report) {
	var read, lateObjects, duplicates, conflicts, skipped int64
	for _, run := range r.Runs {
		read += run.Events
		lateObjects += run.LateObjects
		duplicates += run.Duplicates
		conflicts += run.Conflicts
	}
	for _, v := range r.Views {
		skipped += v.Skipped
	}
	values := []metrics.Value{
		{Name: metrics.Events, Value: read},
		{Name: metrics.LateObjects, Value: lateObjects},
		{Name: metrics.Duplicates, Value: duplicates},
		{Name: metrics.Conflicts, Value: conflicts},
		{Name: metrics.Skipped, Value: skipped},
		{Name: metrics.SweepBacklog, Value: int64(s.Lost)},
		{Name: metrics.SweepBehind, Value: int64(s.Behind)},
		{Name: metrics.TooOld, Value: int64(s.TooOld)},
	}
	if r.Head.N > 0 {
		values = append(values, metrics.Value{Name: metrics.HorizonAge, Value: int64(time.Since(r.Head.Horizon.Start()).Seconds())})
	}
	if err := f.printer.Print(values...); err != nil {
		f.log.Error("metrics lost", "error", err)
	}
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
