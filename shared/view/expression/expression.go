package expression

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// Truth is the result of a filter for one event.
type Truth uint8

// What a filter can say.
const (
	IsFalse Truth = iota
	IsTrue
	Failed    // the evaluation failed, and neither && nor || decided without what failed
	TooCostly // the evaluation was given up, since it needs more steps than an expression may take for one event
	Absent    // as Failed, because a field is missing
	Mistyped  // as Failed, because of the type of a value
)

type (
	// Predicate evaluates a boolean expression for one row of a batch.
	Predicate = func(b *event.Batch, row int) Truth

	// Key appends the text of a key field's value. It returns IsTrue when it did; Absent when the value is missing
	// or null; Mistyped when it is of the wrong type; or else as a Predicate.
	Key = func(b *event.Batch, row int, dst []byte) ([]byte, Truth)

	// Argument evaluates an aggregate's argument into the slice of its kind: element i belongs to rows[i]. A value that
	// is missing, of the wrong type or too large is not OK, and says which. scratch is memory for the texts of scalars,
	// which live in it until the next call; the returned slice is its new form.
	Argument = func(b *event.Batch, rows []int32, into *aggregate.Column, scratch []byte) []byte
)

// Fault is one thing that is wrong in an expression.
type Fault struct {
	At   int    // characters from the start of the text
	Text string // what is wrong; what would be right
}

func faultf(at int, format string, args ...any) []Fault {
	return []Fault{{at, fmt.Sprintf(format, args...)}}
}

// Mode says where an expression comes from.
type Mode int

const (
	// Stored means that another release accepted the definition when it was deployed, so it goes on.
	Stored Mode = iota
	// File means that the definition is in a file that is to be deployed. Checks that releases have added since the
	// version of the engine began apply only then.
	File
)

// CompileFilter compiles a boolean expression by the rules, and adds the paths that it reads to read. When there are
// faults, the predicate is unusable.
func CompileFilter(source string, rules engine.Rules, mode Mode, read *Columns) (Predicate, []Fault) {
	e, faults := check(source, rules, mode)
	if len(faults) > 0 {
		return nil, faults
	}
	if !isType(e.output(), cel.BoolType) {
		return nil, faultf(0, "where must be true or false, this is %s; compare it with something",
			typeName(e.output().String()))
	}
	if mode == File {
		if faults := checkBoolean(e.ast, e.ast.Expr()); len(faults) > 0 {
			return nil, faults
		}
	}
	c := compiler{checked: e, columns: read, budget: &budget{}}
	where := c.where(e.ast.Expr())
	return where, c.faults
}

// CompileKey compiles the value of a key field by the rules, and adds the paths that it reads to read. When there are
// faults, the key is unusable.
func CompileKey(source string, rules engine.Rules, mode Mode, read *Columns) (Key, []Fault) {
	e, faults := check(source, rules, mode)
	if len(faults) > 0 {
		return nil, faults
	}
	if !isType(e.output(), scalarTypes()...) {
		name := typeName(e.output().String())
		return nil, faultf(0, "a key field must be a string, a number or true or false, this is %s; %s", name,
			scalarOf(name))
	}
	c := compiler{checked: e, columns: read, budget: &budget{}}
	value := c.key(e.ast.Expr())
	return value, c.faults
}

// Columns numbers the paths that expressions read, each once. The zero Columns has none.
type Columns struct {
	paths   []event.Path
	numbers map[string]int
}

// Paths returns the paths so far, in the order of their numbers. A batch for the compiled functions must have these
// columns.
func (c *Columns) Paths() []event.Path { return c.paths }

func (c *Columns) of(path event.Path) int {
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
