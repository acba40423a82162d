// Package emf reads CloudWatch's embedded metric format: the lines in a function's output that CloudWatch turns into
// metrics. The package returns an error where CloudWatch is silent: CloudWatch keeps an invalid line as a plain log
// line, and the metric is missing on a dashboard months later.
//
// The local Lambda host uses this package for assertions. The package knows nothing of functions, and does not read the
// clock.
//
// Source: Amazon CloudWatch User Guide, Embedded metric format specification.
package emf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// ErrInvalid means that a line has the member "_aws", but CloudWatch would not make the metrics that the line names. Do
// not retry.
var ErrInvalid = errors.New("invalid embedded metric format")

// Metric holds the values that a line has for one metric under one set of dimensions.
type Metric struct {
	Namespace  string            // Namespace, for example "Anabranch".
	Name       string            // Name of the metric, for example "Accepted".
	Unit       string            // Unit, for example "Count". It is "None" if the line names no unit.
	Dimensions map[string]string // Value of each dimension, for example {"FunctionName": "ingest"}. It can be empty.
	Values     []float64         // 1 to 100 values.
}

// The limits of a line.
const (
	maxLine       = 1 << 20 // bytes of a line, as of any log event
	maxMetrics    = 100     // metrics of a directive
	maxDimensions = 30      // dimensions of a set
	maxValues     = 100     // values of a metric
	maxName       = 1024    // characters of a namespace, of a metric's name, and of a dimension's value
	maxDimension  = 250     // characters of a dimension's name
)

// A timestamp in milliseconds lies between these two. Another one is probably in seconds or nanoseconds.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

var member = []byte(`"_aws"`)

// Parse returns the metrics of a line, in the order of the line: one Metric for each metric and set of dimensions. It
// returns none for a line without the member "_aws", which is not in the format.
//
// Errors: ErrInvalid. Do not retry.
func Parse(line []byte) ([]Metric, error) {
	if !bytes.Contains(line, member) {
		return nil, nil
	}
	root, err := object(line)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	raw, ok := root["_aws"]
	if !ok {
		return nil, nil
	}
	metrics, err := parse(len(line), raw, root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return metrics, nil
}

// object reads the members of a JSON object. It refuses an object that has a member twice: the format does not tell
// which of the two counts.
func object(line []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("invalid beginning %v (error %v): must be a JSON object", t, err)
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("member %q: %w", name, err)
		}
		if _, twice := members[name.(string)]; twice {
			return nil, fmt.Errorf("duplicate member %q", name)
		}
		members[name.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
	}
	if rest := bytes.TrimSpace(line[d.InputOffset():]); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes after the JSON object: remove them", len(rest))
	}
	return members, nil
}

func parse(size int, raw json.RawMessage, root map[string]json.RawMessage) ([]Metric, error) {
	if size > maxLine {
		return nil, fmt.Errorf("the line has %d bytes; maximum is %d", size, maxLine)
	}
	var timestamp *int64
	var directives []json.RawMessage
	if err := fields(raw, map[string]any{"Timestamp": &timestamp, "CloudWatchMetrics": &directives}); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	switch {
	case timestamp == nil:
		return nil, errors.New("_aws: missing Timestamp")
	case *timestamp < earliest || *timestamp >= latest:
		return nil, fmt.Errorf("_aws: invalid Timestamp %d: must be milliseconds since 1970", *timestamp)
	case len(directives) == 0:
		return nil, errors.New("_aws: missing CloudWatchMetrics")
	}
	var metrics []Metric
	for i, directive := range directives {
		of, err := extract(directive, root)
		if err != nil {
			return nil, fmt.Errorf("directive %d: %w", i, err)
		}
		metrics = append(metrics, of...)
	}
	return metrics, nil
}

