// Command mcp is the Lambda function behind /mcp: tools for assistants, over the serving layer that also answers
// GET /v1/views... in the query function.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/mcp/handler"
	queryhandler "github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/tables"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/serving"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		Reserve: time.Second,                                                                        // to answer in
		Calls:   sdk.Settings{Attempts: 4, Attempt: 3 * time.Second, Delay: 500 * time.Millisecond}, // a client waits
		Start:   func(e *launch.Environment) lambda.Handler { return lambda.NewHandler(wire(e).Handle) },
	}
}

func wire(e *launch.Environment) *handler.Handler {
	control, settings := tables.Control(e), e.Settings()
	stores := serving.Stores{Catalog: control, Programs: &programs.Cache{}, Base: tables.Base(e), Speed: tables.Speed(e)}
	answers := serving.New(stores, control, settings, e.Parallel(), time.Now)
	query := &queryhandler.Handler{Serving: answers, MaxAnswer: settings.MaxAnswer, Log: e.Log()}
	return handler.New(handler.Settings{Query: query.Handle, MaxAnswer: settings.MaxAnswer, Now: time.Now, Log: e.Log()})
}
