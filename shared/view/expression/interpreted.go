package expression

import (
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/anabranch/anabranch/shared/event"
)

// interpreted is a part of an expression that the CEL interpreter evaluates. It is safe for concurrent use.
type interpreted struct {
	part       *celast.AST
	attributes []attribute
	budget     *budget

	plans sync.Pool // of *plan
}

// plan is what one evaluation needs for itself: the nodes of a plan charge its meter. Plans are kept for the next one.
type plan struct {
	program cel.Program
	meter   meter
	event   activation
}

// attribute is a variable of an interpreted expression.
type attribute struct {
	name    string
	field   field    // not of time and ext, which have no columns
	members []member // of ext; and of data, when the expression reads nothing else of it
}

type member struct {
	name  string
	field field
}

// interpret prepares a part of the expression for the interpreter. It returns nil after adding faults when it cannot.
func (c *compiler) interpret(e celast.Expr) *interpreted {
	c.interpreted++
	c.budget.parts++
	i := &interpreted{
		part:   celast.NewCheckedAST(celast.NewAST(e, c.ast.SourceInfo()), c.ast.TypeMap(), c.ast.ReferenceMap()),
		budget: c.budget,
	}
	read := map[string]bool{}
	eachFreeName(e, nil, func(name celast.Expr) { read[name.AsIdent()] = true })
	for _, name := range c.attributes {
		if read[name] {
			i.attributes = append(i.attributes, c.attribute(name, e))
		}
	}
	first, err := i.newPlan()
	if err != nil {
		c.faults = append(c.faults, Fault{offsetOf(c.ast, e),
			"the expression cannot be evaluated (" + err.Error() + "); write it in another way"})
		return nil
	}
	i.plans.Put(first)
	return i
}

func (i *interpreted) newPlan() (*plan, error) {
	p := &plan{}
	p.event.interpreted, p.event.meter = i, &p.meter
	var err error
	p.program, err = environment().PlanProgram(i.part, cel.CustomDecoratorV2(p.meter.decorator(environment())))
	return p, err
}

func (c *compiler) attribute(name string, e celast.Expr) attribute {
	a := attribute{name: name}
	if name == timeAttribute {
		return a
	}
	names, all := membersOf(name, e, nil)
	if name != extensions {
		a.field = c.columns.field(event.Path{name})
		if name != dataAttribute || all {
			return a
		}
	}
	for _, member := range names {
		a.members = append(a.members, memberOf(c.columns, name, member))
	}
	return a
}

func memberOf(columns *Columns, attribute, name string) member {
	return member{name, columns.field(event.Path{attribute, name})}
}

// membersOf adds to names the members of data or ext that an expression reads by name, each once. all reports that the
// expression also reads it in another way. A macro variable of the same name counts too, which only adds members.
func membersOf(attribute string, e celast.Expr, names []string) (_ []string, all bool) {
	if path, ok := selection(e); ok && path[0] == attribute {
		if !slices.Contains(names, path[1]) {
			names = append(names, path[1])
		}
		return names, false
	}
	if e.Kind() == celast.IdentKind && e.AsIdent() == attribute {
		return names, true
	}
	for _, child := range children(e) {
		var whole bool
		names, whole = membersOf(attribute, child, names)
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
		value, why := i.eval(b, row)
		if value, ok := value.(types.Bool); ok {
			return truthOf(bool(value))
		}
		if value != nil {
			return Mistyped
		}
		return why
	}
}

// eval evaluates one row. It returns nil when the evaluation failed, with the reason as a Truth. The expression and the
// event are input. Whatever the interpreter does with them, it does not end the process: it turns a
// panic into an error.
func (i *interpreted) eval(b *event.Batch, row int) (value ref.Val, why Truth) {
	p, ok := i.plans.Get().(*plan)
	if !ok {
		var err error
		if p, err = i.newPlan(); err != nil {
			return nil, Failed // impossible: the same part was planned before
		}
	}
	defer i.plans.Put(p)
	p.meter.left = i.budget.share()
	p.event.set(b, row)
	defer p.event.set(nil, 0)
	value, _, err := p.program.Eval(&p.event)
	if err != nil {
		if p.meter.spent() {
			return nil, TooCostly
		}
		return nil, reasonOf(err)
	}
	return value, IsTrue
}

// reasonOf tells why the interpreter failed. It has no codes for its errors, only texts. Another text makes the reason
// the general one, so a new version of the interpreter that changes them needs a new engine version.
//
// Source: cel-go, common/types/err.go and interpreter/attributes.go.
func reasonOf(err error) Truth {
	text := err.Error()
	switch {
	case strings.Contains(text, "no such key"), strings.Contains(text, "no such attribute"):
		return Absent
	case strings.Contains(text, "no such overload"), strings.Contains(text, "no such field"):
		return Mistyped
	}
	return Failed
}

// activation gives the interpreter the attributes of one row. It decodes an attribute when the interpreter asks for it,
// once, and charges for it.
type activation struct {
	*interpreted
	meter   *meter
	batch   *event.Batch
	row     int
	decoded [4]any // of the first attributes; more are rare
	known   [4]bool
}

// set makes a the activation of another row. Without a batch it holds nothing.
func (a *activation) set(b *event.Batch, row int) {
	a.batch, a.row, a.decoded, a.known = b, row, [4]any{}, [4]bool{}
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
	if attribute.name == extensions {
		return a.object(attribute.members)
	}
	v := attribute.field.of(a.batch, a.row)
	if v.Kind == event.Missing {
		return nil, false
	}
	if v.Kind == event.Object && len(attribute.members) > 0 {
		return a.object(attribute.members)
	}
	return a.meter.decode(a.batch, v)
}

// object returns data or ext with only the members that the expression reads. The expression cannot tell the
// difference.
func (a *activation) object(members []member) (any, bool) {
	object := make(map[string]any, len(members))
	for _, m := range members {
		v := m.field.of(a.batch, a.row)
		if v.Kind == event.Missing {
			continue
		}
		value, ok := a.meter.decode(a.batch, v)
		if !ok {
			return nil, false
		}
		object[m.name] = value
	}
	return object, true
}

// Parent is part of CEL's interface. There is no parent.
func (a *activation) Parent() cel.Activation { return nil }
