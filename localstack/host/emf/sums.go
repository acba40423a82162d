package emf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Key is a metric as CloudWatch tells them apart.
type Key struct {
	Namespace  string
	Name       string
	Dimensions string // sorted: "FunctionName=ingest,Stage=prod"; "": none
}

// Total is what the values of a metric come to.
type Total struct {
	Sum, Min, Max float64
	Count         int // values
	Unit          string
}

// Sums adds up the metrics of lines. The zero value is ready; it is safe for concurrent use.
type Sums struct {
	mu      sync.Mutex
	totals  map[Key]Total
	invalid []error
}

// maxInvalid bounds what is kept of a function that writes nothing else.
const maxInvalid = 100

// Take adds the metrics of a line, if it has any. A line that is invalid, or gives a metric another unit than before, is kept for Invalid, and none
// of it is added.
func (s *Sums) Take(line []byte) {
	metrics, err := Parse(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.add(metrics)
	}
	if err != nil && len(s.invalid) < maxInvalid {
		s.invalid = append(s.invalid, err)
	}
}

func (s *Sums) add(metrics []Metric) error {
	for _, m := range metrics {
		if known, ok := s.totals[key(m)]; ok && known.Unit != m.Unit {
			return fmt.Errorf("%w: metric %s has the unit %s, and had %s", ErrInvalid, m.Name, m.Unit, known.Unit)
		}
	}
	if s.totals == nil {
		s.totals = map[Key]Total{}
	}
	for _, m := range metrics {
		k := key(m)
		t, ok := s.totals[k]
		if !ok {
			t = Total{Min: m.Values[0], Max: m.Values[0], Unit: m.Unit}
		}
		for _, v := range m.Values {
			t.Sum += v
			t.Min, t.Max = min(t.Min, v), max(t.Max, v)
			t.Count++
		}
		s.totals[k] = t
	}
	return nil
}

func key(m Metric) Key {
	dimensions := make([]string, 0, len(m.Dimensions))
	for _, name := range slices.Sorted(maps.Keys(m.Dimensions)) {
		dimensions = append(dimensions, name+"="+m.Dimensions[name])
	}
	return Key{Namespace: m.Namespace, Name: m.Name, Dimensions: strings.Join(dimensions, ",")}
}

// Sum is a metric's sum over all its sets of dimensions, so one that a line puts under two sets counts twice; 0 when it never came.
func (s *Sums) Sum(namespace, name string) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0.0
	for k, t := range s.totals {
		if k.Namespace == namespace && k.Name == name {
			sum += t.Sum
		}
	}
	return sum
}

// All copies the totals.
func (s *Sums) All() map[Key]Total {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.totals)
}

// Invalid says what was wrong with the first lines that were not added; nil when all were.
func (s *Sums) Invalid() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.invalid...)
}
