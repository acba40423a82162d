package aggregate

// lastFunction is last(x): the value of the row with the latest event time. Rows of one time are ordered by the hashes
// of their events' identities. A cell without values presents as null.
var lastFunction = properties{
	name:      "last",
	tag:       lastTag,
	arguments: []Kind{Scalars},
	ordered:   true,
	exact:     true,
	encoded:   sized(momentBytes, maxMomentBytes),
	noNumber:  true,
	states:    func(Function) States { return &lastStates{sketches: sketches[lastMoment, *lastMoment]{tag: lastTag}} },
}

const lastTag tag = 1<<4 | 11

type lastStates struct {
	exactStates
	sketches[lastMoment, *lastMoment]
}

func (s *lastStates) Add(rows Rows) {
	for i, cell := range rows.Cells {
		if c := &s.cells[cell]; usable(&rows.Columns[0].Scalars[i]) {
			c.sketch.addMoment(&rows, i, +1)
		} else {
			c.skip(1)
		}
	}
}

func (s *lastStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	return s.cells[cell].sketch.appendPresented(dst)
}
