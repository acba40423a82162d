package aggregate

// maxFunction is max(x): the greatest number. A cell without numbers presents as null.
var maxFunction = properties{
	name:       "max",
	tag:        maxTag,
	args:       1,
	exact:      true,
	maxEncoded: maxExtremeBytes,
	states:     func() States { return &maxStates{extremes{tag: maxTag, greatest: true}} },
}

const maxTag tag = 2<<4 | 5

type maxStates struct{ extremes }

func (s *maxStates) Merge(cell int, from States, fromCell int) {
	s.merge(cell, from.(*maxStates).cells[fromCell])
}
