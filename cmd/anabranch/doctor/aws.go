package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// AWS runs the program aws of the AWS CLI, version 2, with some arguments, and returns what it prints. The command
// itself links no SDK of AWS.
//
// Errors: the program is missing, or failed; the error has what it printed.
type AWS func(ctx context.Context, args ...string) ([]byte, error)

// CollectStack gathers the facts that AWS gives of a stack.
//
// Errors: those of the program aws, and answers that are not JSON.
func CollectStack(ctx context.Context, aws AWS, name string, now time.Time) (*Stack, error) {
	c := &collector{ctx: ctx, aws: aws, stack: &Stack{Name: name}}
	outputs := c.describe(name)
	c.alarms(name)
	for _, output := range slices.Sorted(keysOf(outputs)) {
		if strings.HasSuffix(output, "Function") {
			c.function(outputs[output])
		}
	}
	for _, output := range []string{"SpeedFunction", "RepublishFunction"} {
		c.mapping(outputs[output])
	}
	c.layout(outputs["ArchiveBucket"])
	c.rejected(outputs["IngestFunction"], now)
	var account struct {
		AccountLimit struct{ ConcurrentExecutions int64 }
	}
	c.ask(&account, "lambda", "get-account-settings")
	c.stack.Instances = account.AccountLimit.ConcurrentExecutions
	return c.stack, c.err
}

// collector keeps the first error, after which it asks nothing more.
type collector struct {
	ctx   context.Context
	aws   AWS
	stack *Stack
	err   error
}

// ask runs aws, and decodes what it prints into a value.
func (c *collector) ask(into any, args ...string) {
	if c.err != nil {
		return
	}
	out, err := c.aws(c.ctx, append(args, "--output", "json")...)
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		c.err = fmt.Errorf("aws %s: %w", strings.Join(args, " "), err)
	}
}

// describe reads the state and the parameters of a stack. It returns its outputs.
func (c *collector) describe(name string) map[string]string {
	var all struct {
		Stacks []struct {
			StackStatus string
			Parameters  []struct{ ParameterKey, ParameterValue string }
			Outputs     []struct{ OutputKey, OutputValue string }
		}
	}
	c.ask(&all, "cloudformation", "describe-stacks", "--stack-name", name)
	if c.err == nil && len(all.Stacks) != 1 {
		c.err = fmt.Errorf("there are %d stacks %s", len(all.Stacks), name)
	}
	outputs := map[string]string{}
	c.stack.Parameters = map[string]string{}
	for _, s := range all.Stacks {
		c.stack.State = s.StackStatus
		for _, p := range s.Parameters {
			c.stack.Parameters[p.ParameterKey] = p.ParameterValue
		}
		for _, o := range s.Outputs {
			outputs[o.OutputKey] = o.OutputValue
		}
	}
	return outputs
}

// alarms reads the alarms of a stack. CloudFormation names them after stack and resource: anabranch-DriftAlarm-1A2B3C.
func (c *collector) alarms(name string) {
	var all struct {
		MetricAlarms []struct {
			AlarmName, StateValue, StateReason string
			ActionsEnabled                     bool
		}
	}
	c.ask(&all, "cloudwatch", "describe-alarms", "--alarm-name-prefix", name+"-")
	resource := regexp.MustCompile("^" + regexp.QuoteMeta(name) + `-([A-Za-z]+Alarm)-[A-Za-z0-9]+$`)
	for _, a := range all.MetricAlarms {
		if found := resource.FindStringSubmatch(a.AlarmName); found != nil {
			c.stack.Alarms = append(c.stack.Alarms, Alarm{found[1], a.StateValue, a.StateReason, a.ActionsEnabled})
		}
	}
}

func (c *collector) function(name string) {
	var f struct {
		State, LastUpdateStatus string
		Environment             struct{ Variables map[string]string }
	}
	c.ask(&f, "lambda", "get-function-configuration", "--function-name", name)
	c.stack.Functions = append(c.stack.Functions, Function{name, f.State, f.LastUpdateStatus, f.Environment.Variables})
}

func (c *collector) mapping(function string) {
	var all struct {
		EventSourceMappings []struct{ State string }
	}
	c.ask(&all, "lambda", "list-event-source-mappings", "--function-name", function)
	for _, m := range all.EventSourceMappings {
		c.stack.Mappings = append(c.stack.Mappings, Mapping{function, m.State})
	}
}

// layout reads the layout of the archive. A stack that has had no request has none yet.
func (c *collector) layout(bucket string) {
	var listed struct{ Contents []struct{ Key string } }
	key := fmt.Sprintf("events/_layouts/%s.json", c.stack.Parameters["Layout"])
	c.ask(&listed, "s3api", "list-objects-v2", "--bucket", bucket, "--prefix", key)
	if c.err != nil || len(listed.Contents) == 0 {
		return
	}
	out, err := c.aws(c.ctx, "s3", "cp", "s3://"+bucket+"/"+key, "-")
	if err == nil {
		c.stack.Layout = &Layout{}
		err = json.Unmarshal(out, c.stack.Layout)
	}
	if err != nil {
		c.err = fmt.Errorf("read the layout of the archive: %w", err)
	}
}

// rejected reads how many events ingest has rejected within a day.
func (c *collector) rejected(function string, now time.Time) {
	var m struct{ Datapoints []struct{ Sum float64 } }
	c.ask(&m, "cloudwatch", "get-metric-statistics", "--namespace", "Anabranch", "--metric-name", "Rejected",
		"--dimensions", "Name=FunctionName,Value="+function, "--statistics", "Sum", "--period", "86400",
		"--start-time", now.Add(-24*time.Hour).UTC().Format(time.RFC3339), "--end-time", now.UTC().Format(time.RFC3339))
	for _, d := range m.Datapoints {
		c.stack.Rejected += int64(d.Sum)
	}
}
