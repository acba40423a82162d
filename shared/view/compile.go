package view

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
)

// Set is some definitions compiled together over one set of columns. It does not change, and is safe for concurrent use.
type Set struct {
	Programs []*Program // in the order of the definitions

	fields *event.Fields
}

// Fields reads the columns that the programs use from lines: exactly the batches that it scanned may be folded.
func (s *Set) Fields() *event.Fields { return s.fields }

// Program is a compiled definition. It does not change, and is safe for concurrent use on different batches.
type Program struct {
	Definition Definition
	Hash       Hash
	Functions  []aggregate.Function // one per aggregate of the definition

	where predicate  // nil: every event counts
	keys  []keyValue // one per key field
	args  []argument // each once
	argOf []int      // per aggregate, its argument's place, or noArgument

	argTexts []string // the normal forms of args

	windowMs int64
}

// noArgument stands for the argument of an aggregate that has none.
const noArgument = -1

// truth is what a predicate says of an event.
type truth uint8

const (
	isFalse truth = iota
	isTrue
	failed // the evaluation failed, for example on a missing field, and neither && nor || made up for it
)

type (
	// predicate evaluates a boolean expression for one row of a batch.
	predicate = func(b *event.Batch, row int) truth

	// keyValue appends the text of a key field's value; false: it is missing, null, of the wrong type, or the evaluation failed.
	keyValue = func(b *event.Batch, row int, dst []byte) ([]byte, bool)

	// argument evaluates an aggregate's argument: out[i] belongs to rows[i], and is not OK when it is missing, of the wrong type or out of range.
	argument = func(b *event.Batch, rows []int32, out []aggregate.Decimal)
)

// Compile compiles definitions, of one view or of several, over the union of the fields that they read.
//
// Errors: everything that is wrong with any of them, each with the view and the part of its definition; no sentinel.
func Compile(definitions ...Definition) (*Set, error) {
	l, err := newLanguage()
	if err != nil {
		return nil, err
	}
	set, read := &Set{}, &columns{}
	var problems []error
	for _, d := range definitions {
		p, err := compileProgram(l, d, read)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		set.Programs = append(set.Programs, p)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	set.fields = event.NewFields(read.paths)
	return set, nil
}

func compileProgram(l *language, d Definition, read *columns) (*Program, error) {
	p := &Program{Definition: d, Hash: hashOf(d.text(l)), windowMs: d.Window.Milliseconds()}
	var problems []error
	note := func(part string, faults []fault) {
		for _, f := range faults {
			problems = append(problems, fmt.Errorf("view %q: %s, character %d: %s", d.Name, part, f.at+1, f.text))
		}
	}
	note("name", checkName("the name of a view", string(d.Name)))
	note("architecture", checkArchitecture(d.Architecture))
	note("window", checkWindow(d.Window))
	note("key", checkSizes(d))
	note("names", checkDistinct(d))
	if d.Where != "" {
		where, faults := compileWhere(l, d.Where, read)
		note("where", faults)
		p.where = where
	}
	for _, k := range d.Key {
		note("key field "+strconv.Quote(k.Field), checkFieldName(k.Field))
		value, faults := compileKey(l, k.Expr, read)
		note("key field "+strconv.Quote(k.Field), faults)
		p.keys = append(p.keys, value)
	}
	for _, a := range d.Aggregates {
		note("aggregate "+strconv.Quote(a.Name), checkName("the name of an aggregate", a.Name))
		call, faults := l.aggregate(a.Expr)
		note("aggregate "+strconv.Quote(a.Name), faults)
		p.Functions = append(p.Functions, call.function)
		p.shareArgument(call, read)
	}
	return p, errors.Join(problems...)
}

// shareArgument adds the argument of the next aggregate. Aggregates of one argument, such as sum, mean and max of a field, share its values.
func (p *Program) shareArgument(call aggregateCall, read *columns) {
	p.argOf = append(p.argOf, noArgument)
	if call.argument == nil {
		return
	}
	text := call.argument.text()
	at := slices.Index(p.argTexts, text)
	if at < 0 {
		at = len(p.args)
		p.args, p.argTexts = append(p.args, call.compile(read)), append(p.argTexts, text)
	}
	p.argOf[len(p.argOf)-1] = at
}

func checkSizes(d Definition) []fault {
	switch {
	case len(d.Key) > maxKeyFields:
		return faultf(0, "there are %d key fields; at most %d are taken", len(d.Key), maxKeyFields)
	case len(d.Aggregates) == 0:
		return faultf(0, "there are no aggregates; need at least one, for example count()")
	case len(d.Aggregates) > maxAggregates:
		return faultf(0, "there are %d aggregates; at most %d are taken", len(d.Aggregates), maxAggregates)
	}
	return nil
}

func checkArchitecture(a Architecture) []fault {
	if a == Lambda || a == Kappa {
		return nil
	}
	return faultf(0, "there is no architecture %q; there are lambda and kappa", shorten(string(a)))
}

func checkDistinct(d Definition) (faults []fault) {
	fields, numbers := map[string]bool{}, map[string]bool{}
	for _, k := range d.Key {
		if fields[k.Field] {
			faults = append(faults, fault{0, fmt.Sprintf("the key field %q is there twice; names have to differ", shorten(k.Field))})
		}
		fields[k.Field] = true
	}
	for _, a := range d.Aggregates {
		if numbers[a.Name] {
			faults = append(faults, fault{0, fmt.Sprintf("the aggregate %q is there twice; names have to differ", shorten(a.Name))})
		}
		numbers[a.Name] = true
	}
	return faults
}

// compileWhere compiles a filter.
func compileWhere(l *language, source string, read *columns) (predicate, []fault) {
	e, faults := l.check(source)
	if len(faults) > 0 {
		return nil, faults
	}
	if !isType(e.output(), cel.BoolType) {
		return nil, faultf(0, "where has to be true or false, this is %s; compare it with something", typeName(e.output().String()))
	}
	c := compiler{expression: e, columns: read}
	where := c.where(e.ast.Expr())
	return where, c.faults
}

// compileKey compiles the value of a key field.
func compileKey(l *language, source string, read *columns) (keyValue, []fault) {
	e, faults := l.check(source)
	if len(faults) > 0 {
		return nil, faults
	}
	if !isType(e.output(), cel.StringType, cel.BoolType, cel.IntType, cel.UintType, cel.DoubleType) {
		return nil, faultf(0, "a key field has to be a string, a number or true or false, this is %s; convert it, for example with string()", typeName(e.output().String()))
	}
	c := compiler{expression: e, columns: read}
	value := c.key(e.ast.Expr())
	return value, c.faults
}

// columns numbers the paths that programs read, each once.
type columns struct {
	paths   []event.Path
	numbers map[string]int
}

func (c *columns) of(path event.Path) int {
	var name strings.Builder
	for _, step := range path {
		fmt.Fprintf(&name, "%d:%s", len(step), step)
	}
	if c.numbers == nil {
		c.numbers = map[string]int{}
	}
	number, ok := c.numbers[name.String()]
	if !ok {
		number = len(c.paths)
		c.numbers[name.String()] = number
		c.paths = append(c.paths, path)
	}
	return number
}
