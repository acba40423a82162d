// Command audit is the Lambda function that the schedule calls: the watch and the audit layer, over the archive in S3
// and the tables in DynamoDB.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/audit/handler"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/tables"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/watch"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		Reserve: 5 * time.Second,                                                              // to report in
		Calls:   sdk.Settings{Attempts: 8, Attempt: 30 * time.Second, Delay: 5 * time.Second}, // nobody waits for an answer
		Start:   start,
	}
}

func start(e *launch.Environment) lambda.Handler {
	control := tables.Control(e)
	stores := audit.Stores{Archive: e.Archive(), Catalog: control, Programs: &programs.Cache{}, Base: tables.Base(e)}
	h := &handler.Handler{Log: e.Log(), Print: e.Print}
	host := e.Host()
	h.Watch = watch.New(stores.Archive, control, e.Settings(), host)
	h.Audit = audit.New(stores, e.Settings(), host)
	return lambda.NewHandler(h.Handle)
}
