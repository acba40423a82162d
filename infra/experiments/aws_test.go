package experiments_test

import (
	"context"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/anabranch/anabranch/shared/metrics"
)

func (f *fake) DescribeStreamSummary(
	context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options),
) (*kinesis.DescribeStreamSummaryOutput, error) {
	mode := kinesistypes.StreamModeProvisioned
	if f.onDemand {
		mode = kinesistypes.StreamModeOnDemand
	}
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &kinesistypes.StreamDescriptionSummary{
		StreamName: aws.String(outputs["StreamName"]), StreamARN: aws.String(outputs["StreamArn"]),
		StreamStatus: kinesistypes.StreamStatusActive, OpenShardCount: aws.Int32(f.shards),
		StreamModeDetails: &kinesistypes.StreamModeDetails{StreamMode: mode},
	}}, nil
}

func (f *fake) UpdateStreamMode(
	_ context.Context, in *kinesis.UpdateStreamModeInput, _ ...func(*kinesis.Options),
) (*kinesis.UpdateStreamModeOutput, error) {
	f.onDemand = in.StreamModeDetails.StreamMode == kinesistypes.StreamModeOnDemand
	return &kinesis.UpdateStreamModeOutput{}, f.called("UpdateStreamMode", in.StreamModeDetails.StreamMode)
}

func (f *fake) UpdateShardCount(
	_ context.Context, in *kinesis.UpdateShardCountInput, _ ...func(*kinesis.Options),
) (*kinesis.UpdateShardCountOutput, error) {
	if f.onDemand {
		f.t.Error("the shards of a stream on demand cannot be changed")
	}
	f.shards = *in.TargetShardCount
	return &kinesis.UpdateShardCountOutput{}, f.called("UpdateShardCount", *in.TargetShardCount)
}

func (f *fake) ListShards(
	context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options),
) (*kinesis.ListShardsOutput, error) {
	return &kinesis.ListShardsOutput{Shards: []kinesistypes.Shard{{ShardId: aws.String("0")}}}, nil
}

func (f *fake) GetShardIterator(
	context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options),
) (*kinesis.GetShardIteratorOutput, error) {
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String("first")}, nil
}

func (f *fake) GetRecords(
	_ context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options),
) (*kinesis.GetRecordsOutput, error) {
	out := &kinesis.GetRecordsOutput{NextShardIterator: aws.String("last"), MillisBehindLatest: aws.Int64(0)}
	if *in.ShardIterator == "first" {
		for _, data := range f.records {
			out.Records = append(out.Records, kinesistypes.Record{Data: data})
		}
	}
	return out, nil
}

func (f *fake) GetFunctionConfiguration(
	context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options),
) (*lambda.GetFunctionConfigurationOutput, error) {
	return &lambda.GetFunctionConfigurationOutput{
		Environment:      &lambdatypes.EnvironmentResponse{Variables: f.variables},
		LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful,
		LoggingConfig:    &lambdatypes.LoggingConfig{LogGroup: aws.String("/aws/lambda/shop-batch")},
	}, nil
}

func (f *fake) UpdateFunctionConfiguration(
	_ context.Context, in *lambda.UpdateFunctionConfigurationInput, _ ...func(*lambda.Options),
) (*lambda.UpdateFunctionConfigurationOutput, error) {
	f.variables = in.Environment.Variables
	return &lambda.UpdateFunctionConfigurationOutput{}, f.called("UpdateFunctionConfiguration", f.variables["LOG_LEVEL"])
}

func (f *fake) state() *string {
	if f.enabled {
		return aws.String("Enabled")
	}
	return aws.String("Disabled")
}

func (f *fake) ListEventSourceMappings(
	context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []lambdatypes.EventSourceMappingConfiguration{
		{UUID: aws.String("m"), State: f.state()},
	}}, nil
}

func (f *fake) GetEventSourceMapping(
	context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options),
) (*lambda.GetEventSourceMappingOutput, error) {
	return &lambda.GetEventSourceMappingOutput{State: f.state()}, nil
}

func (f *fake) UpdateEventSourceMapping(
	_ context.Context, in *lambda.UpdateEventSourceMappingInput, _ ...func(*lambda.Options),
) (*lambda.UpdateEventSourceMappingOutput, error) {
	if err := f.called("UpdateEventSourceMapping", *in.Enabled); err != nil {
		return nil, err
	}
	f.enabled = *in.Enabled
	return &lambda.UpdateEventSourceMappingOutput{}, nil
}

func (f *fake) GetMetricStatistics(
	_ context.Context, in *cloudwatch.GetMetricStatisticsInput, _ ...func(*cloudwatch.Options),
) (*cloudwatch.GetMetricStatisticsOutput, error) {
	out := &cloudwatch.GetMetricStatisticsOutput{}
	quiet := f.silent && f.variables["LOG_LEVEL"] == "ERROR" && in.EndTime.Equal(f.now)
	// Of these functions, only audit prints a metric at every tick.
	absent := *in.Namespace == metrics.Namespace && *in.Dimensions[0].Value != outputs["AuditFunction"]
	if f.metrics && !quiet && !absent {
		out.Datapoints = []cloudwatchtypes.Datapoint{{SampleCount: aws.Float64(4), Sum: aws.Float64(300)}}
	}
	return out, nil
}

func (f *fake) FilterLogEvents(
	context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	if f.metrics {
		for _, text := range []string{
			`{"level":"INFO","msg":"tick"}`,
			`{"type":"platform.report","record":{"metrics":{"durationMs":90,"memorySizeMB":2048,"maxMemoryUsedMB":120}}}`,
			`{"type":"platform.report","record":{"metrics":{"durationMs":61500,"memorySizeMB":2048,"maxMemoryUsedMB":913}}}`,
		} {
			out.Events = append(out.Events, logstypes.FilteredLogEvent{Message: &text})
		}
	}
	return out, nil
}

// objects is S3.
type objects struct{ *fake }

func (o objects) PutObject(
	_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options),
) (*s3.PutObjectOutput, error) {
	if *in.Bucket != outputs["FailureBucket"] {
		o.t.Errorf("an object is written to %s; the archive keeps everything for good", *in.Bucket)
	}
	o.objects[*in.Key] = true
	return &s3.PutObjectOutput{}, o.fail["PutObject"]
}

func (o objects) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader("x"))}, nil
}

func (o objects) DeleteObject(
	_ context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options),
) (*s3.DeleteObjectOutput, error) {
	delete(o.objects, *in.Key)
	return &s3.DeleteObjectOutput{}, nil
}

func (o objects) ListObjectsV2(
	context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options),
) (*s3.ListObjectsV2Output, error) {
	return &s3.ListObjectsV2Output{}, nil
}
