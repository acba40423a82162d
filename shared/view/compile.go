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

	where expression.Predicate  // nil: every event counts
	keys  []expression.Key      // one per key field
	args  []expression.Argument // the distinct arguments of all aggregates
	argOf []int                 // per aggregate, the index of its argument in args, or noArgument

	argTexts []string // the normal forms of args, in the same order

	// Per stored place before that of the time, whether its expression reads data; nil: the rules do not ask.
	readsData []bool

	windowMs     int64
	windowOrigin int64  // where window 0 begins, in Unix milliseconds
	first, last  Window // the windows whose start and end can both be written in RFC 3339

	merging sync.Pool // of *Windows, the scratch memory of Merge
}

// noArgument is the argument's index for an aggregate that has none.
const noArgument = -1

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
	p := &Program{Definition: d, windowMs: max(1, d.Window.Milliseconds()), windowOrigin: windowOrigin(d.Window, rules)}
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
		p.Functions = append(p.Functions, call.Function)
		p.shareArgument(call, read)
	}
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
	for _, text := range p.argTexts {
		p.readsData = append(p.readsData, expression.ReadsData(text))
	}
}

// shareArgument adds the argument of the next aggregate. Aggregates with the same argument, such as sum, mean and max
// of one field, share its values.
func (p *Program) shareArgument(call expression.Call, read *expression.Columns) {
	if !call.HasArgument() {
		p.argOf = append(p.argOf, noArgument)
		return
	}
	text := call.ArgumentText()
	at := slices.Index(p.argTexts, text)
	if at < 0 {
		at = len(p.args)
		p.args, p.argTexts = append(p.args, call.CompileArgument(read)), append(p.argTexts, text)
	}
	p.argOf = append(p.argOf, at)
}
