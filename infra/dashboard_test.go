package infra_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// widget is a part of the dashboard.
//
// Source: Amazon CloudWatch API Reference, Dashboard Body Structure and Syntax.
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title   string
		Region  string
		Alarms  []string
		Metrics [][]any
	}
}

// shown is one metric of a widget: its namespace, its name, and the name and the value of its dimension.
type shown struct{ namespace, name, dimension, value string }

func dashboard(t *testing.T) []widget {
	t.Helper()
	body, ok := application(t).resource("Dashboard").property("DashboardBody").(object)["Fn::Sub"].(string)
	if !ok {
		t.Fatal("the body of the dashboard is no Fn::Sub")
	}
	var all struct{ Widgets []widget }
	decoder := json.NewDecoder(strings.NewReader(body))
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("the body of the dashboard: %v", err)
	}
	return all.Widgets
}

// searched matches the search for one metric of a function, for every view.
var searched = regexp.MustCompile(`^SEARCH\('\{Anabranch,FunctionName,View\} MetricName="(\w+)" "(\$\{\w+\})"', ` +
	`'Sum', 300\)$`)

// shownIn returns the metrics of a widget.
func shownIn(t *testing.T, w widget) (all []shown) {
	t.Helper()
	for _, m := range w.Properties.Metrics {
		if options, ok := m[0].(object); ok {
			found := searched.FindStringSubmatch(fmt.Sprint(options["expression"]))
			if found == nil {
				t.Errorf("%s: unknown expression %v", w.Properties.Title, options["expression"])
				continue
			}
			all = append(all, shown{"Anabranch", found[1], "View of FunctionName", found[2]})
			continue
		}
		texts := make([]string, 4)
		for i := range texts {
			texts[i] = fmt.Sprint(m[i])
		}
		all = append(all, shown{texts[0], texts[1], texts[2], texts[3]})
	}
	return all
}

// awsMetrics are the metrics of AWS that the dashboard may show, with their dimension.
//
// Source: the pages on metrics of Lambda, API Gateway (HTTP APIs), SQS, DynamoDB and Kinesis in their developer guides.
var awsMetrics = map[string]string{
	"AWS/Lambda Errors": "FunctionName", "AWS/Lambda Throttles": "FunctionName", "AWS/Lambda Invocations": "FunctionName",
	"AWS/Lambda Duration": "FunctionName", "AWS/Lambda IteratorAge": "FunctionName",
	"AWS/Lambda AsyncEventsDropped": "FunctionName",
	"AWS/ApiGateway 5xx":            "ApiId", "AWS/ApiGateway 4xx": "ApiId", "AWS/ApiGateway Count": "ApiId",
	"AWS/SQS ApproximateNumberOfMessagesVisible": "QueueName",
	"AWS/DynamoDB ConsumedReadCapacityUnits":     "TableName", "AWS/DynamoDB ConsumedWriteCapacityUnits": "TableName",
	"AWS/Kinesis IncomingBytes": "StreamName",
}

// TestDashboardShowsMetricsThatExist checks each metric of the dashboard: the function of its dimension prints it, or
// AWS reports it with this dimension. The value of the dimension is a resource of the stack, or an output of its
// storage.
func TestDashboardShowsMetricsThatExist(t *testing.T) {
	app := application(t)
	outputs := storage(t).root["Outputs"].(object)
	for _, w := range dashboard(t) {
		if w.Type == "metric" && w.Properties.Region != "${AWS::Region}" {
			t.Errorf("%s: region %q", w.Properties.Title, w.Properties.Region)
		}
		for _, m := range shownIn(t, w) {
			reference := strings.TrimSuffix(strings.TrimPrefix(m.value, "${"), "}")
			if output, ok := strings.CutPrefix(reference, "Storage.Outputs."); ok {
				if outputs[output] == nil {
					t.Errorf("%v: the storage has no output %s", m, output)
				}
			} else if name, _, _ := strings.Cut(reference, "."); app.root["Resources"].(object)[name] == nil {
				t.Errorf("%v: the template has no resource %s", m, name)
			}
			if m.namespace != "Anabranch" {
				if dimension := awsMetrics[m.namespace+" "+m.name]; dimension != m.dimension {
					t.Errorf("%v: AWS reports it by %q", m, dimension)
				}
				continue
			}
			function := strings.ToLower(strings.TrimSuffix(reference, "Function"))
			of := "metrics." + m.name + ","
			if m.dimension != "FunctionName" && m.dimension != "View of FunctionName" || !prints(t, function, of) ||
				m.dimension != "FunctionName" && !prints(t, function, "View: ") {
				t.Errorf("%v: functions/%s/handler has no %s", m, function, of)
			}
		}
	}
}

// prints reports whether the handler of a function has a text.
func prints(t *testing.T, function, text string) bool {
	t.Helper()
	files, err := filepath.Glob("../functions/" + function + "/handler/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") && strings.Contains(string(code), text) {
			return true
		}
	}
	return false
}

// TestDashboardHasEveryAlarm checks that the dashboard lists each alarm of the template once, and shows the metric of
// each, so that people see what an alarm saw. TestRunbook checks that each has an entry in docs/runbook.md.
func TestDashboardHasEveryAlarm(t *testing.T) {
	var listed, wanted []string
	seen := map[shown]bool{}
	for _, w := range dashboard(t) {
		listed = append(listed, w.Properties.Alarms...)
		for _, m := range shownIn(t, w) {
			seen[m] = true
		}
	}
	for _, r := range application(t).resources("AWS::CloudWatch::Alarm") {
		wanted = append(wanted, "${"+r.name+".Arn}")
		dimension := listOf(r.property("Dimensions"))[0]
		value := text(at(dimension, "Value"))
		value = "${" + strings.TrimPrefix(strings.TrimPrefix(value, "!Ref "), "!GetAtt ") + "}"
		m := shown{text(r.property("Namespace")), text(r.property("MetricName")), text(at(dimension, "Name")), value}
		if !seen[m] {
			t.Errorf("%s is about %v, which the dashboard does not show", r.name, m)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(wanted, listed); diff != "" {
		t.Errorf("alarms (-template +dashboard):\n%s", diff)
	}
}

// TestDashboardWatchesEveryFunction checks that errors, throttles, invocations and durations of each function are
// shown.
func TestDashboardWatchesEveryFunction(t *testing.T) {
	seen := map[shown]bool{}
	for _, w := range dashboard(t) {
		for _, m := range shownIn(t, w) {
			seen[m] = true
		}
	}
	for _, name := range functionNames() {
		for _, metric := range []string{"Errors", "Throttles", "Invocations", "Duration"} {
			if m := (shown{"AWS/Lambda", metric, "FunctionName", "${" + large(name) + "Function}"}); !seen[m] {
				t.Errorf("the dashboard does not show %v", m)
			}
		}
	}
}

// TestDashboardLayout checks that no two widgets of the dashboard overlap, and that each fits into the grid.
func TestDashboardLayout(t *testing.T) {
	taken := map[[2]int]string{}
	for _, w := range dashboard(t) {
		if w.X < 0 || w.Width < 1 || w.X+w.Width > 24 || w.Height < 1 {
			t.Errorf("%s does not fit into the 24 columns", w.Properties.Title)
		}
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s covers %s", w.Properties.Title, other)
				}
				taken[[2]int{x, y}] = w.Properties.Title
			}
		}
	}
}
