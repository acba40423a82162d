package experiments

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// lookBack is how far back experiments ask for metrics.
const lookBack = 15 * time.Minute

// samples returns how many values of a metric CloudWatch has of a function between two times.
func (l *Lab) samples(
	ctx context.Context, namespace, metric, function string, from, to time.Time,
) (float64, error) {
	in := metricOf(namespace, metric, function, from, to)
	in.Statistics = []types.Statistic{types.StatisticSampleCount}
	got, err := l.CloudWatch.GetMetricStatistics(ctx, in)
	if err != nil {
		return 0, fmt.Errorf("read metric %s: %w", metric, err)
	}
	sum := 0.0
	for _, d := range got.Datapoints {
		sum += aws.ToFloat64(d.SampleCount)
	}
	return sum, nil
}

func metricOf(namespace, metric, function string, from, to time.Time) *cloudwatch.GetMetricStatisticsInput {
	return &cloudwatch.GetMetricStatisticsInput{
		Namespace: &namespace, MetricName: &metric, StartTime: &from, EndTime: &to, Period: aws.Int32(60),
		Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: &function}},
	}
}

// duration returns the average duration of a function's invocations between two times, in milliseconds, and how many
// there were.
func (l *Lab) duration(ctx context.Context, function string, from, to time.Time) (ms, calls float64, err error) {
	in := metricOf("AWS/Lambda", "Duration", function, from, to)
	in.Statistics = []types.Statistic{types.StatisticSum, types.StatisticSampleCount}
	got, err := l.CloudWatch.GetMetricStatistics(ctx, in)
	if err != nil {
		return 0, 0, fmt.Errorf("read the duration of a function: %w", err)
	}
	for _, d := range got.Datapoints {
		ms, calls = ms+aws.ToFloat64(d.Sum), calls+aws.ToFloat64(d.SampleCount)
	}
	if calls > 0 {
		ms /= calls
	}
	return ms, calls, nil
}

// report is what Lambda logs at the end of an invocation.
//
// Source: Lambda Developer Guide, JSON log format, platform.report.
type report struct {
	DurationMs      float64 `json:"durationMs"`
	MemorySizeMB    float64 `json:"memorySizeMB"`
	MaxMemoryUsedMB float64 `json:"maxMemoryUsedMB"`
}

// reports returns the reports in the log of a function since a time.
func (l *Lab) reports(ctx context.Context, output string, since time.Time) (all []report, err error) {
	name := l.Outputs[output]
	c, err := l.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return nil, fmt.Errorf("read the configuration of a function: %w", err)
	}
	if c.LoggingConfig == nil || c.LoggingConfig.LogGroup == nil {
		return nil, nil
	}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(l.Logs, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: c.LoggingConfig.LogGroup, StartTime: aws.Int64(since.UnixMilli()),
		FilterPattern: aws.String(`{ $.type = "platform.report" }`),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the log of a function: %w", err)
		}
		for _, e := range page.Events {
			var line struct {
				Type   string
				Record struct{ Metrics report }
			}
			// An emulator may ignore the pattern, so lines of another shape are left out.
			if json.Unmarshal([]byte(aws.ToString(e.Message)), &line) == nil && line.Type == "platform.report" {
				all = append(all, line.Record.Metrics)
			}
		}
	}
	return all, nil
}
