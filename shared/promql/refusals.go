package promql

import (
	"errors"
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

func (q *querier) tooManySamples(m metric) error {
	return refuse("%s has more than %d samples in this range, the maximum of a query; choose fewer series with labels, "+
		"or a shorter range", m.name, q.bounds.Samples)
}

func (q *querier) tooManyBytes(m metric) error {
	return refuse("with %s, the query keeps more than %d bytes of states and samples in memory, the maximum; choose "+
		"fewer series with labels, a shorter range, or fewer selectors", m.name, q.bounds.Bytes)
}

func (q *querier) tooMuchRead(m metric) error {
	return refuse("%s has more than %d bytes of items to read in this range, the maximum of a selector; choose fewer "+
		"series with labels, or a shorter range", m.name, q.serving.MaxRead)
}

// tooManyKeys says what would do.
func (q *querier) tooManyKeys(m metric, steps int64) error {
	d, remedy := m.reader.Program.Definition, "choose fewer with labels"
	var names []string
	for subset := range d.Rollups {
		names = append(names, baseName(d, view.Subset(subset+1))+"_...")
	}
	switch {
	case m.subset != view.FullKey || len(m.labels) == 0:
	case len(names) > 0:
		remedy += ", or use a roll-up: " + strings.Join(names, ", ")
	default:
		remedy += ", or add a roll-up to the view"
	}
	return refuse("%s reads more than %d keys, the maximum of a selector%s; %s", m.name,
		q.bounds.keysAt(steps), atSteps(steps), remedy)
}

// atSteps names the steps that a maximum follows from.
func atSteps(steps int64) string {
	if steps == 1 {
		return ""
	}
	return fmt.Sprintf(" at %d steps", steps)
}

// explain turns an error of serving into one of this package.
func (q *querier) explain(m metric, steps int64, err error) error {
	var parameter *serving.ParameterError
	switch {
	case errors.Is(err, serving.ErrTooManyBytes): // before the errors that it comes with
		return q.tooManyBytes(m)
	case errors.Is(err, serving.ErrTooMuchRead):
		return q.tooMuchRead(m)
	case errors.Is(err, serving.ErrTooManyWindows):
		return q.tooManySamples(m)
	case errors.Is(err, serving.ErrTooManyKeys):
		return q.tooManyKeys(m, steps)
	case errors.Is(err, serving.ErrNotServing):
		return err
	case errors.As(err, &parameter):
		return refuse("%s: %s", m.name, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrRead, m.name, err)
}
