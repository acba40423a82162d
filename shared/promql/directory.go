package promql

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// Matchers are those of one selector.
type Matchers = []*labels.Matcher

// ParseMatchers reads selectors such as page_views_views{path="/"}, each once. Errors: ErrBadQuestion, *Refusal.
func (a *API) ParseMatchers(selectors []string) ([]Matchers, error) {
	var all []Matchers
	selectors = slices.Compact(slices.Sorted(slices.Values(selectors)))
	if n := len(selectors); n > mostSelectors {
		return nil, refuse("match[] has %d different selectors; the maximum is %d", n, mostSelectors)
	}
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
	warnings, err := a.eachMetric(ctx, any, func(ctx context.Context, m metric, matchers Matchers) error {
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
	names := map[string]bool{model.MetricNameLabel: true}
	warnings, err := a.eachMetric(ctx, any, func(_ context.Context, m metric, _ Matchers) error {
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
			if l.Name != model.MetricNameLabel {
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
	warnings, err := a.eachMetric(ctx, any, func(ctx context.Context, m metric, matchers Matchers) error {
		if label == model.MetricNameLabel {
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

// eachMetric calls do for each metric that any of the selectors accepts; without selectors, for all. It leaves out
// views that could not be read, with a warning. Errors: those of do; ErrRead; *Refusal, where it takes too long.
func (a *API) eachMetric(
	ctx context.Context, any []Matchers, do func(context.Context, metric, Matchers) error,
) ([]string, error) {
	ctx, cancel := a.bounds.limitTime(ctx)
	defer cancel()
	warnings, err := a.visitMetrics(ctx, any, do)
	return warnings, a.bounds.explainList(ctx, err)
}

func (a *API) visitMetrics(
	ctx context.Context, any []Matchers, do func(context.Context, metric, Matchers) error,
) ([]string, error) {
	all, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	if len(any) == 0 {
		any = []Matchers{nil}
	}
	warnings := slices.Sorted(maps.Values(all.twice)) // they stand in no list
	all.twice = nil
	warnings = append(warnings, all.leaveOutFailed(any)...)
	for _, matchers := range any {
		found, notes, err := all.match(matchers)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, notes...)
		for _, m := range found {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrRead, err)
			}
			if err := do(ctx, m, matchers); err != nil {
				return nil, err
			}
		}
	}
	return warnings, nil
}

// leaveOutFailed drops the views that could not be read, so that match does not fail for them. It returns a warning for
// each that the selectors may concern.
func (m *metrics) leaveOutFailed(any []Matchers) (warnings []string) {
	for _, name := range slices.Sorted(maps.Keys(m.failed)) {
		if slices.ContainsFunc(any, func(matchers Matchers) bool { return mayConcern(matchers, name) }) {
			warnings = append(warnings, fmt.Sprintf("view %s could not be read, so the list lacks its metrics; ask again",
				name))
		}
	}
	m.failed = nil
	return warnings
}

// Metadata is what the API says of a metric.
type Metadata struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// Metadata returns what there is to say of each metric, or of one; by name. A warning names each view that could not be
// read. Errors: ErrRead: retry.
func (a *API) Metadata(ctx context.Context, name string) (map[string][]Metadata, []string, error) {
	all, err := a.load(ctx)
	if err != nil {
		return nil, nil, err
	}
	of := map[string][]Metadata{}
	for _, m := range all.all {
		if name == "" || name == m.name {
			of[m.name] = []Metadata{{Type: "gauge", Help: m.help}} // each window begins at nothing: no metric is a counter
		}
	}
	return of, all.leaveOutFailed([]Matchers{nil}), nil
}
