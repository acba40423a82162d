// Command ingest is the Lambda function behind POST /v1/events: the ingest layer over the archive in S3, the stream in
// Kinesis and the republish queue in SQS.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/ingest/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/ingest"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		Reserve: time.Second, // to answer in
		// A client waits, and the put must be over within CommitWithin.
		Calls: sdk.Settings{Attempts: 3, Attempt: 3 * time.Second, Delay: 200 * time.Millisecond},
		Start: start,
	}
}

func start(e *launch.Environment) lambda.Handler {
	stores := ingest.Stores{Archive: e.Archive(), Stream: e.Stream(), Queue: e.Queue()}
	h := &handler.Handler{Ingest: ingest.New(stores, e.Settings(), e.Host()), Log: e.Log(), Print: e.Print}
	return lambda.NewHandler(h.Handle)
}
