package promql

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// metric is a family of series: a number of a view, one series for each key of a subset.
type metric struct {
	name, help string
	kind       kind
	view       lifecycle.View
	reader     serving.Reader // of the generation that answers, or of the one that will
	ready      bool           // a generation answers
	subset     view.Subset
	labels     []string // of the fields of the subset's keys
	aggregate  int      // of a kind number
}

// kind says what a metric's samples are.
type kind int

const (
	number  kind = iota // an aggregate, one sample per window
	exact               // whether a window is exact: 1 or 0
	horizon             // Unix seconds of the view's horizon; one sample, now
	info                // 1, with what the view is as labels; one sample, now
)

// Names of metrics that are about views themselves, and the label that says which view.
const (
	horizonName = "anabranch_horizon_timestamp_seconds"
	infoName    = "anabranch_view_info"
	viewLabel   = "view"
)

// quantileLabel is the label of a quantile, as in the summaries of Prometheus.
const quantileLabel = "quantile"

// metrics are all metrics at one moment.
type metrics struct {
	all      []metric            // in the order of their names
	twice    map[string]string   // why a name means no metric: two views give it
	noNumber map[string]string   // why a name that a reader may try is no metric: its values are no numbers
	failed   map[view.Name]error // why no generation of a view could be read
}

// load reads the pointers of all views, and the definitions of their generations. A definition that cannot be read
// fails its view alone: see metrics.failed. Errors: ErrRead.
func (a *API) load(ctx context.Context) (metrics, error) {
	m := metrics{twice: map[string]string{}, noNumber: map[string]string{}, failed: map[view.Name]error{}}
	views, err := a.serving.Catalog.Views(ctx)
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrRead, err)
	}
	for _, v := range views {
		g, ready := v.Answering()
		if !ready {
			on := false
			if g, on = v.OnItsWay(); !on {
				continue
			}
		}
		reader, err := a.serving.Reader(ctx, g)
		if err != nil {
			a.log.ErrorContext(ctx, "a view could not be read", "view", string(v.Name), "error", err)
			m.failed[v.Name] = err
			continue
		}
		m.addView(metric{view: v, reader: reader, ready: ready})
	}
	m.dropTwice()
	return m, nil
}

// addView adds the metrics of one view. of has what they share.
func (m *metrics) addView(of metric) {
	d := of.reader.Program.Definition
	for subset := range view.Subset(d.Subsets()) {
		of.subset, of.labels = subset, labelsOf(d.FieldNames(subset))
		base := baseName(d, subset)
		for i, a := range d.Aggregates {
			of.kind, of.aggregate, of.name = number, i, base+"_"+a.Name
			of.help = fmt.Sprintf("%s of view %s, per window of %s", a.Expr, d.Name, view.WriteWindow(d.Window))
			if !of.reader.Program.Functions[i].IsNumber() {
				m.noNumber[of.name] = fmt.Sprintf("%s is no metric, since the values of %s are no numbers; ask "+
					"/v1/views/%s/query", of.name, a.Expr, d.Name)
				continue
			}
			m.all = append(m.all, of)
		}
		of.kind, of.name = exact, base+"_exact"
		of.help = fmt.Sprintf("1 where a window of view %s is exact, 0 where it is not", d.Name)
		m.all = append(m.all, of)
	}
	of.subset, of.labels = view.FullKey, nil
	of.kind, of.name, of.help = info, infoName, "1 for each view, with its architecture, window and generation"
	m.all = append(m.all, of)
	if of.ready && of.reader.Generation.HasBase() {
		of.kind, of.name = horizon, horizonName
		of.help = "batch has covered what arrived before this Unix time; Kappa views have none"
		m.all = append(m.all, of)
	}
}

// baseName returns what the names of a subset's metrics begin with.
func baseName(d view.Definition, subset view.Subset) string {
	fields := d.FieldNames(subset)
	switch {
	case subset == view.FullKey:
		return string(d.Name)
	case len(fields) == 0:
		return string(d.Name) + "_all"
	}
	return string(d.Name) + "_by_" + strings.Join(fields, "_")
}

// labelsOf returns the labels of key fields: their names. A field that is called as the label of quantiles gets key_
// before its name, once more where another field has that name.
func labelsOf(fields []string) []string {
	all := slices.Clone(fields)
	for i := range all {
		if all[i] != quantileLabel {
			continue
		}
		for slices.Contains(fields, all[i]) {
			all[i] = "key_" + all[i]
		}
	}
	return all
}

