package promql

import (
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/serving"
)

// sample is a value at a time in Unix milliseconds. It implements chunks.Sample.
type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                      { return s.at }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

// clock says what time it is, in Unix milliseconds.
type clock struct {
	now  int64
	open int64 // where open windows stand that had begun by then: now, or a little before
}

// at returns where the sample of a window stands: at its end, and while it is open, at now. A window that begins in the
// future has no sample before its end.
func (c clock) at(start, end int64) int64 {
	switch isOpen := start < c.now && end > c.now; {
	case isOpen && start < c.open:
		return c.open
	case isOpen:
		return c.now
	}
	return end
}

// timeline is a clock, and which samples are wanted: those from first to last, both included, in Unix milliseconds.
type timeline struct {
	clock
	first, last int64
}

func (t timeline) wants(at int64) bool { return at >= t.first && at <= t.last }

// samples returns the samples of one key's rows, which are in order of time. A row without a number is as no row. Where
// the window after a row has none, a stale marker stands in its place: otherwise the look-back of a longer window in
// the same expression would show the number for longer than its own window.
func (t timeline) samples(rows []serving.Row, numberOf func(*serving.Row) (float64, bool)) []chunks.Sample {
	var all []chunks.Sample
	add := func(at int64, v float64) {
		if t.wants(at) {
			all = append(all, sample{at, v})
		}
	}
	before, window := int64(math.MinInt64), int64(0) // end of the last window with a number, and the length of a window
	mark := func(until int64) {
		if before != math.MinInt64 && before != until {
			add(t.at(before, before+window), math.Float64frombits(value.StaleNaN))
		}
	}
	for i := range rows {
		row := &rows[i]
		v, ok := numberOf(row)
		if !ok {
			continue
		}
		start, end := row.Start.UnixMilli(), row.End.UnixMilli()
		mark(start)
		add(t.at(start, end), v)
		before, window = end, end-start
	}
	mark(math.MaxInt64)
	return all
}

// numberOf returns the function that reads a metric's number from a row.
func (m metric) numberOf(reading aggregate.Reading) func(*serving.Row) (float64, bool) {
	if m.kind == exact {
		return func(row *serving.Row) (float64, bool) {
			if row.Exact {
				return 1, true
			}
			return 0, true
		}
	}
	var text []byte
	return func(row *serving.Row) (float64, bool) {
		text = row.States.AppendReading(text[:0], m.aggregate, reading)
		v, err := strconv.ParseFloat(string(text), 64)
		return v, err == nil // null is no number
	}
}
