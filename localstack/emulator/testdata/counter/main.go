// Command counter is a Lambda function for the probe of the emulator. It adds 1 to an item, and returns what it knows
// of its runtime.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type event struct {
	Table string `json:"table"`
	Print int    `json:"print"` // bytes to write to standard output
}

func handle(ctx context.Context, e event) (string, error) {
	fmt.Println("hello" + strings.Repeat(".", e.Print))
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return "", err
	}
	update := "ADD n :one"
	_, err = dynamodb.NewFromConfig(cfg).UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &e.Table, UpdateExpression: &update,
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberB{Value: []byte("p")},
			"sk": &types.AttributeValueMemberB{Value: []byte("s")},
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
	})
	if err != nil {
		return "", err
	}
	lambdaContext, _ := lambdacontext.FromContext(ctx)
	return fmt.Sprintf("%t %s", lambdaContext.InvokedFunctionArn != "", os.Getenv("AWS_EXECUTION_ENV")), nil
}

func main() { lambda.Start(handle) }
