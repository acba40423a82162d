// Package costs computes what Anabranch costs on AWS from the figures in costs.yaml. docs/deploy.md shows its tables,
// and a test compares them. infra/experiments estimates its experiments with the same prices.
//
// The figures, and the formulas over them, are data. This package only evaluates them.
package costs

import (
	_ "embed" // embeds the figures
	"fmt"
	"maps"

	"github.com/goccy/go-yaml"
)

//go:embed costs.yaml
var text []byte

// Kind says where a figure is from.
type Kind string

// The kinds of figures.
const (
	Counted Kind = "counted" // by a test, or in the template
	List    Kind = "list"    // list price at AWS
	Quoted  Kind = "quoted"  // list price, read at a third party
	Assumed Kind = "assumed" // nobody has measured or read it
)

// Figure is one number that formulas use.
type Figure struct {
	Name     string  `yaml:"name"`
	Value    float64 `yaml:"value"`
	Unit     string  `yaml:"unit"` // unit and meaning
	Kind     Kind    `yaml:"kind"`
	Source   string  `yaml:"source"`   // "" for an assumption that has none
	Measured string  `yaml:"measured"` // name of the experiment that measures it; "" for none
}

// Part is one row of a table of costs.
type Part struct {
	Name string `yaml:"part"`
	Is   string `yaml:"is"`   // formula for dollars a month
	Busy bool   `yaml:"busy"` // whether an idle stack does not cost it
}

// Step is a formula that parts use by its name.
type Step struct {
	Name string `yaml:"name"`
	Is   string `yaml:"is"`
	Says string `yaml:"says"`
}

// Costs holds all figures and formulas.
type Costs struct {
	Figures   []Figure         `yaml:"figures"`
	Workloads []map[string]any `yaml:"workloads"`
	Steps     []Step           `yaml:"steps"`
	Parts     []Part           `yaml:"parts"`
	Idle      []Part           `yaml:"idle"`
}

// Read returns the figures and formulas of costs.yaml.
//
// Errors: the file is not valid. Do not retry.
func Read() (Costs, error) {
	var c Costs
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return c, fmt.Errorf("read costs.yaml: %w", err)
	}
	return c, nil
}

// Values returns the value of each figure by its name.
func (c Costs) Values() map[string]float64 {
	values := map[string]float64{}
	for _, f := range c.Figures {
		values[f.Name] = f.Value
	}
	return values
}

// month is the number of seconds of a month of 30 days, in millions.
const month = 2.592

// valuesOf returns the values that the formulas of a workload's column may use.
func (c Costs) valuesOf(workload map[string]any) (map[string]float64, error) {
	values := c.Values()
	for name, value := range workload {
		if name == "title" {
			continue
		}
		number, err := numberOf(value)
		if err != nil {
			return nil, fmt.Errorf("workload %v, %s: %w", workload["title"], name, err)
		}
		values[name] = number
	}
	values["N"] = month * values["e"]
	values["Q"] = values["N"] / values["B"]
	for _, s := range c.Steps {
		value, err := Evaluate(s.Is, values)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Name, err)
		}
		values[s.Name] = value
	}
	return values, nil
}

func numberOf(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case uint64:
		return float64(v), nil
	}
	return 0, fmt.Errorf("%v is not a number", value)
}

// Dollars returns what each part costs a month under a workload, and then each part of an idle stack.
func (c Costs) Dollars(workload map[string]any) ([]float64, error) {
	values, err := c.valuesOf(workload)
	if err != nil {
		return nil, err
	}
	var all []float64
	for _, p := range append(append([]Part{}, c.Parts...), c.Idle...) {
		dollars, err := Evaluate(p.Is, values)
		if err != nil {
			return nil, fmt.Errorf("part %s: %w", p.Name, err)
		}
		all = append(all, dollars)
	}
	return all, nil
}

// IdleDollars returns what each part of an idle stack costs a month. A part that only events cause costs nothing.
func (c Costs) IdleDollars() (all []float64, sum float64, err error) {
	values := maps.Clone(c.Values())
	values["kb_gb"] = 1024e6 / (1 << 30)
	for _, p := range c.Idle {
		dollars, err := Evaluate(p.Is, values)
		if err != nil {
			return nil, 0, fmt.Errorf("part %s: %w", p.Name, err)
		}
		if p.Busy {
			dollars = 0
		}
		all, sum = append(all, dollars), sum+dollars
	}
	return all, sum, nil
}
