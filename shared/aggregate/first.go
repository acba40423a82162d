package aggregate

// firstFunction is first(x): the value of the row with the earliest event time. Rows of one time are ordered by the
// hashes of their events' identities. A cell without values presents as null.
var firstFunction = properties{
	name:      "first",
	tag:       firstTag,
	arguments: []Kind{Scalars},
	ordered:   true,
	exact:     true,
	encoded:   sized(momentBytes, maxMomentBytes),
	noNumber:  true,
	states: func(Function) States {
		return &firstStates{sketches: sketches[firstMoment, *firstMoment]{tag: firstTag}}
	},
}

const firstTag tag = 1<<4 | 10

type firstStates struct {
	exactStates
	sketches[firstMoment, *firstMoment]
}

func (s *firstStates) Add(rows Rows) {
	for i, cell := range rows.Cells {
		if c := &s.cells[cell]; usable(&rows.Columns[0].Scalars[i]) {
			c.sketch.addMoment(&rows, i, -1)
		} else {
			c.skip(1)
		}
	}
}

func (s *firstStates) AppendPresented(dst []byte, cell int, _ Present) []byte {
	return s.cells[cell].sketch.appendPresented(dst)
}
