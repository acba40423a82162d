// Package plan says what the deployment of a views file would do to a server: which views are new, changed and retired,
// and about what it costs to build them.
//
// Place in the flow: anabranch views plan prints it. Definitions are compared by their hashes, as batch compares them.
package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/shared/view"
)

// Served is a view as the server has it.
type Served struct {
	Name        string
	Serving     string // hash of the definition that answers; "" before one serves
	Retired     bool   // the deployed file does not name it
	Generations []Generation
}

// Generation is a set of numbers that the server has of a view.
type Generation struct{ Definition, State string }

// Kind is what happens to a view.
type Kind string

// The kinds of changes.
const (
	New       Kind = "new"
	Changed   Kind = "changed"
	Unchanged Kind = "unchanged"
	Retired   Kind = "retired"
)

// Change is what happens to one view.
type Change struct {
	View   string
	Kind   Kind
	Builds bool       // a generation is built from the whole archive
	Note   string     // what happens
	Items  fold.Items // of the sample, if the view is built
}

// Compare compares the definitions of a file with what the server has.
//
// Shape: in the order of the file, then the retired views by name.
func Compare(definitions []view.Definition, served []Served) []Change {
	var changes []Change
	for _, d := range definitions {
		i := slices.IndexFunc(served, func(s Served) bool { return s.Name == string(d.Name) })
		if i < 0 {
			changes = append(changes, Change{View: string(d.Name), Kind: New, Builds: true,
				Note: "it answers once it is built"})
			continue
		}
		changes = append(changes, compare(d, served[i]))
	}
	var retired []Change
	for _, s := range served {
		isNamed := func(d view.Definition) bool { return string(d.Name) == s.Name }
		switch {
		case slices.ContainsFunc(definitions, isNamed):
		case s.Retired:
			retired = append(retired, Change{View: s.Name, Kind: Unchanged,
				Note: "it is retired already, and is not in the file"})
		default:
			retired = append(retired, Change{View: s.Name, Kind: Retired,
				Note: "it is not in the file: it answers for a while, with a warning, and is then dropped"})
		}
	}
	slices.SortFunc(retired, func(a, b Change) int { return strings.Compare(a.View, b.View) })
	return append(changes, retired...)
}

func compare(d view.Definition, s Served) Change {
	c := Change{View: s.Name, Kind: Unchanged}
	hash := string(d.Hash())
	switch i := slices.IndexFunc(s.Generations, func(g Generation) bool { return g.Definition == hash }); {
	case s.Serving == hash && s.Retired:
		c.Kind, c.Note = Changed, "it is retired, and comes back without a build"
	case s.Serving == hash:
	case i >= 0 && s.Generations[i].State == "retained":
		c.Kind, c.Note = Changed, "the server still has its numbers, and goes back to them without a build"
	case i >= 0 && s.Generations[i].State != "dropping":
		c.Kind, c.Note = Changed, "the server is building it already"
	default:
		c.Kind, c.Builds, c.Note = Changed, true, "the old definition answers until the new one is built"
	}
	return c
}

// Archive is how much a build reads.
type Archive struct {
	Objects, Events int64
}

// Estimate is what the build of all changed views needs. The lower bound holds if the events outside the sample fall on
// keys and windows of the sample; the upper bound, if all of them fall on others.
type Estimate struct {
	Reads    int64 // objects that builds read: each view reads the archive once
	From, To Bound
}

// Bound is one bound of an estimate.
type Bound struct {
	Items   fold.Items
	Dollars float64
	Seconds float64 // in one function, one view after another
}

// UnitsPerSecond is the rate at which a new on-demand table of DynamoDB takes write units. It grows under load.
//
// Source: Amazon DynamoDB Developer Guide, on-demand capacity mode, initial throughput.
const UnitsPerSecond = 4000

// Of estimates the build of all changes that are built, from the items of a sample of events and the figures of
// infra/costs.
//
// Errors: the figures lack one. Not retryable.
func Of(changes []Change, archive Archive, sampled int64) (Estimate, error) {
	var e Estimate
	for _, c := range changes {
		if c.Builds {
			e.Reads += archive.Objects
			e.From.Items.Count += c.Items.Count
			e.From.Items.Bytes += c.Items.Bytes
			e.From.Items.WriteUnits += c.Items.WriteUnits
		}
	}
	scale := max(1, float64(archive.Events)/max(1, float64(sampled)))
	scaled := func(n int64) int64 { return int64(math.Round(float64(n) * scale)) }
	e.To.Items = fold.Items{Count: scaled(e.From.Items.Count), Bytes: scaled(e.From.Items.Bytes),
		WriteUnits: scaled(e.From.Items.WriteUnits)}
	figures, err := costs.Read()
	if err != nil {
		return e, err
	}
	return e, errors.Join(e.From.price(e.Reads, figures), e.To.price(e.Reads, figures))
}

// price computes dollars and seconds.
func (b *Bound) price(reads int64, figures costs.Costs) (err error) {
	values := figures.Values()
	values["reads"], values["units"] = float64(reads)/1e6, float64(b.Items.WriteUnits)/1e6
	values["rate"] = UnitsPerSecond
	if b.Dollars, err = costs.Evaluate(dollars, values); err != nil {
		return fmt.Errorf("estimate dollars: %w", err)
	}
	if b.Seconds, err = costs.Evaluate(seconds, values); err != nil {
		return fmt.Errorf("estimate seconds: %w", err)
	}
	return nil
}

// The formulas: reads are millions of objects, units are millions of write units.
const (
	dollars = "reads * get + reads * batch_gb * object_ms / 1000 * memory + units * write_unit"
	seconds = "reads * 1000000 * object_ms / 1000 + units * 1000000 / rate"
)
