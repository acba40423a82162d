package aggregate

// maxFunction is max(x): the greatest number. A cell without numbers presents as null.
var maxFunction = properties{
	name:      "max",
	tag:       maxTag,
	arguments: []Kind{Numbers},
	exact:     true,
	encoded:   sized(maxExtremeBytes, maxExtremeBytes),
	states:    func(Function) States { return &maxStates{extremes{tag: maxTag, greatest: true}} },
}

const maxTag tag = 2<<4 | 5

type maxStates struct{ extremes }

func (s *maxStates) Merge(cell int, from States, fromCell int) {
	s.merge(cell, from.(*maxStates).cells[fromCell])
}

func (s *maxStates) Agrees(cell int, other States, otherCell int) bool {
	return s.cells[cell] == other.(*maxStates).cells[otherCell]
}
