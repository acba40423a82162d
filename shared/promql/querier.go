package promql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// queryable is the storage of one question. Selectors of one view with the same labels and range share one read: so m
// and the exactness of m come from the same rows.
type queryable struct {
	*API
	all      metrics
	clock    clock
	lookBack time.Duration
	read     map[string]serving.Result
	samples  int   // read so far
	bytes    int   // kept so far: see Bounds.Bytes
	err      error // why nothing more is read
}

// Querier implements storage.Queryable.
func (q *queryable) Querier(first, last int64) (storage.Querier, error) {
	return &querier{queryable: q, span: timeline{q.clock, first, last}}, nil
}

type querier struct {
	*queryable
	span timeline
}

// Select implements storage.Querier. The engine calls it for one selector after the other.
func (q *querier) Select(
	ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	if q.err == nil {
		set, err := q.selectSeries(ctx, hints, matchers)
		if err == nil {
			return set
		}
		q.err = err
	}
	return storage.ErrSeriesSet(q.err)
}

func (q *querier) selectSeries(
	ctx context.Context, hints *storage.SelectHints, matchers []*labels.Matcher,
) (*seriesSet, error) {
	at, steps := q.span, int64(1)
	if hints != nil {
		at.first, at.last = hints.Start, hints.End
		steps = q.stepsOf(hints)
	}
	found, notes, err := q.all.match(matchers)
	if err != nil {
		return nil, err
	}
	set := &seriesSet{}
	set.warn(notes)
	for _, m := range found {
		if err := q.addMetric(ctx, set, m, at, steps, matchers); err != nil {
			return nil, err
		}
		if err := q.bounds.checkSteps(m.name, len(set.all), steps); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(set.all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return set, nil
}

// stepsOf returns at how many instants the engine needs a selector, at most.
func (q *querier) stepsOf(hints *storage.SelectHints) int64 {
	if hints.Step <= 0 {
		return 1
	}
	before := hints.Range
	if before == 0 {
		before = q.lookBack.Milliseconds()
	}
	return max(0, hints.End-hints.Start+1-before)/hints.Step + 1
}

// addMetric adds the series of one metric. Errors: ErrRead, *Refusal.
func (q *querier) addMetric(
	ctx context.Context, set *seriesSet, m metric, at timeline, steps int64, matchers []*labels.Matcher,
) error {
	if m.isOfViews() {
		set.addView(m, at, matchers)
		return nil
	}
	f, ok := m.filterOf(matchers)
	readings := m.readingsOf(matchers)
	if !ok || len(readings) == 0 {
		return nil
	}
	result, err := q.rows(ctx, m, f, at, steps)
	if errors.Is(err, serving.ErrNotServing) {
		set.warn([]string{err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	set.warn(m.warningsOf(&result))
	for rows := range keysOf(&result) {
		for _, reading := range readings {
			if s := at.samples(rows, m.numberOf(reading)); len(s) > 0 {
				of := m.seriesLabels(result.KeyOf(&rows[0]), reading)
				set.all = append(set.all, storage.NewListSeries(of, s))
				if err := q.keep(m, bytesOfSeries+len(s)*bytesOfSample); err != nil {
					return err
				}
			}
		}
		if err := q.bounds.checkSteps(m.name, len(set.all), 0); err != nil {
			return err
		}
	}
	return nil
}

// keysOf returns the rows of one key after those of another.
func keysOf(r *serving.Result) func(yield func([]serving.Row) bool) {
	return func(yield func([]serving.Row) bool) {
		for rows := r.Rows; len(rows) > 0; {
			n := slices.IndexFunc(rows, func(row serving.Row) bool { return !slices.Equal(row.Key, rows[0].Key) })
			if n < 0 {
				n = len(rows)
			}
			if !yield(rows[:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// seriesLabels returns the labels of a series. A label without a value is no label, as in all of Prometheus.
func (m metric) seriesLabels(key []string, reading aggregate.Reading) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels()).Set(model.MetricNameLabel, m.name)
	for i, label := range m.labels {
		b.Set(label, key[i])
	}
	if m.hasQuantiles() {
		b.Set(quantileLabel, quantileOf(reading))
	}
	return b.Labels()
}

// rows reads the rows whose samples are wanted. Errors: ErrRead, *Refusal, serving.ErrNotServing.
func (q *querier) rows(
	ctx context.Context, m metric, f filter, at timeline, steps int64,
) (serving.Result, error) {
	from, to, err := q.windowsOf(m, at)
	if err != nil || !from.Before(to) {
		return serving.Result{}, err
	}
	d := m.reader.Program.Definition
	s := serving.Selection{View: d.Name, Key: f.key, From: &from, To: &to}
	if m.subset != view.FullKey {
		s.By = d.FieldNames(m.subset)
	}
	if len(f.rest) > 0 {
		s.Accept = f.accept
	}
	name := fmt.Sprintf("%s %d %s %d %d", d.Name, m.subset, f, from.UnixMilli(), to.UnixMilli())
	if result, ok := q.read[name]; ok {
		return result, nil
	}
	within := *q.serving
	within.MaxKeys, within.MaxMerged = q.bounds.keysAt(steps), max(1, q.bounds.Bytes-q.bytes)
	result, err := within.Read(ctx, s)
	if err != nil {
		return result, q.explain(m, steps, err)
	}
	if result.Generation.ID != m.reader.Generation.ID {
		return result, fmt.Errorf("%w: view %s has just switched to another generation", ErrRead, d.Name)
	}
	if q.samples += len(result.Rows); q.samples > q.bounds.Samples {
		return result, q.tooManySamples(m)
	}
	if err := q.keep(m, result.Bytes()); err != nil {
		return result, err
	}
	q.read[name] = result
	return result, nil
}

// Memory of a series without its samples, and of a sample, at least.
const (
	bytesOfSeries = 200
	bytesOfSample = 32
)

// keep counts memory that the question keeps until its end. Error: *Refusal.
func (q *querier) keep(m metric, bytes int) error {
	if q.bytes += bytes; q.bytes > q.bounds.Bytes {
		return q.tooManyBytes(m)
	}
	return nil
}

// windowsOf returns the range that whole windows are read from: those whose samples are wanted, and two before them,
// after which a stale marker may stand. Error: *Refusal.
func (q *querier) windowsOf(m metric, at timeline) (from, to time.Time, err error) {
	p, window := m.reader.Program, m.window().Milliseconds()
	last := at.last - window + 1
	for _, now := range []int64{at.open, at.now} {
		if at.wants(now) {
			last = max(last, now) // the open window
		}
	}
	first, until := clamp(at.first-2*window), clamp(last)
	if (until-first)/window > int64(q.bounds.Samples) {
		return from, to, q.tooManySamples(m)
	}
	return p.Start(p.FirstWindowFrom(time.UnixMilli(first))), p.Start(p.FirstWindowFrom(time.UnixMilli(until))), nil
}

// clamp keeps a time within those that an event may have.
func clamp(ms int64) int64 { return min(max(ms, int64(event.MinTime)), int64(event.MaxTime)) }

// LabelValues implements storage.Querier. The engine never calls it: see API.Values.
func (q *querier) LabelValues(
	context.Context, string, *storage.LabelHints, ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements storage.Querier. The engine never calls it: see API.Labels.
func (q *querier) LabelNames(
	context.Context, *storage.LabelHints, ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close implements storage.Querier.
func (q *querier) Close() error { return nil }
