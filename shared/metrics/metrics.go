// Package metrics writes the counts of an invocation as lines of CloudWatch's embedded metric format. On the standard
// output of a Lambda function such a line becomes metrics, without an API call. Functions print it in main, after their
// handler has answered.
//
// The package knows no layer and no clock: it only encodes numbers.
//
// Source: Amazon CloudWatch User Guide, Embedded metric format specification.
package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Namespace is the namespace of all metrics. They have one dimension, the name of the function. CloudWatch bills each
// value of a dimension as another metric, and users may have any number of views, keys and lanes. So only Skipped also
// has the dimension of the view, and only when it is above 0: a view costs something only while it skips events.
const (
	Namespace     = "Anabranch"
	Dimension     = "FunctionName"
	ViewDimension = "View"
)

// Name names a metric.
type Name string

// The metrics.
const (
	Accepted Name = "Accepted" // events that ingest made durable
	Rejected Name = "Rejected" // events that ingest refused, each with a reason

	// Events that speed read, including redelivered ones; events that batch read, including duplicates.
	Events Name = "Events"
	// Events whose condition, key or time a view could not use. Without a view: summed over all generations of all views,
	// whenever they are folded, so also in a build or when they are delivered again. With a Lambda view, from batch: of
	// the generation that answers, once per run. With a Kappa view, from speed: of the generation that answers; an event
	// that is delivered again counts again.
	Skipped Name = "Skipped"

	SetAside Name = "SetAside" // records that speed could not decode
	// Time from the arrival in the stream of the invocation's oldest record until speed was done with it.
	StreamLag Name = "StreamLag"

	LateObjects  Name = "LateObjects"  // late objects: their slots were claimed by an earlier run
	Duplicates   Name = "Duplicates"   // events that batch, or speed, dropped as duplicates
	Conflicts    Name = "Conflicts"    // duplicates that batch dropped although their payload differs
	SweepBacklog Name = "SweepBacklog" // objects that the stream certainly lacks, wholly or in part
	// of the same runs: objects that speed has not read as far as, so that nothing is known
	SweepBehind Name = "SweepBehind"
	// objects that were not put into the stream any more: by the sweep, of runs passed by; by republish, of requests
	// refused
	TooOld Name = "TooOld"

	// Largest share of batch's memory that the events of a run take, in percent, of the runs of a tick.
	RunLoad Name = "RunLoad"

	ReplayRunsLeft Name = "ReplayRunsLeft" // runs that the Kappa generation furthest behind still lacks
	ReplayEvents   Name = "ReplayEvents"   // events that replay read, once per step and generation

	AuditedWindows Name = "AuditedWindows" // expected windows of the views whose audit has ended
	// Windows that differ from the expected ones, by the last audit of each generation that serves. 0 is printed only
	// while the findings may have become 0 lately: see watch.Report.Unsettled.
	Drift Name = "Drift"
	// By the same audits: objects that no run holds and that no run will read by itself, once per view.
	LostObjects Name = "LostObjects"

	// Time since a step should have come further, by the settings: see package watch. BatchOverdue is 0 when batch is in
	// time; the others are then not printed.
	BatchOverdue  Name = "BatchOverdue"
	StreamOverdue Name = "StreamOverdue"
	ReplayOverdue Name = "ReplayOverdue"
	AuditOverdue  Name = "AuditOverdue"
	// Views whose build, or whose audit, was killed each time and is not tried any more. Printed only when above 0.
	GivenUp Name = "GivenUp"

	// Queries that were also run against the candidate, without changing the answer.
	ShadowQueries     Name = "ShadowQueries"
	ShadowDifferences Name = "ShadowDifferences" // windows in which the candidate's answer differed
	ShadowErrors      Name = "ShadowErrors"      // queries that the candidate could not answer, or not comparably
)

// unit returns CloudWatch's name for the metric's unit.
func (n Name) unit() string {
	switch n {
	case StreamLag:
		return "Milliseconds"
	case BatchOverdue, StreamOverdue, ReplayOverdue, AuditOverdue:
		return "Seconds"
	}
	return "Count"
}

// Value is one metric of an invocation, in its unit.
type Value struct {
	Name  Name
	Value int64
	View  string // the view that it is about; "": none
}

// AboveZero returns the values that are above 0. It is for what seldom happens: CloudWatch bills a metric by the hour
// in which it has a value, and a count or a time without a value says the same as 0.
func AboveZero(values ...Value) (above []Value) {
	for _, v := range values {
		if v.Value > 0 {
			above = append(above, v)
		}
	}
	return above
}

// maxValues is the maximum number of values in one line. Source: Embedded metric format specification, MetricDirective.
const maxValues = 100

// ErrLine means that CloudWatch would not accept the line. Retrying does not help.
var ErrLine = errors.New("invalid line of metrics")

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

// Append adds lines, each with its line end, to dst: the values of one invocation of the named function at the given
// time. Values about no view come in the first line; each view that values are about has a line of its own. Equal input
// gives equal bytes.
//
// Errors: ErrLine: no function name, no value, more than 100 values in a line, a name with other characters than
// letters A to Z and a to z, or a name twice in a line. dst is then unchanged.
func Append(dst []byte, at time.Time, function string, values ...Value) ([]byte, error) {
	if len(values) == 0 {
		return appendLine(dst, at, function, values)
	}
	out, err := dst, error(nil)
	for _, line := range byView(values) {
		if out, err = appendLine(out, at, function, line); err != nil {
			return dst, err
		}
	}
	return out, nil
}

// byView groups values by view, in the order in which the views come first; values about no view come before all.
func byView(values []Value) [][]Value {
	var lines [][]Value
	values = slices.Clone(values)
	slices.SortStableFunc(values, func(a, b Value) int { return min(len(a.View), 1) - min(len(b.View), 1) })
	for _, v := range values {
		i := slices.IndexFunc(lines, func(line []Value) bool { return line[0].View == v.View })
		if i < 0 {
			i, lines = len(lines), append(lines, nil)
		}
		lines[i] = append(lines[i], v)
	}
	return lines
}

// appendLine adds the line of values that are about the same view.
func appendLine(dst []byte, at time.Time, function string, values []Value) ([]byte, error) {
	if function == "" || len(values) == 0 || len(values) > maxValues {
		return dst, fmt.Errorf("%w: %d values of function %q; must be 1 to %d values of a named function", ErrLine,
			len(values), function, maxValues)
	}
	d := directive{Namespace: Namespace, Dimensions: [][]string{{Dimension}}}
	view := values[0].View
	if view != "" {
		d.Dimensions[0] = append(d.Dimensions[0], ViewDimension)
	}
	for i, v := range values {
		if !isWord(v.Name) || v.Name == Dimension || v.Name == ViewDimension || has(values[:i], v.Name) {
			return dst, fmt.Errorf("%w: value %d has the name %q; names must be unique and consist of letters", ErrLine, i,
				v.Name)
		}
		d.Metrics = append(d.Metrics, definition{v.Name, v.Name.unit()})
	}
	head, err := json.Marshal(struct {
		AWS      metadata `json:"_aws"`
		Function string   `json:"FunctionName"`
		View     string   `json:"View,omitempty"`
	}{metadata{at.UnixMilli(), []directive{d}}, function, view})
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