// fields decodes the members of an object, and refuses unknown ones. Unlike encoding/json, it compares names exactly.
func fields(raw []byte, into map[string]any) error {
	members, err := object(raw)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		target, ok := into[name]
		if !ok {
			return fmt.Errorf("unknown member %q: must be one of %q", name, slices.Sorted(maps.Keys(into)))
		}
		if err := json.Unmarshal(members[name], target); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// extract returns the metrics of one directive.
func extract(raw json.RawMessage, root map[string]json.RawMessage) ([]Metric, error) {
	var namespace string
	var sets [][]string
	var definitions []json.RawMessage
	if err := fields(
		raw, map[string]any{"Namespace": &namespace, "Dimensions": &sets, "Metrics": &definitions},
	); err != nil {
		return nil, err
	}
	if err := name(namespace, maxName); err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	if len(sets) == 0 {
		return nil, errors.New("missing Dimensions: must be at least [[]]")
	}
	if n := len(definitions); n == 0 || n > maxMetrics {
		return nil, fmt.Errorf("invalid number of Metrics %d: must be 1 to %d", n, maxMetrics)
	}
	var metrics []Metric
	for _, set := range sets {
		dimensions, err := values(set, root)
		if err != nil {
			return nil, err
		}
		for i, definition := range definitions {
			m, err := metric(definition, root)
			if err != nil {
				return nil, fmt.Errorf("metric %d: %w", i, err)
			}
			m.Namespace, m.Dimensions = namespace, dimensions
			metrics = append(metrics, m)
		}
	}
	return metrics, nil
}

// values returns the value of each dimension of a set.
func values(set []string, root map[string]json.RawMessage) (map[string]string, error) {
	if len(set) > maxDimensions {
		return nil, fmt.Errorf("a set has %d dimensions; maximum is %d", len(set), maxDimensions)
	}
	dimensions := map[string]string{}
	for _, dimension := range set {
		if err := name(dimension, maxDimension); err != nil {
			return nil, fmt.Errorf("dimension: %w", err)
		}
		if _, twice := dimensions[dimension]; twice {
			return nil, fmt.Errorf("duplicate dimension %q", dimension)
		}
		var value *string
		if err := json.Unmarshal(orNull(root[dimension]), &value); err != nil || value == nil {
			return nil, fmt.Errorf("dimension %q: invalid value %s: must be a string", dimension, orNull(root[dimension]))
		}
		if err := name(*value, maxName); err != nil {
			return nil, fmt.Errorf("dimension %q: %w", dimension, err)
		}
		dimensions[dimension] = *value
	}
	return dimensions, nil
}

func metric(definition json.RawMessage, root map[string]json.RawMessage) (Metric, error) {
	m := Metric{Unit: "None"}
	resolution := 60
	if err := fields(
		definition, map[string]any{"Name": &m.Name, "Unit": &m.Unit, "StorageResolution": &resolution},
	); err != nil {
		return Metric{}, err
	}
	if err := name(m.Name, maxName); err != nil {
		return Metric{}, err
	}
	if !units[m.Unit] {
		return Metric{}, fmt.Errorf("%s: invalid Unit %q: must be a unit of CloudWatch, for example Count", m.Name, m.Unit)
	}
	if resolution != 1 && resolution != 60 {
		return Metric{}, fmt.Errorf("%s: invalid StorageResolution %d: must be 1 or 60", m.Name, resolution)
	}
	read, err := numbers(orNull(root[m.Name]))
	if err != nil {
		return Metric{}, fmt.Errorf("%s: %w", m.Name, err)
	}
	m.Values = read
	return m, nil
}

// numbers reads a number or an array of numbers.
func numbers(raw json.RawMessage) ([]float64, error) {
	var one *float64
	if err := json.Unmarshal(raw, &one); err == nil && one != nil {
		return []float64{*one}, nil
	}
	var many []*float64 // pointers, because a float64 would turn null into 0
	if err := json.Unmarshal(raw, &many); err != nil || len(many) == 0 || len(many) > maxValues {
		return nil, fmt.Errorf("invalid value %.100s: must be a number, or an array of 1 to %d numbers", raw, maxValues)
	}
	read := make([]float64, len(many))
	for i, value := range many {
		if value == nil {
			return nil, errors.New("invalid array with null: must hold only numbers")
		}
		read[i] = *value
	}
	return read, nil
}

func name(s string, most int) error {
	if n := utf8.RuneCountInString(s); n == 0 || n > most {
		return fmt.Errorf("invalid length of %.40q, %d characters: must be 1 to %d", s, n, most)
	}
	return nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// units are the units of CloudWatch.
//
// Source: Amazon CloudWatch API Reference, MetricDatum.
var units = map[string]bool{
	"None": true, "Count": true, "Percent": true, "Seconds": true, "Microseconds": true, "Milliseconds": true,
	"Bytes": true, "Kilobytes": true, "Megabytes": true, "Gigabytes": true, "Terabytes": true,
	"Bits": true, "Kilobits": true, "Megabits": true, "Gigabits": true, "Terabits": true,
	"Bytes/Second": true, "Kilobytes/Second": true, "Megabytes/Second": true,
	"Gigabytes/Second": true, "Terabytes/Second": true,
	"Bits/Second": true, "Kilobits/Second": true, "Megabits/Second": true,
	"Gigabits/Second": true, "Terabits/Second": true,
	"Count/Second": true,
}
