// Command authorizer is the Lambda authorizer of the HTTP API, over the secret that holds the keys.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/anabranch/anabranch/functions/authorizer/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/setting"
)

func main() { launch.Main(function()) }

func function() launch.Function {
	return launch.Function{
		Reserve: 200 * time.Millisecond, // to answer in
		// A client waits for the answer, and the gateway waits 10 s.
		Calls: sdk.Settings{Attempts: 3, Attempt: 1500 * time.Millisecond, Delay: 100 * time.Millisecond},
		Start: start,
	}
}

func start(e *launch.Environment) lambda.Handler {
	h := &handler.Handler{
		Secret: secret{secretsmanager.NewFromConfig(e.Config()), e.Name(launch.KeysSecret)}, Now: time.Now, Log: e.Log(),
		Fresh: e.Settings().KeyFresh, Grace: e.Settings().KeyGrace, Miss: setting.KeyMiss, Stale: setting.KeyStale,
	}
	return lambda.NewHandler(h.Handle)
}
