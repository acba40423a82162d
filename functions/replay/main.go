// Command replay is the Lambda function that the schedule calls to bring Kappa generations the events from before they
// were live, from the archive in S3 to the tables in DynamoDB.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/replay/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/tables"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/speed"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		Reserve: 5 * time.Second,                                                              // to report in
		Calls:   sdk.Settings{Attempts: 8, Attempt: 30 * time.Second, Delay: 5 * time.Second}, // the next tick continues
		Start:   start,
	}
}

func start(e *launch.Environment) lambda.Handler {
	control := tables.Control(e)
	stores := speed.Stores{
		Archive: e.Archive(), Catalog: control, Programs: &programs.Cache{}, Items: tables.Speed(e), Seen: tables.Seen(e),
	}
	h := &handler.Handler{Replay: speed.NewReplay(stores, control, e.Settings(), e.Host()), Log: e.Log(), Print: e.Print}
	return lambda.NewHandler(h.Handle)
}
