// Package launch starts and runs every function under Lambda. A function's main says which layer it runs and which
// stores that layer needs. This package does what all functions share: settings, clients, the archive's layout, and the
// time that each invocation reserves for its end.
//
// It imports no layer and no view, so that ingest does not link the code of views. Package shared/aws/tables makes the
// tables.
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

// longest is the maximum time of a start: Lambda permits 10 s.
const longest = 9 * time.Second

// Function describes a Lambda function.
type Function struct {
	Reserve time.Duration // time reserved at the end of each invocation
	Calls   sdk.Settings  // how requests to services are made
	// Start makes the handler of events. The environment collects errors meanwhile; if there is any, the handler is not
	// used.
	Start func(*Environment) lambda.Handler
}

// Main starts a function and hands it to Lambda. When the function cannot start, Main logs why and exits with 1. It
// does not return.
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

// Open starts a function and returns its handler. The function's metrics go to out.
//
// Errors: one line for each variable that is missing, cannot be read or breaks a rule: do not retry. Errors of
// services: retry.
func (f Function) Open(
	ctx context.Context, lookup setting.Lookup, log *slog.Logger, out io.Writer,
) (lambda.Handler, error) {
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
