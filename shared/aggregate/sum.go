package aggregate

// sumFunction is sum(x): the exact sum, presented with all its digits. A cell without numbers presents as null: a
// sum over no values is not a sum that is 0.
var sumFunction = properties{
	name:      "sum",
	tag:       sumTag,
	arguments: []Kind{Numbers},
	exact:     true,
	encoded:   sized(maxTotalBytes, maxTotalBytes),
	states:    func(Function) States { return &sumStates{totals{tag: sumTag}} },
}

const sumTag tag = 2<<4 | 2

type sumStates struct{ totals }

func (s *sumStates) Merge(cell int, from States, fromCell int) {
	s.cells[cell].merge(&from.(*sumStates).cells[fromCell])
}

func (s *sumStates) Agrees(cell int, other States, otherCell int) bool {
	return s.cells[cell] == other.(*sumStates).cells[otherCell]
}

func (s *sumStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	t := &s.cells[cell]
	if t.count == 0 {
		return append(dst, "null"...)
	}
	negative, size := t.amount.size()
	var digits [maxDigits]byte
	return appendPlain(dst, negative, size.appendDigits(digits[:0]), decimals)
}
