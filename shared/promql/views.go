package promql

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/anabranch/anabranch/shared/view"
)

// addView adds the one series of a metric about a view, if the matchers accept it. Its sample stands at now.
func (s *seriesSet) addView(m metric, at timeline, matchers []*labels.Matcher) {
	of := m.viewLabels()
	if !at.wants(at.open) || !accepts(matchers, of) {
		return
	}
	s.all = append(s.all, storage.NewListSeries(of, []chunks.Sample{sample{at.open, m.viewNumber()}}))
}

func accepts(matchers []*labels.Matcher, of labels.Labels) bool {
	return !slices.ContainsFunc(matchers, func(one *labels.Matcher) bool { return !one.Matches(of.Get(one.Name)) })
}

// viewLabels returns the labels of a metric about a view.
func (m metric) viewLabels() labels.Labels {
	d, g := m.reader.Program.Definition, m.reader.Generation
	if m.kind == horizon {
		return labels.FromStrings(model.MetricNameLabel, m.name, viewLabel, string(d.Name))
	}
	return labels.FromStrings(model.MetricNameLabel, m.name, viewLabel, string(d.Name), "architecture",
		d.Architecture.String(), "window", view.WriteWindow(d.Window), "generation", string(g.ID))
}

func (m metric) viewNumber() float64 {
	if m.kind == horizon {
		return float64(m.reader.Generation.Horizon.Start().UnixMilli()) / 1000
	}
	return 1
}
