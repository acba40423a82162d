package promql

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anabranch/anabranch/shared/serving"
)

// Matchers are those of one selector.
type Matchers = []*labels.Matcher

// ParseMatchers reads selectors such as page_views_views{path="/"}. Errors: ErrBadQuestion, *Refusal.
func (a *API) ParseMatchers(selectors []string) ([]Matchers, error) {
	var all []Matchers
	for _, text := range selectors {
		if err := a.bounds.checkText(text); err != nil {
			return nil, err
		}
		one, err := a.parser.ParseMetricSelector(text)
		if err != nil {
			return nil, fmt.Errorf("%w: selector %.200q: %w", ErrBadQuestion, text, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// Series returns the labels of the series that any of the selectors accepts, in order: those of the keys in the
// directories of the views. What is listed may have no sample. A warning says which keys are left out, where there are
// more than limit. Errors: *Refusal: do not retry. ErrRead: retry.
func (a *API) Series(ctx context.Context, any []Matchers, limit int) ([]labels.Labels, []string, error) {
	l := a.newLister(a.limited(limit))
	warnings, err := a.eachMetric(ctx, any, func(m metric, matchers Matchers) error {
		return l.addSeries(ctx, m, matchers)
	})
	if err != nil {
		return nil, nil, err
	}
	l.warn(warnings...)
	slices.SortFunc(l.series, labels.Compare)
	l.series = slices.CompactFunc(l.series, labels.Equal)
	return l.series, l.warnings, nil
}

// limited returns the maximum number of answers: what a client asks for, within the bounds.
func (a *API) limited(limit int) int {
	if limit <= 0 {
		return a.bounds.Series
	}
	return min(limit, a.bounds.Series)
}

// Labels returns the names of the labels of the metrics that any of the selectors accepts; without selectors, of all.
// Errors: as Series.
func (a *API) Labels(ctx context.Context, any []Matchers) ([]string, []string, error) {
	names := map[string]bool{labels.MetricName: true}
	warnings, err := a.eachMetric(ctx, any, func(m metric, _ Matchers) error {
		for _, label := range m.allLabels() {
			names[label] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), warnings, err
}

// allLabels returns the names of a metric's labels but its name.
func (m metric) allLabels() []string {
	var all []string
	if m.isOfViews() {
		m.viewLabels().Range(func(l labels.Label) {
			if l.Name != labels.MetricName {
				all = append(all, l.Name)
			}
		})
		return all
	}
	if m.hasQuantiles() {
		all = append(all, quantileLabel)
	}
	return append(all, m.labels...)
}

// Values returns the values of a label among the series that any of the selectors accepts; without selectors, among
// all. A warning says where there are more keys than were looked at. Errors: as Series.
func (a *API) Values(ctx context.Context, label string, any []Matchers, limit int) ([]string, []string, error) {
	values := map[string]bool{}
	l := a.newLister(a.bounds.Series)
	warnings, err := a.eachMetric(ctx, any, func(m metric, matchers Matchers) error {
		if label == labels.MetricName {
			values[m.name] = true
			return nil
		}
		return l.addValues(ctx, m, label, matchers, values)
	})
	if err != nil {
		return nil, nil, err
	}
	l.warn(warnings...)
	sorted := slices.Sorted(maps.Keys(values))
	if most := a.limited(limit); len(sorted) > most {
		sorted = sorted[:most]
		l.warn(fmt.Sprintf("the answer has the first %d values; narrow match[], or raise limit up to %d", most,
			a.bounds.Series))
	}
	return sorted, l.warnings, nil
}

// eachMetric calls do for each metric that any of the selectors accepts; without selectors, for all.
func (a *API) eachMetric(ctx context.Context, any []Matchers, do func(metric, Matchers) error) ([]string, error) {
	all, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	if len(any) == 0 {
		any = []Matchers{nil}
	}
	warnings := slices.Sorted(maps.Values(all.twice)) // they stand in no list
	all.twice = nil
	for _, matchers := range any {
		found, notes, err := all.match(matchers)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, notes...)
		for _, m := range found {
			if err := do(m, matchers); err != nil {
				return nil, err
			}
		}
	}
	return warnings, nil
}

// Metadata is what the API says of a metric.
type Metadata struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// Metadata returns what there is to say of each metric, or of one; by name. Errors: ErrRead: retry.
func (a *API) Metadata(ctx context.Context, name string) (map[string][]Metadata, error) {
	all, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	of := map[string][]Metadata{}
	for _, m := range all.all {
		if name == "" || name == m.name {
			of[m.name] = []Metadata{{Type: "gauge", Help: m.help}} // each window begins at nothing: no metric is a counter
		}
	}
	return of, nil
}

// lister collects what the directories of keys list.
type lister struct {
	*API
	limit    int
	keys     map[string][][]string // listed already, by the view, the subset and the filter
	series   []labels.Labels
	warnings []string
}

func (a *API) newLister(limit int) *lister {
	return &lister{API: a, limit: limit, keys: map[string][][]string{}}
}

func (l *lister) warn(all ...string) {
	for _, text := range all {
		if !slices.Contains(l.warnings, text) {
			l.warnings = append(l.warnings, text)
		}
	}
}

// addSeries adds the series of a metric that the matchers accept.
func (l *lister) addSeries(ctx context.Context, m metric, matchers Matchers) error {
	if m.isOfViews() {
		if of := m.viewLabels(); accepts(matchers, of) {
			l.series = append(l.series, of)
		}
		return nil
	}
	readings := m.readingsOf(matchers)
	return l.eachKey(ctx, m, matchers, func(values []string) bool {
		for _, reading := range readings {
			if len(l.series) == l.limit {
				return false
			}
			l.series = append(l.series, m.seriesLabels(values, reading))
		}
		return true
	})
}

// addValues adds the values of a label of a metric's series.
func (l *lister) addValues(ctx context.Context, m metric, label string, matchers Matchers, to map[string]bool) error {
	at := slices.Index(m.labels, label)
	switch {
	case m.isOfViews():
		if of := m.viewLabels(); of.Has(label) && accepts(matchers, of) {
			to[of.Get(label)] = true
		}
		return nil
	case label == quantileLabel && m.hasQuantiles():
		for _, reading := range m.readingsOf(matchers) {
			to[quantileOf(reading)] = true
		}
		return nil
	case at < 0 || m.hasSmaller(label, matchers):
		return nil
	}
	looked := 0
	return l.eachKey(ctx, m, matchers, func(values []string) bool {
		if values[at] != "" {
			to[values[at]] = true
		}
		looked++
		return looked <= l.limit
	})
}

// hasSmaller reports whether a metric with fewer labels has the same values of a label: one of a roll-up, whose
// directory lists each value for fewer keys. Without a matcher of the name, such a metric is asked as well.
func (m metric) hasSmaller(label string, matchers Matchers) bool {
	d := m.reader.Program.Definition
	fields := d.FieldNames(m.subset)
	asked := []string{fields[slices.Index(m.labels, label)]}
	for _, one := range matchers {
		if one.Name == labels.MetricName || one.Name == quantileLabel {
			return false
		}
		if at := slices.Index(m.labels, one.Name); at >= 0 {
			asked = append(asked, fields[at])
		}
	}
	plan, ok := d.PlanKeys(asked)
	return ok && plan != m.subset || m.kind != exact // one metric of a subset is enough, and each has this one
}

// eachKey calls do for each key of a metric's directory that the matchers accept, until do returns false.
func (l *lister) eachKey(ctx context.Context, m metric, matchers Matchers, do func(values []string) bool) error {
	f, ok := m.filterOf(matchers)
	if !ok {
		return nil
	}
	if !m.ready {
		l.warn(fmt.Sprintf("view %s is not ready yet: %s", m.view.Name, m.view.WhyNoAnswer()))
		return nil
	}
	name := fmt.Sprintf("%s %d %s", m.view.Name, m.subset, f)
	keys, known := l.keys[name]
	if !known {
		var err error
		if keys, err = l.list(ctx, m, f); err != nil {
			return err
		}
		l.keys[name] = keys
	}
	for _, values := range keys {
		if !do(values) {
			l.warn(fmt.Sprintf("view %s has more keys than the first %d, which are listed; narrow match[]", m.view.Name,
				l.limit))
			return nil
		}
	}
	return nil
}

// list lists the keys that a filter accepts: one more than the limit at most.
func (l *lister) list(ctx context.Context, m metric, f filter) (keys [][]string, err error) {
	by := serving.KeyFilter{Subset: m.subset, Fields: f.key, Limit: l.limit + 1}
	if len(f.rest) > 0 {
		by.Accept = f.accept
	}
	for range mostLists {
		list, err := m.reader.ListKeys(ctx, by, l.serving.Parallel)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrRead, m.name, err)
		}
		for _, key := range list.Keys {
			keys = append(keys, key.Values)
		}
		if list.Last == nil || len(keys) > l.limit {
			return keys, nil
		}
		by.After = list.Last
	}
	l.warn(fmt.Sprintf("view %s has more keys than were looked at; narrow match[]", m.view.Name))
	return keys, nil
}

// mostLists bounds the calls of ListKeys for one list. Each looks at a part of the directory.
const mostLists = 5
