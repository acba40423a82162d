package expression

import (
	"bytes"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/anabranch/anabranch/shared/event"
)

// relation is a comparison operator, as its result for each case: the left side is less than, equal to or greater than
// the right side, or has another type.
type relation struct {
	less, equal, greater, mismatch Truth

	ordering bool // compares by order; null, objects and arrays have none
}

func relationOf(operator string) (relation, bool) {
	switch operator {
	case operators.Equals:
		return relation{IsFalse, IsTrue, IsFalse, IsFalse, false}, true
	case operators.NotEquals:
		return relation{IsTrue, IsFalse, IsTrue, IsTrue, false}, true
	case operators.Less:
		return relation{IsTrue, IsFalse, IsFalse, Mistyped, true}, true
	case operators.LessEquals:
		return relation{IsTrue, IsTrue, IsFalse, Mistyped, true}, true
	case operators.Greater:
		return relation{IsFalse, IsFalse, IsTrue, Mistyped, true}, true
	case operators.GreaterEquals:
		return relation{IsFalse, IsTrue, IsTrue, Mistyped, true}, true
	}
	return relation{}, false
}

// mirrored returns r with its sides exchanged.
func (r relation) mirrored() relation {
	r.less, r.greater = r.greater, r.less
	return r
}

// says returns the result of r for two values whose comparison gave sign.
func (r relation) says(sign int) Truth {
	switch {
	case sign < 0:
		return r.less
	case sign > 0:
		return r.greater
	}
	return r.equal
}

// comparison compiles a comparison of a path with a constant or with another path.
func (c *compiler) comparison(r relation, left, right celast.Expr) Predicate {
	path, isPath := pathOf(left)
	if !isPath {
		left, right, r = right, left, r.mirrored()
		if path, isPath = pathOf(left); !isPath {
			return nil
		}
	}
	if other, ok := pathOf(right); ok {
		return c.compareFields(r, c.columns.field(path), c.columns.field(other))
	}
	switch want := literal(right).(type) {
	case types.String:
		return compareText(r, c.columns.field(path), string(want))
	case types.Int:
		return compareInt(r, c.columns.field(path), int64(want))
	case types.Uint:
		return compareNumber(r, c.columns.field(path), number{kind: uintNumber, u: uint64(want)})
	case types.Double:
		return compareNumber(r, c.columns.field(path), number{f: float64(want)})
	case types.Bool:
		return compareBool(r, c.columns.field(path), bool(want))
	case types.Null:
		return equalsNull(r, c.columns.field(path))
	}
	return nil
}

func compareText(r relation, f field, want string) Predicate {
	return func(b *event.Batch, row int) Truth {
		v := f.of(b, row)
		if v.Kind != event.String {
			return r.unlike(v)
		}
		text := b.Raw(v)
		if v.Escaped {
			text, _ = b.Text(v, nil)
		}
		if string(text) == want {
			return r.equal
		}
		if r.less == r.greater {
			return r.less
		}
		return r.says(strings.Compare(string(text), want))
	}
}

// unlike returns the result of r for a value whose type differs from that of the other side.
func (r relation) unlike(v event.Value) Truth {
	if v.Kind == event.Missing {
		return Absent
	}
	return r.mismatch
}

// compareInt is compareNumber with a fast path for the most common number: a few digits and nothing else.
func compareInt(r relation, f field, want int64) Predicate {
	other := compareNumber(r, f, number{kind: intNumber, i: want})
	return func(b *event.Batch, row int) Truth {
		v := f.of(b, row)
		if v.Kind != event.Number || v.End-v.Start > 18 {
			return other(b, row)
		}
		var n int64
		for _, c := range b.Data[v.Start:v.End] {
			if c -= '0'; c > 9 {
				return other(b, row)
			}
			n = n*10 + int64(c)
		}
		switch {
		case n < want:
			return r.less
		case n > want:
			return r.greater
		}
		return r.equal
	}
}

func compareNumber(r relation, f field, want number) Predicate {
	return func(b *event.Batch, row int) Truth {
		v := f.of(b, row)
		if v.Kind != event.Number {
			return r.unlike(v)
		}
		return r.says(compareNumbers(parseNumber(b.Raw(v)), want))
	}
}

