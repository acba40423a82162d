// Package launch is how every function starts and runs under Lambda. A function's main says which layer it has and which stores that layer needs; the
// rest is the same for all and is here: settings, clients, the archive's layout, the time that an invocation keeps to end in.
//
// It knows no layer and no view, so that ingest does not link what runs views. The tables are made by shared/aws/tables.
package launch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/setting"
)

// longest is how long a start may take: Lambda gives it 10 s.
const longest = 9 * time.Second

// Function is a Lambda function.
type Function struct {
	Reserve time.Duration // kept of each invocation, to end it in
	Calls   sdk.Settings  // how requests to services are made
	// Start makes what takes the events. What goes wrong meanwhile, the environment keeps: then the result is not used.
	Start func(*Environment) lambda.Handler
}

// Main starts a function and hands it to Lambda. A function that cannot start logs why and exits with 1. It does not return.
func Main(f Function) {
	log := slog.New(lambdacontext.NewLogHandler())
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	handler, err := f.Open(ctx, os.LookupEnv, log, os.Stdout)
	cancel()
	if err != nil {
		log.Error("not started", "error", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

// Open starts a function, whose metrics go to out.
//
// Errors: one line for each variable that is missing, cannot be read or breaks a rule; those of a service.
func (f Function) Open(ctx context.Context, lookup setting.Lookup, log *slog.Logger, out io.Writer) (lambda.Handler, error) {
	e := newEnvironment(ctx, f.Calls, lookup, log, out)
	handler := f.Start(e)
	if err := errors.Join(e.errs...); err != nil {
		return nil, err
	}
	return reserving{handler, f.Reserve}, nil
}

// reserving ends an invocation early enough to answer.
type reserving struct {
	lambda.Handler
	reserve time.Duration
}

// Invoke implements lambda.Handler.
func (r reserving) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := budget.Reserve(ctx, r.reserve)
	defer cancel()
	return r.Handler.Invoke(ctx, payload)
}
