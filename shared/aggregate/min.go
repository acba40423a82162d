package aggregate

// minFunction is min(x): the smallest number. A cell without numbers presents as null.
var minFunction = properties{
	name:       "min",
	tag:        minTag,
	args:       1,
	exact:      true,
	maxEncoded: maxExtremeBytes,
	states:     func() States { return &minStates{extremes{tag: minTag}} },
}

const minTag tag = 2<<4 | 4

type minStates struct{ extremes }

func (s *minStates) Merge(cell int, from States, fromCell int) {
	s.merge(cell, from.(*minStates).cells[fromCell])
}
