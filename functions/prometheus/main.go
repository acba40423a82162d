// Command prometheus is the Lambda function behind /prometheus/api/v1/...: PromQL over the views. It reads what the
// query function reads.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/prometheus/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/tables"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/serving"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		Reserve: time.Second,                                                                        // to answer in
		Calls:   sdk.Settings{Attempts: 4, Attempt: 3 * time.Second, Delay: 500 * time.Millisecond}, // a client waits
		Start:   start,
	}
}

func start(e *launch.Environment) lambda.Handler {
	control, settings := tables.Control(e), e.Settings()
	stores := serving.Stores{Catalog: control, Programs: &programs.Cache{}, Base: tables.Base(e), Speed: tables.Speed(e)}
	answers := serving.New(stores, control, settings, e.Parallel(), time.Now)
	api := promql.New(answers, promql.BoundsOf(settings), e.Log())
	h := handler.New(api, time.Now, settings.MaxAnswer, e.Log())
	return lambda.NewHandler(h.Handle)
}
