package promql

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anabranch/anabranch/shared/serving"
)

// lister collects the keys of views.
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
		if one.Name == model.MetricNameLabel || one.Name == quantileLabel {
			return false
		}
		if at := slices.Index(m.labels, one.Name); at >= 0 {
			asked = append(asked, fields[at])
		}
	}
	plan, ok := d.PlanKeys(asked)
	return ok && plan != m.subset || m.kind != exact // one metric of a subset is enough, and each has this one
}

// eachKey calls do for each listed key of a metric that the matchers accept, until do returns false.
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

// mostLists bounds the calls of ListKeys for one list. Each looks at a part of the keys.
const mostLists = 5
