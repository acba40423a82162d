package emf_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host/emf"
)

const valid = `{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"Anabranch",` +
	`"Dimensions":[["FunctionName"]],` +
	`"Metrics":[{"Name":"Accepted","Unit":"Count"},{"Name":"Lag","StorageResolution":1}]}]},"FunctionName":"ingest",` +
	`"Accepted":7,"Lag":[1.5,-2]}`

func TestParse(t *testing.T) {
	got, err := emf.Parse([]byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	function := map[string]string{"FunctionName": "ingest"}
	want := []emf.Metric{
		{Namespace: "Anabranch", Name: "Accepted", Unit: "Count", Dimensions: function, Values: []float64{7}},
		{Namespace: "Anabranch", Name: "Lag", Unit: "None", Dimensions: function, Values: []float64{1.5, -2}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDimensionSets(t *testing.T) {
	line := strings.Replace(valid, `[["FunctionName"]]`, `[[],["FunctionName"]]`, 1)
	got, err := emf.Parse([]byte(line))
	if err != nil || len(got) != 4 || len(got[0].Dimensions) != 0 || got[2].Dimensions["FunctionName"] != "ingest" {
		t.Errorf("metrics %v, error %v; want the metrics under each set", got, err)
	}
}

func TestOtherLines(t *testing.T) {
	for _, line := range []string{
		"", "plain text", `{"level":"INFO","msg":"applied"}`, `{"msg":"\"_aws\""}`, `{"record":{"_aws":{}}}`,
		`{"msg":"_aws"}`,
	} {
		if got, err := emf.Parse([]byte(line)); err != nil || got != nil {
			t.Errorf("line %q: metrics %v, error %v; want none", line, got, err)
		}
	}
}

func TestInvalid(t *testing.T) {
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf(`{"Name":"M%d"}`, i))
	}
	for _, test := range []struct{ name, old, replacement, problem string }{
		{"truncated", `,-2]}`, ``, "unexpected EOF"},
		{"not an object", valid, `["_aws"]`, "must be a JSON object"},
		{"text after the object", `,-2]}`, `,-2]} "_aws"`, "after the JSON object"},
		{"a member twice", `"Accepted":7`, `"Accepted":7,"Accepted":7`, `duplicate member "Accepted"`},
		{"no time", `"Timestamp":1795382103004,`, ``, "missing Timestamp"},
		{"a time in seconds", `1795382103004`, `1795382103`, "must be milliseconds"},
		{"a time in nanoseconds", `1795382103004`, `1795382103004000000`, "must be milliseconds"},
		{"a time that is not a number", `1795382103004`, `"now"`, "Timestamp"},
		{"another spelling of a member", `"Timestamp"`, `"timestamp"`, `unknown member "timestamp"`},
		{"an unknown member", `"Unit":"Count"`, `"Units":"Count"`, `unknown member "Units"`},
		{"no directive", `"CloudWatchMetrics":[{"Namespace":"Anabranch","Dimensions":[["FunctionName"]],` +
			`"Metrics":[{"Name":"Accepted","Unit":"Count"},{"Name":"Lag","StorageResolution":1}]}]`,
			`"CloudWatchMetrics":[]`, "missing CloudWatchMetrics"},
		{"no namespace", `"Namespace":"Anabranch",`, ``, "namespace"},
		{"no dimensions", `"Dimensions":[["FunctionName"]],`, ``, "missing Dimensions"},
		{"an absent dimension", `"FunctionName":"ingest",`, ``, "null: must be a string"},
		{"a dimension that is a number", `"FunctionName":"ingest"`, `"FunctionName":4`, "4: must be a string"},
		{"an empty dimension", `"FunctionName":"ingest"`, `"FunctionName":""`, "0 characters"},
		{
			"a long dimension",
			`"FunctionName":"ingest"`,
			`"FunctionName":"` + strings.Repeat("x", 1025) + `"`,
			"1025 characters",
		},
		{"a dimension twice", `[["FunctionName"]]`, `[["FunctionName","FunctionName"]]`, "duplicate dimension"},
		{"too many metrics", `"Metrics":[`, `"Metrics":[` + strings.Join(many, ",") + `,`, "must be 1 to 100"},
		{"an absent metric", `,"Lag":[1.5,-2]`, ``, "Lag: invalid value null"},
		{"a metric that is text", `"Accepted":7`, `"Accepted":"7"`, "must be a number"},
		{"a metric without values", `[1.5,-2]`, `[]`, "must be a number"},
		{"a metric with a null", `[1.5,-2]`, `[1.5,null]`, "null"},
		{"too many values", `[1.5,-2]`, `[1` + strings.Repeat(",1", 100) + `]`, "must be a number"},
		{"a unit of our own", `"Unit":"Count"`, `"Unit":"Events"`, "must be a unit of CloudWatch"},
		{"another resolution", `"StorageResolution":1`, `"StorageResolution":5`, "must be 1 or 60"},
		{"too long", `"Accepted":7`, `"Accepted":7,"x":"` + strings.Repeat("x", 1<<20) + `"`, "maximum is 1048576"},
	} {
		t.Run(test.name, func(t *testing.T) {
			line := strings.Replace(valid, test.old, test.replacement, 1)
			if line == valid {
				t.Fatalf("%q is not in the valid line", test.old)
			}
			metrics, err := emf.Parse([]byte(line))
			if !errors.Is(err, emf.ErrInvalid) || !strings.Contains(err.Error(), test.problem) || metrics != nil {
				t.Errorf("metrics %v, error %v; want %q", metrics, err, test.problem)
			}
		})
	}
}

func TestSums(t *testing.T) {
	var sums emf.Sums
	if err := sums.Invalid(); err != nil || sums.Sum("Anabranch", "Accepted") != 0 {
		t.Fatalf("before any line: sum %v, invalid %v", sums.Sum("Anabranch", "Accepted"), err)
	}
	sums.Take([]byte(valid))
	sums.Take([]byte("text"))
	sums.Take([]byte(strings.Replace(valid, `"ingest"`, `"other"`, 1)))
	sums.Take([]byte(valid))
	want := map[emf.Key]emf.Total{
		{"Anabranch", "Accepted", "FunctionName=ingest"}: {Sum: 14, Min: 7, Max: 7, Count: 2, Unit: "Count"},
		{"Anabranch", "Accepted", "FunctionName=other"}:  {Sum: 7, Min: 7, Max: 7, Count: 1, Unit: "Count"},
		{"Anabranch", "Lag", "FunctionName=ingest"}:      {Sum: -1, Min: -2, Max: 1.5, Count: 4, Unit: "None"},
		{"Anabranch", "Lag", "FunctionName=other"}:       {Sum: -.5, Min: -2, Max: 1.5, Count: 2, Unit: "None"},
	}
	if diff := cmp.Diff(want, sums.All()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := sums.Sum("Anabranch", "Accepted"); got != 21 {
		t.Errorf("Accepted sums up to %v, want 21", got)
	}
	if err := sums.Invalid(); err != nil {
		t.Error(err)
	}
	sums.Take([]byte(strings.Replace(valid, `"Unit":"Count"`, `"Unit":"Bytes"`, 1)))
	sums.Take([]byte(`{"_aws":{}}`))
	if err := sums.Invalid(); !errors.Is(err, emf.ErrInvalid) ||
		!strings.Contains(err.Error(), "it had Count before") || !strings.Contains(err.Error(), "missing Timestamp") {
		t.Errorf("invalid lines: %v", err)
	}
	if diff := cmp.Diff(want, sums.All()); diff != "" {
		t.Errorf("invalid lines were added (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(valid))
	f.Add([]byte(`{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{}]}}`))
	f.Add([]byte(`{"_aws":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		metrics, err := emf.Parse(line)
		if err != nil {
			if !errors.Is(err, emf.ErrInvalid) || metrics != nil {
				t.Fatalf("metrics %v, error %v", metrics, err)
			}
			return
		}
		if len(metrics) > 0 && !json.Valid(line) {
			t.Fatalf("metrics of a line that is no JSON: %v", metrics)
		}
		for _, m := range metrics {
			if m.Namespace == "" || m.Name == "" || m.Unit == "" || len(m.Values) == 0 {
				t.Fatalf("metric %+v", m)
			}
		}
	})
}