func compareBool(r relation, f field, want bool) Predicate {
	return func(b *event.Batch, row int) Truth {
		v := f.of(b, row)
		if v.Kind != event.True && v.Kind != event.False {
			return r.unlike(v)
		}
		return r.says(compareBools(v.Kind == event.True, want))
	}
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// equalsNull compiles == null and != null. Other comparisons with null always fail, and the interpreter does them.
func equalsNull(r relation, f field) Predicate {
	if r.ordering {
		return nil
	}
	return func(b *event.Batch, row int) Truth {
		v := f.of(b, row)
		if v.Kind == event.Null {
			return r.equal
		}
		return r.unlike(v)
	}
}

func (c *compiler) compareFields(r relation, left, right field) Predicate {
	shared := c.budget
	if !r.ordering {
		shared.parts++
	}
	return func(b *event.Batch, row int) Truth {
		v, w := left.of(b, row), right.of(b, row)
		switch {
		case v.Kind == event.Missing || w.Kind == event.Missing:
			return Absent
		case v.Kind == event.Number && w.Kind == event.Number:
			return r.says(compareNumbers(parseNumber(b.Raw(v)), parseNumber(b.Raw(w))))
		case v.Kind == event.String && w.Kind == event.String:
			text, _ := b.Text(v, nil)
			other, _ := b.Text(w, nil)
			return r.says(bytes.Compare(text, other))
		case isBool(v) && isBool(w):
			return r.says(compareBools(v.Kind == event.True, w.Kind == event.True))
		case v.Kind != w.Kind || r.ordering:
			return r.mismatch
		case v.Kind == event.Null:
			return r.equal
		}
		return r.sameContents(b, v, w, meter{left: shared.share()})
	}
}

// sameContents compares two objects or two arrays for equality, as the interpreter does and for the same steps.
func (r relation) sameContents(b *event.Batch, v, w event.Value, m meter) (result Truth) {
	defer func() {
		if m.spent() {
			recover()
			result = TooCostly
		}
	}()
	left, ok := m.decode(b, v)
	right, isValue := m.decode(b, w)
	if !ok || !isValue {
		return Failed
	}
	m.charge(1)
	adapter := types.DefaultTypeAdapter
	if m.equal(adapter.NativeToValue(left), adapter.NativeToValue(right)) == types.True {
		return r.equal
	}
	return r.mismatch
}

func isBool(v event.Value) bool { return v.Kind == event.True || v.Kind == event.False }

// membership compiles in with a list of constants.
func (c *compiler) membership(element, list celast.Expr) Predicate {
	path, ok := pathOf(element)
	if !ok || list.Kind() != celast.ListKind {
		return nil
	}
	s := set{texts: map[string]struct{}{}}
	for _, e := range list.AsList().Elements() {
		if !s.add(literal(e)) {
			return nil
		}
	}
	f := c.columns.field(path)
	return func(b *event.Batch, row int) Truth {
		v := f.of(b, row)
		if v.Kind == event.Missing {
			return Absent
		}
		return truthOf(s.has(b, v))
	}
}

// set is a list of constants, by type.
type set struct {
	texts   map[string]struct{}
	numbers []number
	kinds   [event.Array + 1]bool // null, false and true
}

func (s *set) add(constant any) bool {
	switch value := constant.(type) {
	case types.String:
		s.texts[string(value)] = struct{}{}
	case types.Int:
		s.numbers = append(s.numbers, number{kind: intNumber, i: int64(value)})
	case types.Uint:
		s.numbers = append(s.numbers, number{kind: uintNumber, u: uint64(value)})
	case types.Double:
		s.numbers = append(s.numbers, number{f: float64(value)})
	case types.Bool:
		if value {
			s.kinds[event.True] = true
		} else {
			s.kinds[event.False] = true
		}
	case types.Null:
		s.kinds[event.Null] = true
	default:
		return false
	}
	return true
}

func (s *set) has(b *event.Batch, v event.Value) bool {
	switch v.Kind {
	case event.String:
		text, _ := b.Text(v, nil)
		_, ok := s.texts[string(text)]
		return ok
	case event.Number:
		n := parseNumber(b.Raw(v))
		for _, other := range s.numbers {
			if compareNumbers(n, other) == 0 {
				return true
			}
		}
		return false
	}
	return s.kinds[v.Kind]
}
