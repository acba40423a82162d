package view

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Set is several definitions compiled together over one set of columns. It is immutable and safe for concurrent use.
type Set struct {
	Programs []*Program // in the order of the definitions

	fields *event.Fields
}

// Fields reads the columns that the programs use from lines. Fold only batches that these Fields scanned.
func (s *Set) Fields() *event.Fields { return s.fields }

// Program is a compiled definition. It is immutable, and safe for concurrent use on different batches.
type Program struct {
	Definition Definition
	Hash       Hash
	Functions  []aggregate.Function // one per aggregate of the definition

	// Skipped is the program of what this one could not use. Deltas of this program hold its pages too, under SkippedKey.
	Skipped *Program // nil in a Skipped
	skipsOf *Program // in a Skipped, the program that it belongs to

	where   expression.Predicate // nil: every event counts
	keys    []expression.Key     // one per key field
	choices []choice             // the distinct conditions of all aggregates; the first is none
	inputs  []input              // the distinct inputs of all aggregates
	inputOf []int                // per aggregate, the index of its input in inputs, or noInput
	rollups [][]int              // per roll-up, the places of its fields in keys
	prefix  Key                  // of the encodings of full keys

	// Per stored place before that of the time, whether its expression reads data; nil: the rules do not ask.
	readsData []bool

	windowMs     int64
	windowOrigin int64  // where window 0 begins, in Unix milliseconds
	first, last  Window // the windows whose start and end can both be written in RFC 3339

	perPage int64 // number of windows of a page

	seed       seed
	merging    sync.Pool // of *merging, the scratch memory of Merge
	encoding   sync.Pool // of *[]byte, the scratch memory of DeltaPage.Encode
	gathering  sync.Pool // of *gathered, the scratch memory of Delta.Add
	evaluating sync.Pool // of *Evaluation, the scratch memory of Delta.Fold
}

// noInput is the input's index for an aggregate that reads nothing of an event.
const noInput = -1

// input is what aggregates read of an event: their arguments, on the rows for which their condition holds. Aggregates
// with the same input, such as sum, mean and max of one field, share its columns.
type input struct {
	text      string // of the arguments, with their kinds
	choice    int    // the index of the condition
	arguments []expression.Argument
	expr      string // of the first aggregate with this input
}

// choice is a condition of aggregates. Inputs with the same condition share its rows.
type choice struct {
	text  string
	holds expression.Predicate // nil: for every row
	times bool                 // an Ordered function needs the times and identities of its rows
}

// Compile compiles the definitions of one view or of several, over all the fields that they read. Each is compiled by
// the rules of its engine version, so the programs of a Set may read the same events by different rules.
//
// Errors: ErrVersion. Everything else that is wrong with any definition, each with its view and part; there is no
// sentinel. Not retryable.
func Compile(definitions ...Definition) (*Set, error) {
	set, read := &Set{}, &expression.Columns{}
	var problems []error
	for _, d := range definitions {
		rules, err := d.rules()
		if err != nil {
			problems = append(problems, fmt.Errorf("view %q: %w", d.Name, err))
			continue
		}
		p, faults := compile(d, rules, expression.Stored, read)
		if len(faults) > 0 {
			problems = append(problems, d.problems(faults))
			continue
		}
		p.Hash = d.Hash()
		p.Skipped = p.newSkipped()
		set.Programs = append(set.Programs, p)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	set.fields = event.NewFields(read.Paths())
	return set, nil
}

// compile compiles one definition by the rules to a program without its hash. When there are faults, the program is
// unusable.
func compile(
	d Definition, rules engine.Rules, mode expression.Mode, read *expression.Columns,
) (*Program, []Fault) {
	p := &Program{
		Definition: d, windowMs: max(1, d.Window.Milliseconds()), windowOrigin: windowOrigin(d.Window, rules),
		choices: make([]choice, 1), rollups: d.rollupPlaces(), prefix: d.subsetPrefix(FullKey), seed: newSeed(),
	}
	p.first, p.last = p.FirstWindowFrom(event.MinTime.Time()), p.windowOf(event.MaxTime)-1
	found := d.checkPlainParts(mode == expression.File)
	note := func(part Part, index int, faults []expression.Fault) {
		for _, f := range faults {
			found = append(found, Fault{Place{part, index}, f})
		}
	}
	if d.Where != "" {
		where, faults := expression.CompileFilter(d.Where, rules, mode, read)
		note(WherePart, 0, faults)
		p.where = where
	}
	for i, k := range d.Key {
		found = appendFault(found, KeyNamePart, i, checkName("the name of a key field", k.Field))
		value, faults := expression.CompileKey(k.Expr, rules, mode, read)
		note(KeyPart, i, faults)
		p.keys = append(p.keys, value)
	}
	for i, a := range d.Aggregates {
		found = appendFault(found, AggregateNamePart, i, checkName("the name of an aggregate", a.Name))
		call, faults := expression.ParseCall(a.Expr, rules, mode)
		note(AggregatePart, i, faults)
		if len(faults) > 0 {
			continue
		}
		p.Functions = append(p.Functions, call.Function)
		note(AggregatePart, i, p.shareInput(a.Expr, call, read))
	}
	if _, worst := p.windowBytes(); worst > mostOfWindow {
		found = appendFault(found, StatePart, 0, fmt.Sprintf("the aggregates of one window may take %d bytes; the maximum "+
			"is %d; divide them among several views", worst, mostOfWindow))
	}
	p.perPage = p.windowsPerPage()
	if len(found) == 0 && !rules.PlainMissing {
		p.noteReadsData()
	}
	return p, found
}

// noteReadsData finds the places whose expressions read data.
func (p *Program) noteReadsData() {
	p.readsData = append(p.readsData, expression.ReadsData(p.Definition.Where))
	for _, k := range p.Definition.Key {
		p.readsData = append(p.readsData, expression.ReadsData(k.Expr))
	}
	for _, in := range p.inputs {
		p.readsData = append(p.readsData, expression.ReadsData(in.expr))
	}
}

// shareInput adds the input of the next aggregate, or finds the same one.
func (p *Program) shareInput(expr string, call expression.Call, read *expression.Columns) []expression.Fault {
	at, faults := p.shareChoice(call, read)
	p.choices[at].times = p.choices[at].times || call.Function.Ordered()
	if !call.HasInput() {
		p.inputOf = append(p.inputOf, noInput)
		return faults
	}
	text := call.ArgumentsText()
	same := func(in input) bool { return in.text == text && in.choice == at }
	found := slices.IndexFunc(p.inputs, same)
	if found < 0 {
		found = len(p.inputs)
		arguments, more := call.CompileArguments(read)
		faults = append(faults, more...)
		p.inputs = append(p.inputs, input{text: text, choice: at, arguments: arguments, expr: expr})
	}
	p.inputOf = append(p.inputOf, found)
	return faults
}

// shareChoice adds the condition of the next aggregate, or finds the same one.
func (p *Program) shareChoice(call expression.Call, read *expression.Columns) (at int, faults []expression.Fault) {
	text := call.ConditionText()
	if at = slices.IndexFunc(p.choices, func(c choice) bool { return c.text == text }); at >= 0 {
		return at, nil
	}
	holds, faults := call.CompileCondition(read)
	p.choices = append(p.choices, choice{text: text, holds: holds})
	return len(p.choices) - 1, faults
}
