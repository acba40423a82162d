package view

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// What a definition may have.
const (
	MaxKeyFields  = 8
	MaxAggregates = 32
	MaxName       = 63 // characters of the name of a view, key field or aggregate

	day  = 24 * time.Hour
	week = 7 * day
)

// WindowExamples ends every message about an invalid window.
const WindowExamples = "write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W"

// Part is a part of a definition.
type Part int

// The parts of a definition. Those of key fields, aggregates and roll-ups have an index each.
const (
	NamePart Part = iota
	ArchitecturePart
	WindowPart
	SizePart  // how many key fields and aggregates there are
	StatePart // how large the states of all aggregates may become in one window
	NamesPart // the names of key fields and aggregates, beside each other
	WherePart
	KeyNamePart
	KeyPart
	AggregateNamePart
	AggregatePart
	RollupPart
	RollupFieldPart // the index counts the fields of all roll-ups
	TimePart        // of an event; no part of a definition
)

// Place is a part of a definition. For key fields, aggregates and roll-ups it has the index, too.
type Place struct {
	Part  Part
	Index int
}

// Fault is one thing that is wrong with a definition, with the place of the wrong text.
type Fault struct {
	Place
	expression.Fault
}

// Check finds everything that is wrong with a definition of a file that is to be deployed, part by part. A definition
// without faults compiles.
func Check(d Definition) []Fault {
	_, faults := compile(d, engine.Newest(), expression.File, &expression.Columns{})
	return faults
}

// problems returns the faults as errors that name the view and the part.
func (d Definition) problems(faults []Fault) error {
	all := make([]error, len(faults))
	for i, f := range faults {
		all[i] = fmt.Errorf("view %q: %s, character %d: %s", d.Name, d.partName(f.Place), f.At+1, f.Text)
	}
	return errors.Join(all...)
}

func (d Definition) partName(p Place) string {
	switch p.Part {
	case NamePart:
		return "name"
	case ArchitecturePart:
		return "architecture"
	case WindowPart:
		return "window"
	case SizePart:
		return "key"
	case StatePart:
		return "aggregates"
	case NamesPart:
		return "names"
	case WherePart:
		return "where"
	case KeyNamePart, KeyPart:
		return "key field " + strconv.Quote(d.Key[p.Index].Field)
	case RollupPart, RollupFieldPart:
		return "rollups"
	}
	return "aggregate " + strconv.Quote(d.Aggregates[p.Index].Name)
}

// checkPlainParts checks the parts that belong to the whole definition and are not expressions.
func (d Definition) checkPlainParts(strict bool) (faults []Fault) {
	faults = appendFault(faults, NamePart, 0, checkName("the name of a view", string(d.Name)))
	faults = appendFault(faults, ArchitecturePart, 0, checkArchitecture(d.Architecture))
	faults = appendFault(faults, WindowPart, 0, checkWindow(d.Window, strict))
	faults = appendFault(faults, SizePart, 0, checkSizes(d))
	faults = append(faults, checkDistinct(d)...)
	return append(faults, d.checkRollups()...)
}

// appendFault adds a fault of a whole part, unless text is empty.
func appendFault(faults []Fault, part Part, index int, text string) []Fault {
	if text == "" {
		return faults
	}
	return append(faults, Fault{Place{part, index}, expression.Fault{Text: text}})
}

// checkName says what is wrong with the name of a view, key field or aggregate; empty: nothing. what says which of them
// it is.
func checkName(what, name string) string {
	if validName(name) {
		return ""
	}
	return fmt.Sprintf("%q cannot be %s; write a letter a-z, then up to %d of a-z, 0-9 and _",
		spelling.Shorten(name), what, MaxName-1)
}

func validName(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= MaxName
}

func checkArchitecture(a Architecture) string {
	if a == Lambda || a == Kappa {
		return ""
	}
	return fmt.Sprintf("unknown architecture %q; valid values are lambda and kappa", spelling.Shorten(string(a)))
}

func checkSizes(d Definition) string {
	switch {
	case len(d.Key) > MaxKeyFields:
		return fmt.Sprintf("there are %d key fields; the maximum is %d", len(d.Key), MaxKeyFields)
	case len(d.Aggregates) == 0:
		return "there are no aggregates; write at least one, for example count()"
	case len(d.Aggregates) > MaxAggregates:
		return fmt.Sprintf("there are %d aggregates; the maximum is %d", len(d.Aggregates), MaxAggregates)
	}
	return ""
}

func checkDistinct(d Definition) (faults []Fault) {
	fields, numbers := map[string]bool{}, map[string]bool{}
	for _, k := range d.Key {
		if fields[k.Field] {
			faults = appendFault(faults, NamesPart, 0, fmt.Sprintf("the key field %q appears twice; names must be unique",
				spelling.Shorten(k.Field)))
		}
		fields[k.Field] = true
	}
	for _, a := range d.Aggregates {
		if numbers[a.Name] {
			faults = appendFault(faults, NamesPart, 0, fmt.Sprintf("the aggregate %q appears twice; names must be unique",
				spelling.Shorten(a.Name)))
		}
		numbers[a.Name] = true
	}
	return faults
}
