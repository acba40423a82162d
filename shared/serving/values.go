package serving

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// Value is one aggregate of an answer.
type Value struct {
	Name      string
	Aggregate int                 // its number in the definition
	Readings  []aggregate.Reading // that the answer shows; none of an aggregate with one value
}

// Values returns the aggregates that an answer shows, in its order.
func (r Result) Values() []Value {
	values, err := selectValues(r.Program, r.Selection.Values)
	if err != nil { // only of a Result that Serving did not make
		values, _ = selectValues(r.Program, nil)
	}
	return values
}

// selectValues finds the aggregates and readings that a selection names; without names, all of the definition. Errors:
// *ParameterError.
func selectValues(p *view.Program, names []string) (values []Value, err error) {
	d := p.Definition
	if len(names) == 0 {
		for i, a := range d.Aggregates {
			values = append(values, Value{a.Name, i, p.Functions[i].Readings()})
		}
		return values, nil
	}
	for _, name := range names {
		at, readings, fault := findValue(p, name)
		if fault != "" {
			return nil, &ParameterError{"values", fmt.Sprintf("values=%.80q %s", name, fault)}
		}
		i := slices.IndexFunc(values, func(v Value) bool { return v.Aggregate == at })
		if i < 0 {
			i = len(values)
			values = append(values, Value{Name: d.Aggregates[at].Name, Aggregate: at})
		}
		for _, reading := range readings {
			if !slices.Contains(values[i].Readings, reading) {
				values[i].Readings = append(values[i].Readings, reading)
			}
		}
	}
	return values, nil
}

// findValue finds what a query names: an aggregate with the readings that its function lists, or one reading of it, as
// in latency.p99.9. fault says what is wrong with the name; empty: nothing.
func findValue(p *view.Program, name string) (at int, readings []aggregate.Reading, fault string) {
	d := p.Definition
	of, wanted, isReading := strings.Cut(name, ".")
	at = slices.IndexFunc(d.Aggregates, func(a view.Aggregate) bool { return a.Name == of })
	if at < 0 {
		return at, nil, fmt.Sprintf("names no aggregate of view %s; %s", d.Name, suggestValue(p, name))
	}
	f, expr := p.Functions[at], d.Aggregates[at].Expr
	switch {
	case !isReading:
		return at, f.Readings(), ""
	case len(f.Readings()) == 0:
		return at, nil, fmt.Sprintf("names a reading, but %s has one value; write %s", expr, of)
	}
	reading, ok := f.ParseReading(wanted)
	if ok {
		return at, []aggregate.Reading{reading}, ""
	}
	for _, near := range []string{strings.ToLower(wanted), "p" + wanted} {
		if _, ok := f.ParseReading(near); ok {
			return at, nil, fmt.Sprintf("names no reading of %s; did you mean %s.%s?", expr, of, near)
		}
	}
	return at, nil, fmt.Sprintf("names no reading of %s; write for example %s.%s or %[2]s.p99.9", expr, of,
		f.Readings()[0].Name)
}

// suggestValue says what an unknown name may mean: an aggregate, or a reading without its aggregate.
func suggestValue(p *view.Program, name string) string {
	names := make([]string, len(p.Definition.Aggregates))
	for i, a := range p.Definition.Aggregates {
		names[i] = a.Name
		if _, ok := p.Functions[i].ParseReading(name); ok {
			return fmt.Sprintf("did you mean %s.%s?", a.Name, name)
		}
	}
	of, _, _ := strings.Cut(name, ".")
	return spelling.Suggest(of, "aggregates", names)
}
