package expression

import (
	"regexp"
	"regexp/syntax"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxSteps limits the work of one expression for one event. A step takes about as long as a visit of one element. The
// limit decides which events count, so a change of it, or of what a step pays for, needs a new engine version.
const maxSteps = 100_000

// What a step pays for, as powers of two.
const (
	textShift    = 6 // 64 bytes of a text that a function reads or makes
	decodeShift  = 4 // 16 bytes of JSON that are decoded
	patternShift = 2 // 4 pairs of a byte of the text and a state of the regular expression
)

// zoneSteps pays for the loading of a time zone.
const zoneSteps = 500

// budget is shared by the parts of one expression that charge for their work: each part has an equal share. The number
// of parts is known once the expression is compiled.
type budget struct{ parts int }

func (s *budget) share() int { return maxSteps / max(1, s.parts) }

// meter counts down the steps of one evaluation. Every function charges it before it works, by the sizes of its
// arguments. Clocks have no part in it, so every layer comes to the same verdict. A meter is not safe for concurrent
// use.
type meter struct{ left int }

// exhausted is the panic that ends an evaluation whose meter has nothing left. A CEL error would not do: && and ||, and
// so the macros, go on after an error.
type exhausted struct{}

func (m *meter) charge(steps int) {
	if m.left -= steps; m.left < 0 {
		panic(exhausted{})
	}
}

// spent reports whether the last evaluation ended because nothing was left.
func (m *meter) spent() bool { return m.left < 0 }

// chargeText charges for a text argument.
func (m *meter) chargeText(v ref.Val) {
	switch v := v.(type) {
	case types.String:
		m.charge(len(v) >> textShift)
	case types.Bytes:
		m.charge(len(v) >> textShift)
	}
}

// chargeVisit charges for a visit of every element of a value, at any depth, and returns the charge.
func (m *meter) chargeVisit(v ref.Val) int {
	before := m.left
	m.charge(1)
	switch v := v.(type) {
	case traits.Lister:
		for i := range sizeOf(v) {
			m.chargeVisit(v.Get(types.Int(i)))
		}
	case traits.Mapper:
		for names := v.Iterator(); names.HasNext() == types.True; {
			name := names.Next()
			m.chargeVisit(name)
			m.chargeVisit(v.Get(name))
		}
	default:
		m.chargeText(v)
	}
	return before - m.left
}

func sizeOf(v traits.Sizer) int {
	size, _ := v.Size().(types.Int)
	return int(size)
}

// equal compares two values. Values of different sizes differ at once; others cost at most a visit of one of them.
func (m *meter) equal(a, b ref.Val) ref.Val {
	switch left := a.(type) {
	case traits.Lister:
		if right, ok := b.(traits.Lister); ok && sizeOf(left) == sizeOf(right) {
			m.chargeVisit(a)
		}
	case traits.Mapper:
		if right, ok := b.(traits.Mapper); ok && sizeOf(left) == sizeOf(right) {
			m.chargeVisit(a)
		}
	default:
		m.chargeText(a)
	}
	return types.Equal(a, b)
}

func (m *meter) notEqual(a, b ref.Val) ref.Val { return types.Bool(m.equal(a, b) != types.True) }

// in looks for a value in a list, or for a key in a map.
func (m *meter) in(value, container ref.Val) ref.Val {
	if !container.Type().HasTrait(traits.ContainerType) {
		return types.MaybeNoSuchOverloadErr(container)
	}
	if list, ok := container.(traits.Lister); ok {
		m.charge(m.chargeVisit(value) * sizeOf(list))
	} else {
		m.chargeText(value)
	}
	return container.(traits.Container).Contains(value)
}

// add is CEL's +. CEL joins two lists to a view of both, and a view of views may have more elements than there are
// atoms. Here the elements are copied, and charged for.
func (m *meter) add(a, b ref.Val) ref.Val {
	left, isList := a.(traits.Lister)
	right, areLists := b.(traits.Lister)
	_, macro := a.(traits.MutableLister)
	switch {
	case !a.Type().HasTrait(traits.AdderType):
		return types.MaybeNoSuchOverloadErr(a)
	case macro && areLists: // the list that a macro makes, which grows in place
		m.charge(sizeOf(right))
	case isList && areLists:
		m.charge(sizeOf(left) + sizeOf(right))
		return join(left, right)
	default:
		m.chargeText(a)
		m.chargeText(b)
	}
	return a.(traits.Adder).Add(b)
}

func join(left, right traits.Lister) ref.Val {
	elements := make([]ref.Val, 0, sizeOf(left)+sizeOf(right))
	for _, list := range []traits.Lister{left, right} {
		for i := range sizeOf(list) {
			elements = append(elements, list.Get(types.Int(i)))
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, elements)
}

// pattern is a regular expression, ready to match.
type pattern struct {
	compiled *regexp.Regexp
	states   int
}

// matches charges for every state of the expression at every byte of the text, which is what RE2 may need. constant is
// the expression when the definition has it; nil: it comes from the event.
func (m *meter) matches(constant *pattern) func(text, expression ref.Val) ref.Val {
	return func(text, expression ref.Val) ref.Val {
		input, isText := text.(types.String)
		source, isPattern := expression.(types.String)
		if !isText || !isPattern {
			return types.MaybeNoSuchOverloadErr(text)
		}
		p := constant
		if p == nil {
			var err error
			if p, err = m.compilePattern(string(source)); err != nil {
				return types.WrapErr(err)
			}
		}
		m.charge(len(input) * p.states >> patternShift)
		return types.Bool(p.compiled.MatchString(string(input)))
	}
}

// compilePattern compiles the regular expression of an event. It charges a step for a byte and for a state, each before
// the work that it pays for.
func (m *meter) compilePattern(source string) (*pattern, error) {
	m.charge(len(source))
	states, err := patternStates(source)
	if err != nil {
		return nil, err
	}
	m.charge(states)
	compiled, err := regexp.Compile(source)
	return &pattern{compiled, states}, err
}

// patternStates returns about how many states RE2 needs for a regular expression.
func patternStates(source string) (int, error) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return treeStates(tree), nil
}

func treeStates(tree *syntax.Regexp) int {
	states := 1
	if tree.Op == syntax.OpLiteral {
		states = len(tree.Rune)
	}
	for _, part := range tree.Sub {
		states += treeStates(part)
	}
	if tree.Op == syntax.OpRepeat {
		states *= max(1, tree.Min, tree.Max)
	}
	return states
}
