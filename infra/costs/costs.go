// Package costs computes what Anabranch costs on AWS from the figures in costs.yaml. anabranch cost prints bills,
// docs/cost.md shows its tables, and infra/experiments estimates its experiments with the same prices.
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

// Part is what something costs.
type Part struct {
	Name string `yaml:"part"`
	Is   string `yaml:"is"` // formula for dollars a month
}

// Step is a formula that parts use by its name.
type Step struct {
	Name string `yaml:"name"`
	Is   string `yaml:"is"`
	Says string `yaml:"says"`
}

// Measure is a number that formulas need and that a sample of events decides.
type Measure struct {
	Name string `yaml:"name"`
	Is   string `yaml:"is"` // unit and meaning
}

// Costs holds all figures and formulas.
type Costs struct {
	Date     string    `yaml:"date"` // month and year of the prices
	Figures  []Figure  `yaml:"figures"`
	Measured []Measure `yaml:"measured"`
	Steps    []Step    `yaml:"steps"`
	Parts    []Part    `yaml:"parts"` // what events cost
	Kept     []Part    `yaml:"kept"`  // what each month of the archive costs for as long as it is kept
	Idle     []Part    `yaml:"idle"`  // what a stack costs without events
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

// Line is a part with its dollars a month.
type Line struct {
	Part
	Dollars float64
}

// Bill is what a stack costs a month, of 30 days.
type Bill struct {
	Events, Requests  float64 // a month, in millions
	Parts, Kept, Idle []Line  // Kept: for one month of the archive
}

// Sum adds the dollars of some lines.
func Sum(lines ...[]Line) (dollars float64) {
	for _, some := range lines {
		for _, l := range some {
			dollars += l.Dollars
		}
	}
	return dollars
}

// Sum is what all parts cost a month, in dollars.
func (b Bill) Sum() float64 { return Sum(b.Parts, b.Kept, b.Idle) }

// month is the number of seconds of a month of 30 days, in millions.
const month = 2.592

// Bill computes the bill for values by their names: e, B, all that is measured, and figures that differ from those of
// costs.yaml.
//
// Errors: a formula is not valid, or a value is missing. Do not retry.
func (c Costs) Bill(given map[string]float64) (b Bill, err error) {
	values := c.Values()
	maps.Copy(values, given)
	values["N"] = month * values["e"]
	values["Q"] = values["N"] / values["B"]
	b.Events, b.Requests = values["N"], values["Q"]
	for _, s := range c.Steps {
		if values[s.Name], err = Evaluate(s.Is, values); err != nil {
			return b, fmt.Errorf("step %s: %w", s.Name, err)
		}
	}
	for _, list := range []struct {
		of    []Part
		lines *[]Line
	}{{c.Parts, &b.Parts}, {c.Kept, &b.Kept}, {c.Idle, &b.Idle}} {
		for _, p := range list.of {
			dollars, err := Evaluate(p.Is, values)
			if err != nil {
				return b, fmt.Errorf("part %s: %w", p.Name, err)
			}
			*list.lines = append(*list.lines, Line{p, dollars})
		}
	}
	return b, nil
}

// IdleBill computes the bill of a stack to which no event comes. given has figures that differ from those of
// costs.yaml.
//
// Errors: those of Bill.
func (c Costs) IdleBill(given map[string]float64) (Bill, error) {
	values := map[string]float64{"e": 0, "B": 1}
	for _, m := range c.Measured {
		values[m.Name] = 0
	}
	maps.Copy(values, given)
	return c.Bill(values)
}
