// Command admin is the Lambda function behind /v1/admin/views...: it wires the operations layer, and the comparison of
// generations, to the tables in DynamoDB. What is wanted of a view it writes into the table of control; batch, replay
// and audit carry it out.
package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/functions/admin/handler"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/setting"
)

// Settings are the function's, from its environment.
type Settings struct {
	// The tables of control, base items and speed items, by name.
	CatalogTable, BaseTable, SpeedTable string
}

const (
	reserve = time.Second // kept of an invocation, to answer in
)

// calls: somebody waits for the answer.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 4, Attempt: 3 * time.Second, Delay: 500 * time.Millisecond}
}

// function is the started function.
type function struct{ handler *handler.Handler }

// start wires the function. Without its settings it does not start.
func start(ctx context.Context, lookup settings.Lookup, log *slog.Logger) (*function, error) {
	var s Settings
	if err := settings.Read(lookup, &s); err != nil {
		return nil, err
	}
	cfg, err := sdk.Config(ctx, calls())
	if err != nil {
		return nil, err
	}
	tables := dynamodb.NewFromConfig(cfg)
	control := dynamocatalog.New(tables, s.CatalogTable)
	return &function{&handler.Handler{
		Log:        log,
		Operations: &operations.Operations{Catalog: control, Sweeps: control, Tries: setting.Default().WriteTries, Now: time.Now},
		Differ: &compare.Comparer{Stores: serving.Stores{
			Catalog: control, Programs: &programs.Cache{},
			Base: dynamoviews.NewBase(tables, s.BaseTable), Speed: dynamoviews.NewSpeed(tables, s.SpeedTable),
		}},
	}}, nil
}

func (f *function) handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, r)
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
