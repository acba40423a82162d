package emf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Key identifies a metric, as CloudWatch does.
type Key struct {
	Namespace  string // Namespace, for example "Anabranch".
	Name       string // Name of the metric, for example "Accepted".
	Dimensions string // Dimensions, sorted: "FunctionName=ingest,Stage=prod". "" means none.
}

// Total sums up the values of a metric.
type Total struct {
	Sum, Min, Max float64 // Sum, minimum and maximum of the values.
	Count         int     // Number of values.
	Unit          string  // Unit, for example "Count".
}

// Sums adds up the metrics of lines. The zero value is ready to use. It is safe for concurrent use.
type Sums struct {
	mu      sync.Mutex
	totals  map[Key]Total
	invalid []error
}

// maxInvalid bounds the memory that invalid lines take.
const maxInvalid = 100

// Take adds the metrics of a line, if it has any. It adds nothing of a line that is invalid, or that gives a metric
// another unit than before; Invalid then returns the error.
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
			return fmt.Errorf("%w: metric %s has the unit %s; it had %s before", ErrInvalid, m.Name, m.Unit, known.Unit)
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

// Sum returns the sum of a metric over all its sets of dimensions. A value that a line puts under two sets counts
// twice. Sum returns 0 for an unknown metric.
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

// All returns a copy of all totals.
func (s *Sums) All() map[Key]Total {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.totals)
}

// Invalid returns the errors of the first 100 lines that Take refused, or nil if it refused none.
func (s *Sums) Invalid() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.invalid...)
}
