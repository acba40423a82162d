package aggregate

// meanFunction is mean(x): the exact sum divided by the number of rows added, presented with 16 significant digits, or
// with all digits before the point where there are more, rounded half to even. A cell without numbers presents as
// null.
var meanFunction = properties{
	name:      "mean",
	tag:       meanTag,
	arguments: []Kind{Numbers},
	exact:     true,
	encoded:   sized(maxTotalBytes, maxTotalBytes),
	states:    func(Function) States { return &meanStates{totals{tag: meanTag}} },
}

const meanTag tag = 2<<4 | 3

type meanStates struct{ totals }

func (s *meanStates) Merge(cell int, from States, fromCell int) {
	s.cells[cell].merge(&from.(*meanStates).cells[fromCell])
}

func (s *meanStates) Agrees(cell int, other States, otherCell int) bool {
	return s.cells[cell] == other.(*meanStates).cells[otherCell]
}

func (s *meanStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	t := &s.cells[cell]
	if t.count == 0 {
		return append(dst, "null"...)
	}
	negative, size := t.amount.size()
	return appendQuotient(dst, negative, size, decimals, uint64(t.count))
}
