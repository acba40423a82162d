// Command admin is the Lambda function behind /v1/admin/views...: the operations layer, and the comparison of
// generations, over the tables in DynamoDB. What is wanted of a view it writes into the table of control; batch, replay
// and audit carry it out.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/admin/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/tables"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/serving"
)

func main() { launch.Main(function()) }

func function() launch.Function { // for whose answer somebody waits
	calls := sdk.Settings{Attempts: 4, Attempt: 3 * time.Second, Delay: 500 * time.Millisecond}
	return launch.Function{Reserve: time.Second, Calls: calls, Start: start}
}

func start(e *launch.Environment) lambda.Handler {
	control := tables.Control(e)
	stores := serving.Stores{Catalog: control, Programs: &programs.Cache{}, Base: tables.Base(e), Speed: tables.Speed(e)}
	h := &handler.Handler{
		Operations: operations.New(control, e.Settings(), time.Now), Differ: &compare.Comparer{Stores: stores},
		MaxAnswer: e.Settings().MaxAnswer, Log: e.Log(),
	}
	return lambda.NewHandler(h.Handle)
}
