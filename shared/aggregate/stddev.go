package aggregate

import "math/big"

// stddevFunction is stddev(x): the standard deviation of the numbers as a population, the square root of their
// variance. It is presented with 16 significant digits, as a mean is. A cell without numbers presents as null.
var stddevFunction = properties{
	name:      "stddev",
	tag:       stddevTag,
	arguments: []Kind{Numbers},
	exact:     true,
	encoded:   sized(maxSpreadBytes, maxSpreadBytes),
	states:    func(Function) States { return &stddevStates{spreads{tag: stddevTag}} },
}

const stddevTag tag = 1<<4 | 9

type stddevStates struct{ spreads }

func (s *stddevStates) Merge(cell int, from States, fromCell int) {
	s.cells[cell].merge(&from.(*stddevStates).cells[fromCell])
}

func (s *stddevStates) Agrees(cell int, other States, otherCell int) bool {
	return s.cells[cell] == other.(*stddevStates).cells[otherCell]
}

func (s *stddevStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	t := &s.cells[cell]
	if t.count == 0 {
		return append(dst, "null"...)
	}
	deviation, count := t.deviation(), big.NewInt(t.count)
	count.Mul(count, count)
	// Each decimal of the root takes two of what it is the root of.
	places := morePlaces(deviation, count) + significantDigits
	square, cut := scaled(deviation, count, 2*places)
	root := new(big.Int).Sqrt(square)
	cut = cut || new(big.Int).Mul(root, root).Cmp(square) != 0
	return appendRounded(dst, root, decimals+places, cut)
}
