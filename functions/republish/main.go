// Command republish is the Lambda function behind the republish queue: it brings archived events from S3 to the stream
// in Kinesis again.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/republish/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/ingest"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		// to name the messages that are left
		Reserve: 2 * time.Second,
		Calls:   sdk.Settings{Attempts: 5, Attempt: 10 * time.Second, Delay: time.Second}, // nobody waits for an answer
		Start:   start,
	}
}

func start(e *launch.Environment) lambda.Handler {
	r := ingest.NewRepublisher(e.Archive(), e.Stream(), e.Settings(), e.Host())
	h := &handler.Handler{Republisher: r, Log: e.Log(), Print: e.Print}
	return lambda.NewHandler(h.Handle)
}
