// Package emf reads CloudWatch's embedded metric format: the lines of a function's output that CloudWatch makes metrics of. It is strict where
// CloudWatch is silent: a line it refuses would be kept as a log line, and the metric would be missing on a dashboard months later.
//
// It is used by the local Lambda host, for assertions. It knows nothing of functions, and does not look at the clock.
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

// ErrInvalid: a line has the member "_aws" and CloudWatch would not make the metrics of it that it names.
var ErrInvalid = errors.New("invalid embedded metric format")

// Metric is what a line says of one metric under one set of dimensions.
type Metric struct {
	Namespace  string            // "Anabranch"
	Name       string            // "Accepted"
	Unit       string            // "Count"; "None" when the line says nothing
	Dimensions map[string]string // {"FunctionName": "ingest"}; empty: none
	Values     []float64         // 1 to 100
}

// The limits of a line.
const (
	maxLine       = 1 << 20 // bytes, as of any log event
	maxMetrics    = 100     // of a directive
	maxDimensions = 30      // of a set
	maxValues     = 100     // of a metric
	maxName       = 1024    // characters, of a namespace, a metric, and a dimension's value
	maxDimension  = 250     // characters, of a dimension's name
)

// Milliseconds between these, or somebody has written seconds or nanoseconds.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

var member = []byte(`"_aws"`)

// Parse returns the metrics of a line, in its order, one for each set of dimensions; none for a line that is not in the format, since it has no
// member "_aws".
//
// Errors: ErrInvalid.
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

// object reads the members of a JSON object, and refuses one that comes twice: which of the two counts is not said.
func object(line []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("line begins with %v (error %v), want a JSON object", t, err)
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
			return nil, fmt.Errorf("member %q comes twice", name)
		}
		members[name.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
	}
	if rest := bytes.TrimSpace(line[d.InputOffset():]); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes behind the object, want none", len(rest))
	}
	return members, nil
}

func parse(size int, raw json.RawMessage, root map[string]json.RawMessage) ([]Metric, error) {
	if size > maxLine {
		return nil, fmt.Errorf("%d bytes, want at most %d", size, maxLine)
	}
	var timestamp *int64
	var directives []json.RawMessage
	if err := fields(raw, map[string]any{"Timestamp": &timestamp, "CloudWatchMetrics": &directives}); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	switch {
	case timestamp == nil:
		return nil, errors.New("_aws: no Timestamp")
	case *timestamp < earliest || *timestamp >= latest:
		return nil, fmt.Errorf("_aws: Timestamp %d, want milliseconds since 1970", *timestamp)
	case len(directives) == 0:
		return nil, errors.New("_aws: no CloudWatchMetrics")
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

// fields decodes the members of an object by their exact names, as encoding/json does not, and refuses others.
func fields(raw []byte, into map[string]any) error {
	members, err := object(raw)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		target, ok := into[name]
		if !ok {
			return fmt.Errorf("unknown member %q, want one of %q", name, slices.Sorted(maps.Keys(into)))
		}
		if err := json.Unmarshal(members[name], target); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// extract makes the metrics of one directive.
func extract(raw json.RawMessage, root map[string]json.RawMessage) ([]Metric, error) {
	var namespace string
	var sets [][]string
	var definitions []json.RawMessage
	if err := fields(raw, map[string]any{"Namespace": &namespace, "Dimensions": &sets, "Metrics": &definitions}); err != nil {
		return nil, err
	}
	if err := name(namespace, maxName); err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	if len(sets) == 0 {
		return nil, errors.New("no Dimensions, want at least [[]]")
	}
	if n := len(definitions); n == 0 || n > maxMetrics {
		return nil, fmt.Errorf("%d Metrics, want 1 to %d", n, maxMetrics)
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

// values looks up the dimensions of a set.
func values(set []string, root map[string]json.RawMessage) (map[string]string, error) {
	if len(set) > maxDimensions {
		return nil, fmt.Errorf("%d dimensions, want at most %d", len(set), maxDimensions)
	}
	dimensions := map[string]string{}
	for _, dimension := range set {
		if err := name(dimension, maxDimension); err != nil {
			return nil, fmt.Errorf("dimension: %w", err)
		}
		if _, twice := dimensions[dimension]; twice {
			return nil, fmt.Errorf("dimension %q comes twice", dimension)
		}
		var value *string
		if err := json.Unmarshal(orNull(root[dimension]), &value); err != nil || value == nil {
			return nil, fmt.Errorf("dimension %q: member is %s, want a string", dimension, orNull(root[dimension]))
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
	if err := fields(definition, map[string]any{"Name": &m.Name, "Unit": &m.Unit, "StorageResolution": &resolution}); err != nil {
		return Metric{}, err
	}
	if err := name(m.Name, maxName); err != nil {
		return Metric{}, err
	}
	if !units[m.Unit] {
		return Metric{}, fmt.Errorf("%s: Unit %q is none of CloudWatch's", m.Name, m.Unit)
	}
	if resolution != 1 && resolution != 60 {
		return Metric{}, fmt.Errorf("%s: StorageResolution %d, want 1 or 60", m.Name, resolution)
	}
	read, err := numbers(orNull(root[m.Name]))
	if err != nil {
		return Metric{}, fmt.Errorf("%s: %w", m.Name, err)
	}
	m.Values = read
	return m, nil
}

// numbers reads a number, or the numbers of an array.
func numbers(raw json.RawMessage) ([]float64, error) {
	var one *float64
	if err := json.Unmarshal(raw, &one); err == nil && one != nil {
		return []float64{*one}, nil
	}
	var many []*float64 // pointers, since null would be taken for 0
	if err := json.Unmarshal(raw, &many); err != nil || len(many) == 0 || len(many) > maxValues {
		return nil, fmt.Errorf("member is %.100s, want a number, or 1 to %d in an array", raw, maxValues)
	}
	read := make([]float64, len(many))
	for i, value := range many {
		if value == nil {
			return nil, errors.New("an array with null, want numbers")
		}
		read[i] = *value
	}
	return read, nil
}

func name(s string, most int) error {
	if n := utf8.RuneCountInString(s); n == 0 || n > most {
		return fmt.Errorf("%.40q has %d characters, want 1 to %d", s, n, most)
	}
	return nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// units are CloudWatch's. Source: Amazon CloudWatch API Reference, MetricDatum.
var units = map[string]bool{
	"None": true, "Count": true, "Percent": true, "Seconds": true, "Microseconds": true, "Milliseconds": true,
	"Bytes": true, "Kilobytes": true, "Megabytes": true, "Gigabytes": true, "Terabytes": true,
	"Bits": true, "Kilobits": true, "Megabits": true, "Gigabits": true, "Terabits": true,
	"Bytes/Second": true, "Kilobytes/Second": true, "Megabytes/Second": true, "Gigabytes/Second": true, "Terabytes/Second": true,
	"Bits/Second": true, "Kilobits/Second": true, "Megabits/Second": true, "Gigabits/Second": true, "Terabits/Second": true,
	"Count/Second": true,
}
