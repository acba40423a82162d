package expression

import (
	"slices"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/anabranch/anabranch/shared/event"
)

// costLimit limits one evaluation in the interpreter, in CEL's units of about one basic operation each. An evaluation
// above it fails. The limit decides which events count, so a change of it needs a new aggregate.Version.
const costLimit = 100_000

// costModel is the revision of CEL's cost rules. A change of it needs a new aggregate.Version, too.
const costModel = 1

// interpreted is an expression that the CEL interpreter evaluates.
type interpreted struct {
	program    cel.Program
	attributes []attribute
}

// attribute is a variable of an interpreted expression.
type attribute struct {
	name    string
	field   field    // not of time, which has no column
	members []member // of data, when the expression reads nothing else of it
}

type member struct {
	name  string
	field field
}

// interpret prepares a part of the expression for the interpreter. It returns nil after adding faults when it cannot.
func (c *compiler) interpret(e celast.Expr) *interpreted {
	c.interpreted++
	part := celast.NewCheckedAST(celast.NewAST(e, c.ast.SourceInfo()), c.ast.TypeMap(), c.ast.ReferenceMap())
	program, err := c.env.PlanProgram(part, cel.CostLimit(costLimit),
		cel.OptimizeRegex(interpreter.MatchesRegexOptimization))
	if err != nil {
		c.faults = append(c.faults, Fault{offsetOf(c.ast, e),
			"the expression cannot be evaluated (" + err.Error() + "); write it in another way"})
		return nil
	}
	read := map[string]bool{}
	eachFreeName(e, nil, func(name celast.Expr) { read[name.AsIdent()] = true })
	i := &interpreted{program: program}
	for _, name := range c.attributes {
		if read[name] {
			i.attributes = append(i.attributes, c.attribute(name, e))
		}
	}
	return i
}

func (c *compiler) attribute(name string, e celast.Expr) attribute {
	a := attribute{name: name}
	if name == timeAttribute {
		return a
	}
	a.field = c.columns.field(event.Path{name})
	if name != dataAttribute {
		return a
	}
	names, all := membersOf(e, nil)
	if all {
		return a
	}
	for _, name := range names {
		a.members = append(a.members, member{name, c.columns.field(event.Path{dataAttribute, name})})
	}
	return a
}

// membersOf adds to names the members of data that an expression reads by name, each once. all reports that the
// expression also reads data in another way. A macro variable that is called data counts as data, which only adds
// members.
func membersOf(e celast.Expr, names []string) (_ []string, all bool) {
	if path, ok := selection(e); ok && path[0] == dataAttribute {
		if !slices.Contains(names, path[1]) {
			names = append(names, path[1])
		}
		return names, false
	}
	if e.Kind() == celast.IdentKind && e.AsIdent() == dataAttribute {
		return names, true
	}
	for _, child := range children(e) {
		var whole bool
		names, whole = membersOf(child, names)
		all = all || whole
	}
	return names, all
}

// selection returns the path of a field of an attribute that is selected or only tested for.
func selection(e celast.Expr) (event.Path, bool) {
	if e.Kind() == celast.SelectKind && e.AsSelect().IsTestOnly() {
		path, ok := pathOf(e.AsSelect().Operand())
		return append(path, e.AsSelect().FieldName()), ok && len(path) == 1
	}
	path, ok := pathOf(e)
	return path, ok && len(path) == 2
}

func (c *compiler) interpretedPredicate(e celast.Expr) Predicate {
	i := c.interpret(e)
	return func(b *event.Batch, row int) Truth {
		if value, ok := i.eval(b, row).(types.Bool); ok {
			return truthOf(bool(value))
		}
		return Failed
	}
}

// eval evaluates one row. It returns nil when the evaluation failed.
func (i *interpreted) eval(b *event.Batch, row int) (value ref.Val) {
	// The expression and the event are input. Whatever the interpreter does with them, it must not end the process.
	defer func() {
		if recover() != nil {
			value = nil
		}
	}()
	value, _, err := i.program.Eval(&activation{interpreted: i, batch: b, row: row})
	if err != nil {
		return nil
	}
	return value
}

// activation gives the interpreter the attributes of one row. It decodes an attribute when the interpreter asks for it,
// once.
type activation struct {
	*interpreted
	batch   *event.Batch
	row     int
	decoded [4]any // of the first attributes; more are rare
	known   [4]bool
}

// ResolveName returns the value of an attribute, and false when the event has none.
func (a *activation) ResolveName(name string) (any, bool) {
	for n := range a.attributes {
		if a.attributes[n].name != name {
			continue
		}
		if n < len(a.known) && a.known[n] {
			return a.decoded[n], true
		}
		value, ok := a.value(&a.attributes[n])
		if ok && n < len(a.known) {
			a.decoded[n], a.known[n] = value, true
		}
		return value, ok
	}
	return nil, false
}

func (a *activation) value(attribute *attribute) (any, bool) {
	if attribute.name == timeAttribute {
		return a.batch.Times[a.row].Time(), true
	}
	v := attribute.field.of(a.batch, a.row)
	if v.Kind == event.Missing {
		return nil, false
	}
	if v.Kind == event.Object && len(attribute.members) > 0 {
		return a.object(attribute.members)
	}
	return decode(a.batch, v)
}

// object returns data with only the members that the expression reads; the expression cannot tell the difference.
func (a *activation) object(members []member) (any, bool) {
	object := make(map[string]any, len(members))
	for _, m := range members {
		v := m.field.of(a.batch, a.row)
		if v.Kind == event.Missing {
			continue
		}
		value, ok := decode(a.batch, v)
		if !ok {
			return nil, false
		}
		object[m.name] = value
	}
	return object, true
}

// Parent is part of CEL's interface. There is no parent.
func (a *activation) Parent() cel.Activation { return nil }
