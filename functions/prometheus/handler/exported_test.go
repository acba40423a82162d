package handler_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// exported is a plain storage in memory, filled from answers of GET /v1/views/{view}/query. It shares no code with
// shared/promql: where samples stand is written a second time here, after docs/prometheus.md.
type exported struct {
	series map[string][]point // by the labels' text
	labels map[string]labels.Labels
}

type point struct {
	at    int64
	value float64
}

func (p point) T() int64                      { return p.at }
func (p point) ST() int64                     { return 0 }
func (p point) F() float64                    { return p.value }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }

// exports are the questions whose rows are exported, each with what the names of its metrics begin with.
var exports = []struct{ prefix, view, parameters string }{
	{"sales", "sales", ""}, {"sales_by_shop", "sales", "group_by=shop"}, {"sales_all", "sales", "group_by="},
	{"daily", "daily", ""}, {"pace", "pace", ""},
}

// windows are the lengths of the windows of metrics, by what their names begin with.
var windows = map[string]time.Duration{"sales": time.Hour, "daily": 24 * time.Hour, "pace": 10 * time.Minute}

// windowOf returns the length of a metric's windows.
func windowOf(name string) time.Duration {
	prefix, _, _ := strings.Cut(name, "_")
	return windows[prefix]
}

type row struct {
	Key        map[string]string
	Start, End time.Time
	Values     map[string]any
	Exact      bool
}

// export asks for all rows, and puts their samples into a storage.
func (s *shop) export(now, open time.Time) exported {
	s.t.Helper()
	e := exported{map[string][]point{}, map[string]labels.Labels{}}
	for _, of := range exports {
		parameters, err := url.ParseQuery(of.parameters)
		if err != nil {
			s.t.Fatal(err)
		}
		var answer struct {
			Key    map[string]string
			Data   []row
			Detail string
		}
		if status := s.get(&answer, "/v1/views/"+of.view+"/query", parameters); status != 200 || len(answer.Data) == 0 {
			s.t.Fatalf("%s: %d %s, %d rows", of.prefix, status, answer.Detail, len(answer.Data))
		}
		byKey := map[string][]row{}
		for _, r := range answer.Data {
			if r.Key == nil {
				r.Key = answer.Key
			}
			text := fmt.Sprint(r.Key)
			byKey[text] = append(byKey[text], r)
		}
		for _, rows := range byKey {
			e.addKey(of.prefix, rows, [2]int64{now.UnixMilli(), open.UnixMilli()}, windowOf(of.prefix).Milliseconds())
		}
	}
	return e
}

// addKey adds the series of one key.
func (e exported) addKey(prefix string, rows []row, now [2]int64, window int64) {
	numbers := map[string]map[int64]float64{} // by the labels' text, by the start of the window
	note := func(start int64, v any, of map[string]string) {
		number, ok := v.(float64)
		if !ok {
			return
		}
		l := labels.FromMap(of)
		e.labels[l.String()] = l
		if numbers[l.String()] == nil {
			numbers[l.String()] = map[int64]float64{}
		}
		numbers[l.String()][start] = number
	}
	for _, r := range rows {
		start := r.Start.UnixMilli()
		with := func(name, quantile string) map[string]string {
			of := maps.Clone(r.Key)
			if of == nil {
				of = map[string]string{}
			}
			of["__name__"] = prefix + "_" + name
			if quantile != "" {
				of["quantile"] = quantile
			}
			return of
		}
		exact := 0.0
		if r.Exact {
			exact = 1
		}
		note(start, exact, with("exact", ""))
		for name, v := range r.Values {
			note(start, v, with(name, ""))
			if readings, ok := v.(map[string]any); ok {
				for reading, quantile := range map[string]string{"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99"} {
					note(start, readings[reading], with(name, quantile))
				}
			}
		}
	}
	for text, at := range numbers {
		for _, start := range slices.Sorted(maps.Keys(at)) {
			e.series[text] = append(e.series[text], point{standsAt(start, window, now), at[start]})
			if next := start + window; !has(at, next) {
				e.series[text] = append(e.series[text],
					point{standsAt(next, window, now), math.Float64frombits(value.StaleNaN)})
			}
		}
	}
}

func has(at map[int64]float64, start int64) bool { _, ok := at[start]; return ok }

// standsAt returns where the sample of a window stands. clock is now, and where open windows stand.
func standsAt(start, window int64, clock [2]int64) int64 {
	now, open := clock[0], clock[1]
	if start >= now || start+window <= now {
		return start + window
	}
	if start < open {
		return open
	}
	return now
}

// Querier implements storage.Queryable.
func (e exported) Querier(int64, int64) (storage.Querier, error) { return e, nil }

// Select implements storage.Querier.
func (e exported) Select(
	_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	var all []storage.Series
	for text, of := range e.labels {
		if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(of.Get(m.Name)) }) {
			continue
		}
		var samples []chunks.Sample
		for _, p := range e.series[text] {
			samples = append(samples, p)
		}
		all = append(all, storage.NewListSeries(of, samples))
	}
	slices.SortFunc(all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return &list{all: all}
}

// list is a storage.SeriesSet.
type list struct {
	all []storage.Series
	n   int
}

func (l *list) Next() bool                        { l.n++; return l.n <= len(l.all) }
func (l *list) At() storage.Series                { return l.all[l.n-1] }
func (l *list) Err() error                        { return nil }
func (l *list) Warnings() annotations.Annotations { return nil }

// LabelValues implements storage.Querier.
func (e exported) LabelValues(
	context.Context, string, *storage.LabelHints, ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements storage.Querier.
func (e exported) LabelNames(
	context.Context, *storage.LabelHints, ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close implements storage.Querier.
func (e exported) Close() error { return nil }
