// Package launch is how every function begins, before it becomes the one that it is: the SDK, the archive with its
// layout, and the run under Lambda.
//
// Its place is between shared/aws/settings, which reads the environment, and a function's main, which wires the layer.
// It knows no layer.
package launch

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/setting"
)

// longest is how long a start may take: Lambda gives it 10 s.
const longest = 9 * time.Second

// Main starts a function and hands it to Lambda: entry says what of it takes the events, in a form that lambda.Start
// knows. A function that cannot start logs why and exits with 1. It does not return.
func Main[F any](start func(context.Context, settings.Lookup, *slog.Logger) (F, error), entry func(F) any) {
	log := slog.New(lambdacontext.NewLogHandler())
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	f, err := start(ctx, os.LookupEnv, log)
	cancel()
	if err != nil {
		log.Error("not started", "error", err)
		os.Exit(1)
	}
	lambda.Start(entry(f))
}

// Archive is what a function has that works on the archive.
type Archive struct {
	Config  aws.Config // for the clients of other services
	Codec   *event.Codec
	Archive *s3archive.Archive
	Layout  archive.Layout
}

// Open opens the archive that the settings name, whose layout must be theirs; calls are how its requests, and those of
// Config, are made.
//
// Errors: those of settings.Layout.Open.
func Open(ctx context.Context, wanted settings.Layout, calls sdk.Settings) (a Archive, err error) {
	if a.Config, err = sdk.Config(ctx, calls); err != nil {
		return a, err
	}
	if a.Codec, err = setting.Default().NewCodec(); err != nil {
		return a, err
	}
	a.Archive = s3archive.New(s3.NewFromConfig(a.Config), wanted.ArchiveBucket)
	a.Layout, err = wanted.Open(ctx, a.Archive, rand.Reader, time.Now)
	return a, err
}
