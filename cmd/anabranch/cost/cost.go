package cost

import (
	"bytes"
	"fmt"

	"github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// Result is the bill of a load, with what it was computed from.
type Result struct {
	Load     Load
	Measured Measured
	Bill     costs.Bill
	Idle     costs.Bill // of the same stack without events
}

// Of computes the bill of a load whose events are like those of a sample.
//
// Errors: those of Measure; costs.yaml is not valid. Not retryable.
func Of(s *Sample, l Load, c costs.Costs) (r Result, err error) {
	r.Load = l
	if r.Measured, err = Measure(s, l, c); err != nil {
		return r, err
	}
	if r.Idle, err = c.IdleBill(l.setup()); err != nil {
		return r, err
	}
	given := l.setup()
	given["e"], given["B"] = l.EventsPerSecond, float64(l.PerRequest)
	for _, m := range c.Measured {
		value, ok := r.Measured[m.Name]
		if !ok {
			return r, fmt.Errorf("nothing measures %s", m.Name)
		}
		given[m.Name] = value
	}
	r.Bill, err = c.Bill(given)
	return r, err
}

// PerMillion returns dollars a month as dollars per million events.
func (r Result) PerMillion(dollars float64) float64 { return dollars / r.Bill.Events }

// ProductSample returns the sample that comes with the product: its events, counted by its views.
func ProductSample() (*Sample, error) {
	definitions, err := viewfile.Parse("views.yaml", []byte(sample.Views))
	if err != nil {
		return nil, err
	}
	lines, err := sample.Lines()
	if err != nil {
		return nil, err
	}
	return NewSample(definitions, bytes.Join(lines, []byte("\n")))
}
