// Command batch is the Lambda function that the schedule calls: the batch layer and the sweep. What the views are to be
// says views.yaml beside it.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/batch/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/tables"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/sweep"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

func main() { launch.Main(function()) }

func function() launch.Function { // the next tick resumes one that fails half-way
	calls := sdk.Settings{Attempts: 8, Attempt: 30 * time.Second, Delay: 5 * time.Second}
	return launch.Function{Reserve: 5 * time.Second, Calls: calls, Start: start}
}

func start(e *launch.Environment) lambda.Handler {
	definitions, err := viewfile.Parse("views.yaml", e.File("views.yaml"))
	e.Check(err)
	archive, control := e.Archive(), tables.Control(e)
	runs := batch.Stores{Archive: archive, Catalog: control, Programs: &programs.Cache{}, Base: tables.Base(e)}
	swept := sweep.Stores{Archive: archive, Catalog: control, Seen: tables.Seen(e), Queue: e.Queue()}
	h := &handler.Handler{Log: e.Log(), Print: e.Print}
	h.Batch = batch.New(runs, lifecycle.Define(definitions), e.Settings(), e.Host())
	h.Sweep = sweep.New(swept, e.Settings(), e.Host())
	return lambda.NewHandler(h.Handle)
}
