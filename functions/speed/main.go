// Command speed is the Lambda function that reads the stream: the speed layer over the tables in DynamoDB, and over the
// archive in S3, which takes what cannot be decoded.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/functions/speed/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/tables"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/speed"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		Reserve: 5 * time.Second, // to say which records are left
		// The stream waits for one invocation after the other, and what fails is delivered again.
		Calls: sdk.Settings{Attempts: 5, Attempt: 5 * time.Second, Delay: time.Second},
		Start: start,
	}
}

func start(e *launch.Environment) lambda.Handler {
	stores := speed.Stores{
		Archive: e.Archive(), Catalog: tables.Control(e), Programs: &programs.Cache{}, Items: tables.Speed(e),
		Seen: tables.Seen(e),
	}
	return &handler.Handler{Speed: speed.New(stores, e.Settings(), e.Host()), Log: e.Log(), Print: e.Print}
}
