package experiments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// Lambda is what experiments call of Lambda.
type Lambda interface {
	lambda.GetFunctionConfigurationAPIClient
	lambda.ListEventSourceMappingsAPIClient
	UpdateFunctionConfiguration(
		context.Context, *lambda.UpdateFunctionConfigurationInput, ...func(*lambda.Options),
	) (*lambda.UpdateFunctionConfigurationOutput, error)
	GetEventSourceMapping(
		context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options),
	) (*lambda.GetEventSourceMappingOutput, error)
	UpdateEventSourceMapping(
		context.Context, *lambda.UpdateEventSourceMappingInput, ...func(*lambda.Options),
	) (*lambda.UpdateEventSourceMappingOutput, error)
}

// Kinesis is what experiments call of Kinesis.
type Kinesis interface {
	DescribeStreamSummary(
		context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options),
	) (*kinesis.DescribeStreamSummaryOutput, error)
	UpdateStreamMode(
		context.Context, *kinesis.UpdateStreamModeInput, ...func(*kinesis.Options),
	) (*kinesis.UpdateStreamModeOutput, error)
	UpdateShardCount(
		context.Context, *kinesis.UpdateShardCountInput, ...func(*kinesis.Options),
	) (*kinesis.UpdateShardCountOutput, error)
	ListShards(
		context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options),
	) (*kinesis.ListShardsOutput, error)
	GetShardIterator(
		context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options),
	) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// S3 is what experiments call of S3.
type S3 interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// CloudWatch is what experiments call of CloudWatch.
type CloudWatch interface {
	GetMetricStatistics(
		context.Context, *cloudwatch.GetMetricStatisticsInput, ...func(*cloudwatch.Options),
	) (*cloudwatch.GetMetricStatisticsOutput, error)
}

// Lab is a stack with what experiments need to reach it. Every field but Out must be set.
type Lab struct {
	Outputs    map[string]string // outputs of the stack, by name
	Parameters map[string]string // parameters of the stack, by name
	Server     *client.Client    // calls the stack's API with the admin key
	Lambda     Lambda
	Kinesis    Kinesis
	S3         S3
	CloudWatch CloudWatch
	Logs       cloudwatchlogs.FilterLogEventsAPIClient
	Sizes      Sizes
	Region     string    // AWS region; "" for an emulator, whose times say nothing of AWS
	ID         string    // id of this run; part of the source and key of every event
	Out        io.Writer // receives progress; nil for none
	Now        func() time.Time
	Wait       func(context.Context, time.Duration) error // returns early, with an error, when the context ends

	view    *counting // the view that counts the events; nil until it is looked up
	changes []change  // what is to be undone
}

// change is a change of the stack, and how to undo it.
type change struct {
	what   string
	byHand string // how an operator undoes it
	undo   func(context.Context) error
}

// change changes the stack. restore undoes it, also if it was only made in part: so undo must be harmless when there is
// nothing to undo.
func (l *Lab) change(ctx context.Context, c change, do func(context.Context) error) error {
	l.changes = append(l.changes, c)
	l.printf("  changing: %s. It is changed back afterwards. If this program is killed: %s\n", c.what, c.byHand)
	if err := do(ctx); err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	return nil
}

// restore undoes all changes, the last one first. It tries each, whatever happens to the others.
func (l *Lab) restore(ctx context.Context) error {
	var all []error
	for _, c := range slices.Backward(l.changes) {
		if err := c.undo(ctx); err != nil {
			all = append(all, fmt.Errorf("not changed back: %s: %w; by hand: %s", c.what, err, c.byHand))
			continue
		}
		l.printf("  changed back: %s\n", c.what)
	}
	l.changes = nil
	return errors.Join(all...)
}

// poll is the time between two looks at something that changes by itself.
const poll = time.Second

// until looks until done reports true, at most for Patience.
//
// Errors: that of done; the time is over, with what it waited for; that of ctx.
func (l *Lab) until(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	end := l.Now().Add(l.Sizes.Patience)
	for {
		is, err := done(ctx)
		if is || err != nil {
			return err
		}
		if !l.Now().Before(end) {
			return fmt.Errorf("waited %s in vain for %s", l.Sizes.Patience, what)
		}
		if err := l.Wait(ctx, poll); err != nil {
			return err
		}
	}
}
