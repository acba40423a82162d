package metrics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/localstack/host/emf"
	"github.com/anabranch/anabranch/shared/metrics"
)

func at() time.Time { return time.Date(2026, 11, 22, 21, 15, 3, 4_999_999, time.UTC) }

// TestGolden holds the bytes that CloudWatch reads.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name     string
		function string
		values   []metrics.Value
		want     string
	}{
		{
			"ingest", "anabranch-ingest", []metrics.Value{{metrics.Accepted, 9_999, ""}, {metrics.Rejected, 0, ""}},
			`{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"Anabranch","Dimensions":[["FunctionName"]],` +
				`"Metrics":[{"Name":"Accepted","Unit":"Count"},{"Name":"Rejected","Unit":"Count"}]}]},` +
				`"FunctionName":"anabranch-ingest","Accepted":9999,"Rejected":0}` + "\n",
		},
		{
			"units", "f", []metrics.Value{{metrics.StreamLag, 5_120, ""}, {metrics.BatchOverdue, -1, ""}},
			`{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"Anabranch","Dimensions":[["FunctionName"]],` +
				`"Metrics":[{"Name":"StreamLag","Unit":"Milliseconds"},{"Name":"BatchOverdue","Unit":"Seconds"}]}]},` +
				`"FunctionName":"f","StreamLag":5120,"BatchOverdue":-1}` + "\n",
		},
		{
			"views", "f", []metrics.Value{
				{metrics.Skipped, 3, "b"}, {metrics.Skipped, 7, ""}, {metrics.Skipped, 4, "a"}, {metrics.Events, 9, ""},
			},
			`{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"Anabranch","Dimensions":[["FunctionName"]],` +
				`"Metrics":[{"Name":"Skipped","Unit":"Count"},{"Name":"Events","Unit":"Count"}]}]},` +
				`"FunctionName":"f","Skipped":7,"Events":9}` + "\n" +
				`{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"Anabranch","Dimensions":` +
				`[["FunctionName","View"]],"Metrics":[{"Name":"Skipped","Unit":"Count"}]}]},` +
				`"FunctionName":"f","View":"b","Skipped":3}` + "\n" +
				`{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"Anabranch","Dimensions":` +
				`[["FunctionName","View"]],"Metrics":[{"Name":"Skipped","Unit":"Count"}]}]},` +
				`"FunctionName":"f","View":"a","Skipped":4}` + "\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := metrics.Append([]byte("before\n"), at(), c.function, c.values...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("before\n"+c.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAboveZero checks that only what has happened is left, in its order.
func TestAboveZero(t *testing.T) {
	all := []metrics.Value{{Name: "A", Value: 2}, {Name: "B"}, {Name: "C", Value: -1}, {Name: "D", Value: 1, View: "v"}}
	if diff := cmp.Diff([]metrics.Value{all[0], all[3]}, metrics.AboveZero(all...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := metrics.AboveZero(); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func TestErrLine(t *testing.T) {
	many := make([]metrics.Value, 101)
	for i := range many {
		many[i].Name = metrics.Name("Metric" + strings.Repeat("X", i))
	}
	for _, c := range []struct {
		name     string
		function string
		values   []metrics.Value
	}{
		{"no function", "", []metrics.Value{{metrics.Accepted, 1, ""}}},
		{"no values", "f", nil},
		{"too many", "f", many},
		{"no name", "f", []metrics.Value{{"", 1, ""}}},
		{"twice", "f", []metrics.Value{{metrics.Accepted, 1, ""}, {metrics.Rejected, 1, ""}, {metrics.Accepted, 2, ""}}},
		{"the dimension's name", "f", []metrics.Value{{metrics.Dimension, 1, ""}}},
		{"no word", "f", []metrics.Value{{"Stream lag", 1, ""}}},
		{"the view's dimension's name", "f", []metrics.Value{{metrics.ViewDimension, 1, ""}}},
		{"twice for a view", "f", []metrics.Value{
			{metrics.Skipped, 1, "v"}, {metrics.Skipped, 2, ""}, {metrics.Skipped, 3, "v"},
		}},
		{"the metadata's name", "f", []metrics.Value{{"_aws", 1, ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := metrics.Append([]byte("before"), at(), c.function, c.values...)
			if !errors.Is(err, metrics.ErrLine) || string(got) != "before" {
				t.Errorf("got %q, %v; want ErrLine and nothing added", got, err)
			}
		})
	}
	if _, err := metrics.Append(nil, at(), "f", many[:100]...); err != nil {
		t.Errorf("100 values: %v", err)
	}
}

// TestLine checks that every line is one JSON object, in which each declared metric is a member with its value.
func TestLine(t *testing.T) {
	all := []metrics.Name{
		metrics.Accepted, metrics.Rejected, metrics.Events, metrics.SetAside, metrics.StreamLag, metrics.LateObjects,
		metrics.Duplicates, metrics.Conflicts, metrics.BatchOverdue, metrics.Skipped,
	}
	rapid.Check(t, func(t *rapid.T) {
		var values []metrics.Value
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID).Draw(t, "names") {
			values = append(values, metrics.Value{Name: name, Value: rapid.Int64().Draw(t, "value")})
		}
		function := rapid.StringN(1, 20, -1).Draw(t, "function")
		line, err := metrics.Append(nil, at(), function, values...)
		if err != nil {
			t.Fatal(err)
		}
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal(line, &members); err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("line %q: %v", line, err)
		}
		if len(members) != 2+len(values) {
			t.Errorf("%d members for %d values", len(members), len(values))
		}
		for _, v := range values {
			if got := string(members[string(v.Name)]); got != fmt.Sprint(v.Value) {
				t.Errorf("%s is %s, want %d", v.Name, got, v.Value)
			}
		}
	})
}

// TestCloudWatchTakesIt checks with a strict parser that the written metrics are read as intended.
func TestCloudWatchTakesIt(t *testing.T) {
	line, err := metrics.Append(nil, at(), "anabranch-speed",
		metrics.Value{Name: metrics.SetAside, Value: 2}, metrics.Value{Name: metrics.StreamLag, Value: 5_120})
	if err != nil {
		t.Fatal(err)
	}
	got, err := emf.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	dimensions := map[string]string{"FunctionName": "anabranch-speed"}
	want := []emf.Metric{
		{Namespace: "Anabranch", Name: "SetAside", Unit: "Count", Dimensions: dimensions, Values: []float64{2}},
		{Namespace: "Anabranch", Name: "StreamLag", Unit: "Milliseconds", Dimensions: dimensions, Values: []float64{5120}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
