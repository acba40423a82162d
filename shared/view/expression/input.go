package expression

import (
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// NormalCall returns the normal form of an aggregate's expression, or the expression itself when it is invalid.
func NormalCall(source string) string {
	call, faults := ParseCall(source, engine.Newest(), Stored)
	if len(faults) > 0 {
		return source
	}
	return call.text()
}

func (c Call) text() string {
	var parts []string
	for _, a := range c.arguments {
		parts = append(parts, a.text)
	}
	if p, ok := c.Function.Parameter(); ok {
		parts = slices.Insert(parts, p.At, strconv.Itoa(c.Function.ParameterValue()))
	}
	if c.condition != nil {
		parts = append(parts, c.condition.text)
	}
	return c.Function.Name() + "(" + strings.Join(parts, ", ") + ")"
}

// HasInput reports whether the call reads anything of an event. count() does not.
func (c Call) HasInput() bool { return len(c.arguments) > 0 || c.condition != nil }

// ArgumentsText names the arguments with their kinds. Arguments with equal texts fill equal columns.
func (c Call) ArgumentsText() string {
	var text strings.Builder
	for _, a := range c.arguments {
		text.WriteString(strconv.Quote(a.text) + strconv.Itoa(int(a.kind)))
	}
	return text.String()
}

// ConditionText is the normal form of the condition; empty: there is none.
func (c Call) ConditionText() string {
	if c.condition == nil {
		return ""
	}
	return c.condition.text
}

// CompileArguments returns the functions of the arguments, and adds the paths that they read to read. When there are
// faults, the functions are unusable.
func (c Call) CompileArguments(read *Columns) (all []Argument, faults []Fault) {
	for _, a := range c.arguments {
		if a.term != nil {
			number := numberArgument(a.term, read, c.numbers)
			if a.kind == aggregate.Weights {
				number = weightArgument(number)
			}
			all = append(all, number)
			continue
		}
		compiling := compiler{checked: a.checked, columns: read, budget: &budget{}}
		all = append(all, compiling.scalarArgument(a.part, a.kind))
		faults = append(faults, compiling.faults...)
	}
	return all, faults
}

// weightArgument is an argument of numbers that must not be below 0.
func weightArgument(numbers Argument) Argument {
	return func(b *event.Batch, rows []int32, into *aggregate.Column, scratch []byte) []byte {
		scratch = numbers(b, rows, into, scratch)
		for i := range into.Numbers {
			into.Numbers[i] = into.Numbers[i].Weight()
		}
		return scratch
	}
}

// CompileCondition returns the condition, and adds the paths that it reads to read; nil: there is none. When there are
// faults, the condition is unusable.
func (c Call) CompileCondition(read *Columns) (Predicate, []Fault) {
	if c.condition == nil {
		return nil, nil
	}
	compiling := compiler{checked: c.condition.checked, columns: read, budget: &budget{}}
	condition := compiling.where(c.condition.part)
	return condition, compiling.faults
}
