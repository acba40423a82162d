//go:build emulator

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/anabranch/anabranch/infra/experiments"
	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/host/emf"
	"github.com/anabranch/anabranch/localstack/stack"
	"github.com/anabranch/anabranch/shared/metrics"
)

// firstDay runs every experiment of make first-day in its short form. The stack is then as it was before. What only AWS
// has, reports and metrics, is not measured, and the page says so.
func firstDay(t *testing.T, w *world) {
	lab, err := experiments.NewLab(w.Config, w.URL, w.Keys.Admin, w.Outputs, nil, experiments.Short(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	mapping := &mapping{Lambda: lab.Lambda, stack: w.Stack, on: true}
	lab.Lambda, lab.Kinesis = mapping, w.Kinesis
	lab.S3 = s3.NewFromConfig(w.ConfigOf("s3"), func(o *s3.Options) { o.UsePathStyle = true })
	before, shards := w.variables(t, lab), w.openShards(t)
	ticking, stop := context.WithCancel(t.Context())
	var ticks sync.WaitGroup
	defer ticks.Wait()
	defer stop()
	ticks.Go(func() { w.tickOften(t, ticking) })
	results, err := lab.Run(t.Context(), experiments.All())
	if err != nil {
		t.Error(err)
	}
	for _, r := range results {
		t.Logf("%-10s %.0f s", r.Experiment.Name, r.Took.Seconds())
		if r.Err != nil {
			t.Errorf("experiment %s: %v", r.Experiment.Name, r.Err)
		}
	}
	if now := w.variables(t, lab); now != before {
		t.Errorf("audit has LOG_LEVEL=%s after the experiments, want %s", now, before)
	}
	if now := w.openShards(t); now != shards {
		t.Errorf("the stream has %d shards after the experiments, want %d", now, shards)
	}
	if !mapping.on {
		t.Error("the stream is not read after the experiments")
	}
	page, err := lab.Page(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, only := range []string{"values of a metric of audit", "largest Max Memory Used of batch", "average duration"} {
		if !strings.Contains(page, only) || !strings.Contains(page, "| "+only) {
			t.Errorf("the page says nothing of %q", only)
		}
	}
	if n := strings.Count(page, "not measured here"); n < 16 || !strings.Contains(page, "on an emulator") {
		t.Errorf("the page says %d times that something is not measured here, want at least 16, and names the emulator", n)
	}
	w.writePage(t, page)
	w.watches(t)
}

// watches checks that a tick of audit prints the metric that the experiment log-level asks CloudWatch for.
func (w *world) watches(t *testing.T) {
	t.Helper()
	if _, err := w.invoke(t.Context(), "AuditFunction"); err != nil {
		t.Fatal(err)
	}
	watched := emf.Key{
		Namespace: metrics.Namespace, Name: string(metrics.BatchOverdue),
		Dimensions: metrics.Dimension + "=" + w.Outputs["AuditFunction"],
	}
	if w.Host.Metrics().All()[watched].Count == 0 {
		t.Errorf("no tick has printed %+v", watched)
	}
}

// tickOften invokes batch once a second, since the schedule does so only once a minute, until ctx ends.
func (w *world) tickOften(t *testing.T, ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.batchByHand(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("tick: %v", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// writePage writes the page where make first-day does.
func (w *world) writePage(t *testing.T, page string) {
	t.Helper()
	root, err := venv.Root()
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "build", "first-day.md"), []byte(page), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// variables returns the log level of audit.
func (w *world) variables(t *testing.T, lab *experiments.Lab) string {
	t.Helper()
	name := w.Outputs["AuditFunction"]
	c, err := lab.Lambda.GetFunctionConfiguration(
		t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &name},
	)
	if err != nil {
		t.Fatal(err)
	}
	return c.Environment.Variables["LOG_LEVEL"]
}

// mapping is Lambda with one mapping of the stream, which our own poller plays.
type mapping struct {
	experiments.Lambda
	stack *stack.Stack
	on    bool
}

func (m *mapping) ListEventSourceMappings(
	context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []types.EventSourceMappingConfiguration{
		{UUID: aws.String("poller"), State: m.state()},
	}}, nil
}

func (m *mapping) GetEventSourceMapping(
	context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options),
) (*lambda.GetEventSourceMappingOutput, error) {
	return &lambda.GetEventSourceMappingOutput{State: m.state()}, nil
}

func (m *mapping) UpdateEventSourceMapping(
	ctx context.Context, in *lambda.UpdateEventSourceMappingInput, _ ...func(*lambda.Options),
) (*lambda.UpdateEventSourceMappingOutput, error) {
	if m.on = *in.Enabled; !m.on {
		return &lambda.UpdateEventSourceMappingOutput{}, m.stack.PauseStream()
	}
	m.stack.ResumeStream(ctx)
	return &lambda.UpdateEventSourceMappingOutput{}, nil
}

func (m *mapping) state() *string {
	if m.on {
		return aws.String("Enabled")
	}
	return aws.String("Disabled")
}
