package promql

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view"
)

// filter says which keys of a metric a selector accepts.
type filter struct {
	key  map[string][]string     // values of fields that the matchers list
	rest map[int]matchersOfField // the other matchers, by the place of their field
}

type matchersOfField []*labels.Matcher

func (m matchersOfField) accept(value string) bool {
	return !slices.ContainsFunc(m, func(one *labels.Matcher) bool { return !one.Matches(value) })
}

// String names a filter among those of one view and subset.
func (f filter) String() string { return fmt.Sprintf("%q %v", f.key, f.rest) }

// filterOf turns matchers into a filter. Matchers that list values become values of key fields; the list of keys
// answers the others. ok is false when no key can match.
func (m metric) filterOf(matchers []*labels.Matcher) (f filter, ok bool) {
	f = filter{key: map[string][]string{}, rest: map[int]matchersOfField{}}
	fields := m.reader.Program.Definition.FieldNames(m.subset)
	for _, one := range matchers {
		at := slices.Index(m.labels, one.Name)
		switch {
		case one.Name == model.MetricNameLabel, one.Name == quantileLabel && m.hasQuantiles(), m.isOfViews():
		case at < 0:
			if !one.Matches("") {
				return f, false
			}
		default:
			f.rest[at] = append(f.rest[at], one)
			if values := listed(one); values != nil && f.key[fields[at]] == nil {
				f.key[fields[at]] = values
			}
		}
	}
	for at, field := range fields {
		if values, ok := f.key[field]; ok {
			f.key[field] = slices.DeleteFunc(slices.Clone(values), func(value string) bool {
				return !f.rest[at].accept(value) || len(value) > view.MaxValues
			})
			if len(f.key[field]) == 0 {
				return f, false
			}
			delete(f.rest, at)
		}
	}
	return f, true
}

// listed returns the values that a matcher lists; nil if it accepts others too. The empty value also stands for a label
// that is absent, and is left to the list of keys.
func listed(m *labels.Matcher) []string {
	values := m.SetMatches()
	if m.Type == labels.MatchEqual {
		values = []string{m.Value}
	}
	if m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp || slices.Contains(values, "") {
		return nil
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// accept reports whether the matchers that list no values accept a key.
func (f filter) accept(values []string) bool {
	for at, matchers := range f.rest {
		if !matchers.accept(values[at]) {
			return false
		}
	}
	return true
}

// readingsOf returns the readings that matchers of the label quantile accept: those that the API lists, and others
// where a matcher names one quantile, as in quantile="0.999".
func (m metric) readingsOf(matchers []*labels.Matcher) []aggregate.Reading {
	all := slices.Clone(m.readings())
	if !m.hasQuantiles() {
		return all
	}
	var own matchersOfField
	for _, one := range matchers {
		if one.Name != quantileLabel {
			continue
		}
		own = append(own, one)
		if reading, ok := m.readingOf(one.Value); ok && one.Type == labels.MatchEqual && !slices.Contains(all, reading) {
			all = append(all, reading)
		}
	}
	return slices.DeleteFunc(all, func(r aggregate.Reading) bool { return !own.accept(quantileOf(r)) })
}

// millionths are the unit of a Reading's Value: a ten-thousandth of a percent.
const millionths = 1e6

// quantileOf writes a reading as a quantile: "0.99" for p99.
func quantileOf(r aggregate.Reading) string {
	return strconv.FormatFloat(float64(r.Value)/millionths, 'f', -1, 64)
}

// readingOf reads a quantile that is written as quantileOf writes it.
func (m metric) readingOf(quantile string) (aggregate.Reading, bool) {
	share, err := strconv.ParseFloat(quantile, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		return aggregate.Reading{}, false
	}
	percent := strconv.FormatFloat(share*100, 'f', 4, 64)
	name := "p" + trimZeros(percent)
	reading, ok := m.reader.Program.Functions[m.aggregate].ParseReading(name)
	return reading, ok && quantileOf(reading) == quantile
}

// trimZeros drops the zeros at the end of a decimal fraction, and the point when nothing follows it.
func trimZeros(decimal string) string {
	end := len(decimal)
	for end > 0 && decimal[end-1] == '0' {
		end--
	}
	if end > 0 && decimal[end-1] == '.' {
		end--
	}
	return decimal[:end]
}
