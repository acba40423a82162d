// Command audit is the Lambda function that the schedule calls: the audit layer over the archive in S3 and the tables
// in DynamoDB.
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
	stores := audit.Stores{Archive: e.Archive(), Catalog: tables.Control(e), Programs: &programs.Cache{},
		Base: tables.Base(e)}
	h := &handler.Handler{Audit: audit.New(stores, e.Settings(), e.Host()), Log: e.Log(), Print: e.Print}
	return lambda.NewHandler(h.Handle)
}
