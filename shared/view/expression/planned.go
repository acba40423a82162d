package expression

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

type node = interpreter.InterpretableV2

// decorator returns the function that the CEL planner calls for every node of a plan. It makes the node charge a meter
// before it works. Constants and variables are free: a loop has other nodes.
func (m *meter) decorator(env *cel.Env) interpreter.InterpretableDecoratorV2 {
	return func(planned node) (node, error) {
		switch n := planned.(type) {
		case interpreter.InterpretableConst:
			return n, nil
		case interpreter.InterpretableAttribute:
			if _, variable := n.Attr().(interpreter.NamespacedAttribute); variable {
				return n, nil
			}
			return &attributeStep{n, m}, nil
		case interpreter.InterpretableCall:
			return m.plan(env, n)
		case interpreter.InterpretableConstructor:
			return &construction{n, m, 1 + len(n.InitVals())}, nil
		}
		return &step{planned, m}, nil
	}
}

// step is any node of a plan.
type step struct {
	node
	meter *meter
}

// Exec implements interpreter.InterpretableV2.
func (s *step) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	s.meter.charge(1)
	return s.node.Exec(frame)
}

// Eval implements interpreter.Interpretable.
func (s *step) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, s.Exec)
}

// attributeStep is a node that CEL adds selections to: a field of what a call returns, or a conditional.
type attributeStep struct {
	interpreter.InterpretableAttribute
	meter *meter
}

// Exec implements interpreter.InterpretableV2.
func (s *attributeStep) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	s.meter.charge(1)
	return s.InterpretableAttribute.Exec(frame)
}

// Eval implements interpreter.Interpretable.
func (s *attributeStep) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, s.Exec)
}

// construction makes a list or a map.
type construction struct {
	node
	meter *meter
	steps int
}

// Exec implements interpreter.InterpretableV2.
func (c *construction) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	c.meter.charge(c.steps)
	made := c.node.Exec(frame)
	if entries, ok := made.(traits.Mapper); ok {
		return &object{Mapper: entries}
	}
	return made
}

// Eval implements interpreter.Interpretable.
func (c *construction) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, c.Exec)
}

// call is a function of CEL that charges for its arguments once it has them.
type call struct {
	interpreter.InterpretableCall // the planned one; its arguments are planned, too
	args                          []node
	implementation                functions.Overload
	charge                        func(m *meter, args []ref.Val) // beside the sizes of the arguments; nil: nothing
	meter                         *meter
}

// plan replaces a planned call. Functions that take errors as arguments do no work, and stay.
func (m *meter) plan(env *cel.Env, planned interpreter.InterpretableCall) (node, error) {
	c := &call{
		InterpretableCall: planned, args: planned.Args(), charge: charges[planned.Function()], meter: m,
	}
	switch planned.Function() {
	case operators.Equals:
		c.implementation.Binary = m.equal
	case operators.NotEquals:
		c.implementation.Binary = m.notEqual
	case operators.In:
		c.implementation.Binary = m.in
	case operators.Add:
		c.implementation.Binary = m.add
	case overloads.Matches:
		constant, err := constantPattern(c.args)
		if err != nil {
			return nil, err
		}
		c.implementation.Binary = m.matches(constant)
	default:
		bound, err := binding(env, planned)
		if err != nil {
			return nil, err
		}
		if bound.NonStrict {
			return &step{planned, m}, nil
		}
		c.implementation = bound
	}
	return c, nil
}

// constantPattern compiles a regular expression that is a constant, once for all events. It returns nil for another.
func constantPattern(args []node) (*pattern, error) {
	constant, ok := args[len(args)-1].(interpreter.InterpretableConst)
	if !ok {
		return nil, nil
	}
	source, ok := constant.Value().(types.String)
	if !ok {
		return nil, nil
	}
	unlimited := meter{left: 1 << 60}
	return unlimited.compilePattern(string(source))
}

// binding finds the implementation of a call as the CEL planner does: by overload, or else by the function's name.
func binding(env *cel.Env, planned interpreter.InterpretableCall) (bound functions.Overload, err error) {
	declared, ok := env.Functions()[planned.Function()]
	if !ok {
		return bound, nil
	}
	bindings, err := declared.Bindings()
	for _, b := range bindings {
		if b.Operator == planned.OverloadID() {
			return *b, err
		}
		if b.Operator == planned.Function() {
			bound = *b
		}
	}
	return bound, err
}

// Exec implements interpreter.InterpretableV2.
func (c *call) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	c.meter.charge(1)
	switch len(c.args) {
	case 1:
		value := c.args[0].Exec(frame)
		if types.IsUnknownOrError(value) {
			return value
		}
		c.meter.chargeText(value)
		if c.charge != nil {
			c.charge(c.meter, []ref.Val{value})
		}
		if c.implementation.Unary != nil && c.accepts(value) {
			return c.implementation.Unary(value)
		}
		return c.apply(value)
	case 2:
		left := c.args[0].Exec(frame)
		if types.IsUnknownOrError(left) {
			return left
		}
		right := c.args[1].Exec(frame)
		if types.IsUnknownOrError(right) {
			return right
		}
		c.meter.chargePair(left, right)
		if c.charge != nil {
			c.charge(c.meter, []ref.Val{left, right})
		}
		if c.implementation.Binary != nil && c.accepts(left) {
			return c.implementation.Binary(left, right)
		}
		return c.apply(left, right)
	}
	values := make([]ref.Val, len(c.args))
	for i, arg := range c.args {
		if values[i] = arg.Exec(frame); types.IsUnknownOrError(values[i]) {
			return values[i]
		}
		c.meter.chargeText(values[i])
	}
	if c.charge != nil {
		c.charge(c.meter, values)
	}
	return c.apply(values...)
}

// chargePair charges for the arguments of a function of two. A time with a text reads a field in a time zone.
func (m *meter) chargePair(left, right ref.Val) {
	m.chargeText(left)
	m.chargeText(right)
	if _, isTime := left.(types.Timestamp); isTime && right.Type() == types.StringType {
		m.charge(zoneSteps)
	}
}

func (c *call) accepts(value ref.Val) bool {
	return c.implementation.OperandTrait == 0 || value.Type().HasTrait(c.implementation.OperandTrait)
}

// apply calls a function of any number of arguments, or else the method of the first one, as CEL's own calls do.
func (c *call) apply(values ...ref.Val) ref.Val {
	switch {
	case c.implementation.Function != nil && (len(values) == 0 || c.accepts(values[0])):
		return c.implementation.Function(values...)
	case len(values) > 0 && values[0].Type().HasTrait(traits.ReceiverType):
		return values[0].(traits.Receiver).Receive(c.Function(), c.OverloadID(), values[1:])
	}
	return types.NewErr("no such overload: %s", c.Function())
}

// Eval implements interpreter.Interpretable.
func (c *call) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, c.Exec)
}
