// Package metrics writes what an invocation has counted as one line of CloudWatch's embedded metric format: on the standard output of a Lambda
// function such a line becomes metrics, without a call. Functions print it in main, after their handler has answered.
//
// It knows no layer and no clock: it encodes numbers.
//
// Source: Amazon CloudWatch User Guide, Embedded metric format specification.
package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Namespace holds all metrics. They have one dimension, the name of the function: each further value of a dimension is billed as a metric of its
// own, and views, keys and lanes are as many as users please.
const (
	Namespace = "Anabranch"
	Dimension = "FunctionName"
)

// Name names a metric.
type Name string

// The metrics.
const (
	Accepted Name = "Accepted" // events that ingest has made durable
	Rejected Name = "Rejected" // events that ingest has refused, each with a reason

	Events  Name = "Events"  // that speed has read, redelivered ones included; that batch has read, duplicates included
	Skipped Name = "Skipped" // of those, per view, summed: the ones whose condition or key could not be evaluated

	SetAside  Name = "SetAside"  // records that speed could not decode
	StreamLag Name = "StreamLag" // from the arrival of the invocation's oldest record in the stream until speed was done with it

	LateObjects  Name = "LateObjects"  // objects of slots that an earlier run had claimed
	Duplicates   Name = "Duplicates"   // events that batch, or speed, dropped as duplicates
	Conflicts    Name = "Conflicts"    // of batch's, the ones with another payload
	SweepBacklog Name = "SweepBacklog" // objects of the runs looked at of which the stream lacks something, for certain
	SweepBehind  Name = "SweepBehind"  // of the same runs: objects that speed has not read as far as, so that nothing is known
	TooOld       Name = "TooOld"       // objects that were not put into the stream any more: by the sweep, of runs passed by; by republish, of requests refused
	HorizonAge   Name = "HorizonAge"   // since the horizon of the last run: how old what is exact is

	ReplayRunsLeft Name = "ReplayRunsLeft" // runs that the Kappa generation furthest behind lacks
	ReplayEvents   Name = "ReplayEvents"   // that replay has read, once per step and generation

	AuditedWindows Name = "AuditedWindows" // that should be there, of the views whose audit has ended
	Drift          Name = "Drift"          // windows that are not as they should be, of the same
	LostObjects    Name = "LostObjects"    // objects of no run that none will take in by itself, once per view

	ShadowQueries     Name = "ShadowQueries"     // queries that the candidate to serve next answered too, without anybody seeing it
	ShadowDifferences Name = "ShadowDifferences" // windows of theirs in which the two differed
	ShadowErrors      Name = "ShadowErrors"      // of the queries, the ones that the candidate could not answer, or not alike
)

// unit is CloudWatch's word for what a metric counts in.
func (n Name) unit() string {
	switch n {
	case StreamLag:
		return "Milliseconds"
	case HorizonAge:
		return "Seconds"
	}
	return "Count"
}

// Value is one metric of an invocation, in its unit.
type Value struct {
	Name  Name
	Value int64
}

// maxValues is what one line may hold. Source: Embedded metric format specification, MetricDirective.
const maxValues = 100

// ErrLine: the line is none that CloudWatch would take.
var ErrLine = errors.New("no line of metrics")

// The members of a line that say which of the others are metrics.
type (
	metadata struct {
		Timestamp         int64       `json:"Timestamp"` // Unix milliseconds
		CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
	}
	directive struct {
		Namespace  string       `json:"Namespace"`
		Dimensions [][]string   `json:"Dimensions"`
		Metrics    []definition `json:"Metrics"`
	}
	definition struct {
		Name Name   `json:"Name"`
		Unit string `json:"Unit"`
	}
)

// Append adds one line, with its end, to dst: the values of one invocation of the function with the given name, at the given time. Equal input
// gives equal bytes.
//
// Errors: ErrLine: no function, no value, more than 100, a name that is not of letters A to Z and a to z, or that comes
// twice; dst is as it was then.
func Append(dst []byte, at time.Time, function string, values ...Value) ([]byte, error) {
	if function == "" || len(values) == 0 || len(values) > maxValues {
		return dst, fmt.Errorf("%w: %d values of function %q; want 1 to %d of a named one", ErrLine, len(values), function, maxValues)
	}
	d := directive{Namespace: Namespace, Dimensions: [][]string{{Dimension}}}
	for i, v := range values {
		if !isWord(v.Name) || v.Name == Dimension || has(values[:i], v.Name) {
			return dst, fmt.Errorf("%w: value %d is called %q; want letters, and no name twice", ErrLine, i, v.Name)
		}
		d.Metrics = append(d.Metrics, definition{v.Name, v.Name.unit()})
	}
	head, err := json.Marshal(struct {
		AWS      metadata `json:"_aws"`
		Function string   `json:"FunctionName"`
	}{metadata{at.UnixMilli(), []directive{d}}, function})
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrLine, err)
	}
	dst = append(dst, head[:len(head)-1]...)
	for _, v := range values {
		dst = fmt.Appendf(dst, `,"%s":%d`, v.Name, v.Value)
	}
	return append(dst, "}\n"...), nil
}

func isWord(n Name) bool {
	for _, c := range []byte(n) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return n != ""
}

func has(values []Value, name Name) bool {
	for _, v := range values {
		if v.Name == name {
			return true
		}
	}
	return false
}
