package aggregate

// minFunction is min(x): the smallest number. A cell without numbers presents as null.
var minFunction = properties{
	name:      "min",
	tag:       minTag,
	arguments: []Kind{Numbers},
	exact:     true,
	encoded:   sized(maxExtremeBytes, maxExtremeBytes),
	states:    func(Function) States { return &minStates{extremes{tag: minTag}} },
}

const minTag tag = 2<<4 | 4

type minStates struct{ extremes }

func (s *minStates) Merge(cell int, from States, fromCell int) {
	s.merge(cell, from.(*minStates).cells[fromCell])
}

func (s *minStates) Agrees(cell int, other States, otherCell int) bool {
	return s.cells[cell] == other.(*minStates).cells[otherCell]
}
