// Package awstest is the shared test code of the AWS adapters. It makes the tables, bucket, stream and queue on an
// emulator as the template declares them. It also has an HTTP client that answers instead of AWS, to test the SDK with
// answers that no emulator gives.
package awstest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/table"
)

// Schema is the part of a table's definition that matters to the adapters. The template declares the same.
type Schema struct {
	Keys    types.ScalarAttributeType // type of both key attributes
	Expires string                    // the TTL attribute; "": none
}

// The schemas of the four tables.
var (
	BaseTable    = Schema{Keys: types.ScalarAttributeTypeB}
	SpeedTable   = Schema{Keys: types.ScalarAttributeTypeB, Expires: "expires"}
	SeenTable    = Schema{Keys: types.ScalarAttributeTypeB, Expires: "expires"}
	CatalogTable = Schema{Keys: types.ScalarAttributeTypeS}
)

// Config is the SDK's configuration for an endpoint in a test, with few and quick retries. It does not read the
// environment.
func Config(endpoint string) aws.Config {
	settings := sdk.Settings{Attempts: 3, Delay: 10 * time.Millisecond}
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: aws.CredentialsProviderFunc(anybody),
		HTTPClient: settings.HTTPClient(), Retryer: settings.Retryer,
	}
}

// anybody returns credentials that an emulator ignores and a real service refuses.
func anybody(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
}

// Unique returns a name that no other call returns, for a resource of an emulator that others may use, too.
func Unique(name string) string { return name + "-" + strings.ToLower(rand.Text()[:8]) }

// Table makes a table.
func Table(t testing.TB, cfg aws.Config, name string, schema Schema) *dynamodb.Client {
	t.Helper()
	client := dynamodb.NewFromConfig(cfg)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(table.PartitionKey), AttributeType: schema.Keys},
			{AttributeName: aws.String(table.SortKey), AttributeType: schema.Keys},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(table.PartitionKey), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(table.SortKey), KeyType: types.KeyTypeRange},
		},
	})
	need(t, "create table "+name, err)
	need(t, "wait for table "+name,
		dynamodb.NewTableExistsWaiter(client).Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute))
	if schema.Expires != "" {
		_, err := client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
			TableName:               &name,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &schema.Expires, Enabled: aws.Bool(true)},
		})
		need(t, "let items of table "+name+" expire", err)
	}
	return client
}

// Bucket makes a bucket.
func Bucket(t testing.TB, cfg aws.Config, name string) *s3.Client {
	t.Helper()
	client := s3.NewFromConfig(cfg)
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	need(t, "create bucket "+name, err)
	return client
}

// Stream makes a stream.
func Stream(t testing.TB, cfg aws.Config, name string, shards int32) *kinesis.Client {
	t.Helper()
	client := kinesis.NewFromConfig(cfg)
	_, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards})
	need(t, "create stream "+name, err)
	need(t, "wait for stream "+name,
		kinesis.NewStreamExistsWaiter(client).Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: &name}, time.Minute))
	return client
}

// Queue makes a queue and returns its URL.
func Queue(t testing.TB, cfg aws.Config, name string) (*sqs.Client, string) {
	t.Helper()
	client := sqs.NewFromConfig(cfg)
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	need(t, "create queue "+name, err)
	return client, *out.QueueUrl
}

func need(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
