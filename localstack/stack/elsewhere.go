package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/anabranch/anabranch/localstack/host/trigger"
)

// service is a service whose resources may be on another emulator than MiniStack.
type service struct {
	variable string // environment variable that gives the SDK its endpoint
	// move creates the service's resources on the other emulator, as MiniStack has them, and calls Stack.rename.
	move func(*Stack, context.Context) error
}

// services holds every such service, by its name in Settings.Elsewhere.
//
// Source: AWS SDKs and Tools Reference Guide, service-specific endpoints.
var services = map[string]service{
	"s3":             {"AWS_ENDPOINT_URL_S3", (*Stack).moveArchive},
	"kinesis":        {"AWS_ENDPOINT_URL_KINESIS", (*Stack).moveStream},
	"sqs":            {"AWS_ENDPOINT_URL_SQS", (*Stack).moveQueue},
	"secretsmanager": {"AWS_ENDPOINT_URL_SECRETS_MANAGER", (*Stack).moveKeys},
	"dynamodb":       {"AWS_ENDPOINT_URL_DYNAMODB", (*Stack).moveTables},
}

// Services returns the names that Settings.Elsewhere may have.
func Services() []string { return slices.Sorted(maps.Keys(services)) }

// ConfigOf returns the configuration for clients of a service, on the emulator that holds its resources.
func (st *Stack) ConfigOf(service string) aws.Config {
	if endpoint, ok := st.elsewhere[service]; ok {
		return Config(endpoint)
	}
	return st.Config
}

// moveResources creates the resources of the services that Settings.Elsewhere names.
func (st *Stack) moveResources(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(st.elsewhere)) {
		s, ok := services[name]
		if !ok {
			return fmt.Errorf("invalid service %q in Elsewhere: must be one of %v", name, Services())
		}
		if err := s.move(st, ctx); err != nil {
			return fmt.Errorf("move %s to %s: %w", name, st.elsewhere[name], err)
		}
	}
	return nil
}

// rename makes an output, and every variable of a function with its value, hold another value.
func (st *Stack) rename(output, value string) {
	st.renamed[st.Outputs[output]] = value
	st.Outputs[output] = value
}

// unique returns a name that no other run has used: the other emulator may outlive this one.
func unique(resource string) string {
	return Name + "-" + resource + "-" + strings.ToLower(rand.Text()[:8])
}

func (st *Stack) moveArchive(ctx context.Context) error {
	bucket := unique("archive")
	_, err := s3.NewFromConfig(st.ConfigOf("s3")).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	st.rename("ArchiveBucket", bucket)
	return err
}

func (st *Stack) moveStream(ctx context.Context) error {
	stream, client := unique("stream"), kinesis.NewFromConfig(st.ConfigOf("kinesis"))
	in := &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: aws.Int32(shards)}
	if _, err := client.CreateStream(ctx, in); err != nil {
		return err
	}
	st.rename("StreamName", stream)
	waiter := kinesis.NewStreamExistsWaiter(client, func(o *kinesis.StreamExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	})
	return waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &stream}, time.Minute)
}

func (st *Stack) moveQueue(ctx context.Context) error {
	url := st.Outputs["RepublishQueue"]
	deployed, err := sqs.NewFromConfig(st.Config).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{
			sqstypes.QueueAttributeNameVisibilityTimeout, sqstypes.QueueAttributeNameMessageRetentionPeriod,
		},
	})
	if err != nil {
		return err
	}
	queue := unique("republish")
	out, err := sqs.NewFromConfig(st.ConfigOf("sqs")).CreateQueue(
		ctx, &sqs.CreateQueueInput{QueueName: &queue, Attributes: deployed.Attributes},
	)
	if err != nil {
		return err
	}
	st.rename("RepublishQueue", aws.ToString(out.QueueUrl))
	return nil
}

func (st *Stack) moveKeys(ctx context.Context) error {
	deployed, err := secretsmanager.NewFromConfig(st.Config).GetSecretValue(
		ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(st.Outputs["KeysSecretArn"])},
	)
	if err != nil {
		return err
	}
	secret := unique("keys")
	out, err := secretsmanager.NewFromConfig(st.ConfigOf("secretsmanager")).CreateSecret(
		ctx, &secretsmanager.CreateSecretInput{Name: &secret, SecretString: deployed.SecretString},
	)
	if err != nil {
		return err
	}
	st.rename("KeysSecretArn", aws.ToString(out.ARN))
	return nil
}

func (st *Stack) moveTables(ctx context.Context) error {
	for _, output := range []string{"CatalogTable", "BaseTable", "SpeedTable", "SeenTable"} {
		if err := st.moveTable(ctx, output); err != nil {
			return fmt.Errorf("%s: %w", output, err)
		}
	}
	return nil
}

func (st *Stack) moveTable(ctx context.Context, output string) error {
	from, to := dynamodb.NewFromConfig(st.Config), dynamodb.NewFromConfig(st.ConfigOf("dynamodb"))
	deployed := st.Outputs[output]
	table, err := from.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &deployed})
	if err != nil {
		return err
	}
	moved := unique(strings.ToLower(output))
	if _, err := to.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &moved, BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: table.Table.AttributeDefinitions, KeySchema: table.Table.KeySchema,
	}); err != nil {
		return err
	}
	st.rename(output, moved)
	return dynamodb.NewTableExistsWaiter(to).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &moved}, time.Minute)
}

// readQueue starts to read a republish queue that MiniStack does not hold, by the rules of the mapping in the template.
// MiniStack reads its own queue, which stays empty.
func (st *Stack) readQueue(ctx context.Context) {
	if _, moved := st.elsewhere["sqs"]; !moved {
		return
	}
	queue := &trigger.SQS{
		API: sqs.NewFromConfig(st.ConfigOf("sqs")), QueueURL: st.Outputs["RepublishQueue"], Region: st.Config.Region,
		ReportBatchItemFailures: true, Invoke: trigger.Function(st.Host, Republish), Log: slog.New(slog.DiscardHandler),
	}
	st.readers = append(st.readers, start(ctx, queue.Run))
}