// dropTwice sorts the metrics, and takes out names that mean two of them.
func (m *metrics) dropTwice() {
	slices.SortStableFunc(m.all, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(m.all); i++ {
		if a, b := m.all[i-1], m.all[i]; a.name == b.name && !(a.isOfViews() && a.kind == b.kind) {
			m.twice[a.name] = fmt.Sprintf("the name %s means two metrics: %s; and %s; rename a view or an aggregate", a.name,
				a.help, b.help)
		}
	}
	m.all = slices.DeleteFunc(m.all, func(of metric) bool { _, ok := m.twice[of.name]; return ok })
	for _, of := range m.all {
		delete(m.noNumber, of.name)
	}
}

// isOfViews reports whether the metric is about views themselves: it has one series for each view.
func (m metric) isOfViews() bool { return m.kind == horizon || m.kind == info }

// warningsOf returns what a result lacks of this metric.
func (m metric) warningsOf(r *serving.Result) []string {
	if r.Program == nil {
		return nil // the range has no window, so nothing was read
	}
	skipped := fmt.Sprintf("skipped of GET /v1/views/%s/query", m.view.Name)
	if m.kind == number {
		return r.WarningsOf(skipped, m.reader.Program.Definition.Aggregates[m.aggregate].Name)
	}
	return r.WarningsOf(skipped)
}

// window returns the length of the metric's windows.
func (m metric) window() time.Duration {
	if m.isOfViews() {
		return defaultLookBack
	}
	return m.reader.Program.Definition.Window
}

// defaultLookBack is the look-back of an expression without windows. Prometheus has the same.
const defaultLookBack = 5 * time.Minute

// readings returns the readings of a metric's aggregate that have series; one zero Reading if it has none.
func (m metric) readings() []aggregate.Reading {
	if m.kind == number {
		if all := m.reader.Program.Functions[m.aggregate].Readings(); len(all) > 0 {
			return all
		}
	}
	return []aggregate.Reading{{}}
}

func (m metric) hasQuantiles() bool { return m.readings()[0] != aggregate.Reading{} }

// match returns the metrics whose names the matchers accept. notes say which such names mean no metric. Errors:
// *Refusal. ErrRead, where a view that could not be read may have a metric with such a name: without its series, a sum
// would be too small.
func (m metrics) match(matchers []*labels.Matcher) (all []metric, notes []string, err error) {
	accepts := func(name string) bool {
		return !slices.ContainsFunc(matchers, func(one *labels.Matcher) bool {
			return one.Name == model.MetricNameLabel && !one.Matches(name)
		})
	}
	for name, why := range m.twice {
		if accepts(name) {
			return nil, nil, &Refusal{why}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.failed)) {
		if mayConcern(matchers, name) {
			return nil, nil, fmt.Errorf("%w: view %s: %w", ErrRead, name, m.failed[name])
		}
	}
	for _, of := range m.all {
		if accepts(of.name) {
			all = append(all, of)
		}
	}
	for _, one := range matchers {
		if why, ok := m.noNumber[one.Value]; ok && one.Name == model.MetricNameLabel && one.Type == labels.MatchEqual {
			notes = append(notes, why)
		}
	}
	return all, notes, nil
}

// mayConcern reports whether matchers may accept a metric of a view whose definition is unknown. The names of its own
// metrics begin with its name.
func mayConcern(matchers Matchers, of view.Name) bool {
	isOfViews := func(one *labels.Matcher) bool {
		switch one.Name {
		case model.MetricNameLabel:
			return one.Matches(horizonName) || one.Matches(infoName)
		case viewLabel:
			return one.Matches(string(of))
		}
		return true
	}
	isOfView := func(one *labels.Matcher) bool {
		return one.Name != model.MetricNameLabel || mayAccept(one, string(of)+"_")
	}
	return acceptAll(matchers, isOfViews) || acceptAll(matchers, isOfView)
}

func acceptAll(matchers Matchers, is func(*labels.Matcher) bool) bool {
	return !slices.ContainsFunc(matchers, func(one *labels.Matcher) bool { return !is(one) })
}

// mayAccept reports whether a matcher may accept a text with a prefix. Where that is unknown, it says yes.
func mayAccept(m *labels.Matcher, prefix string) bool {
	switch m.Type {
	case labels.MatchEqual:
		return strings.HasPrefix(m.Value, prefix)
	case labels.MatchRegexp:
		if listed := m.SetMatches(); len(listed) > 0 {
			return slices.ContainsFunc(listed, func(value string) bool { return strings.HasPrefix(value, prefix) })
		}
		return strings.HasPrefix(m.Prefix(), prefix) || strings.HasPrefix(prefix, m.Prefix())
	}
	return true
}

// lookBack returns the longest window of the metrics that an expression names.
func (m metrics) lookBack(expr parser.Expr) time.Duration {
	longest := time.Duration(0)
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			all, _, _ := m.match(selector.LabelMatchers) // an error comes again when the selector is read
			for _, of := range all {
				longest = max(longest, of.window())
			}
		}
		return nil
	})
	if longest == 0 {
		return defaultLookBack
	}
	return longest
}
