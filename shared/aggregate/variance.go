package aggregate

import "math/big"

// varianceFunction is variance(x): the variance of the numbers as a population, from the exact sums of x and x*x. It is
// presented with 16 significant digits, as a mean is. A cell without numbers presents as null.
var varianceFunction = properties{
	name:      "variance",
	tag:       varianceTag,
	arguments: []Kind{Numbers},
	exact:     true,
	encoded:   sized(maxSpreadBytes, maxSpreadBytes),
	states:    func(Function) States { return &varianceStates{spreads{tag: varianceTag}} },
}

const varianceTag tag = 1<<4 | 8

type varianceStates struct{ spreads }

func (s *varianceStates) Merge(cell int, from States, fromCell int) {
	s.cells[cell].merge(&from.(*varianceStates).cells[fromCell])
}

func (s *varianceStates) Agrees(cell int, other States, otherCell int) bool {
	return s.cells[cell] == other.(*varianceStates).cells[otherCell]
}

func (s *varianceStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	t := &s.cells[cell]
	if t.count == 0 {
		return append(dst, "null"...)
	}
	deviation, count := t.deviation(), big.NewInt(t.count)
	count.Mul(count, count)
	places := morePlaces(deviation, count)
	number, cut := scaled(deviation, count, places)
	return appendRounded(dst, number, squareDecimals+places, cut)
}
