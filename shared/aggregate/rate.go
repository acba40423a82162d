package aggregate

// rateFunction is rate() and rate(x): the number of rows, or the exact sum of a number, per second of the window, step
// or range. It is presented with 16 significant digits, as a mean is. Without rows, rate() presents as 0 and rate(x) as
// null.
var rateFunction = properties{
	name:      "rate",
	tag:       rateTag,
	arguments: []Kind{Numbers},
	optional:  1,
	exact:     true,
	encoded:   sized(maxTotalBytes, maxTotalBytes),
	states: func(f Function) States {
		return &rateStates{totals: totals{tag: rateTag}, rows: len(f.Arguments()) == 0}
	},
}

const rateTag tag = 1<<4 | 7

// rateStates holds a total per cell. For rate(), its amount stays 0.
type rateStates struct {
	totals
	rows bool // it is rate()
}

func (s *rateStates) Add(rows Rows) {
	if !s.rows {
		s.totals.Add(rows)
		return
	}
	for _, cell := range rows.Cells {
		s.cells[cell].count = addCounts(s.cells[cell].count, 1)
	}
}

func (s *rateStates) Merge(cell int, from States, fromCell int) {
	s.cells[cell].merge(&from.(*rateStates).cells[fromCell])
}

func (s *rateStates) Agrees(cell int, other States, otherCell int) bool {
	return s.cells[cell] == other.(*rateStates).cells[otherCell]
}

func (s *rateStates) AppendPresented(dst []byte, cell int, how Present) []byte {
	t := &s.cells[cell]
	if how.Seconds <= 0 || t.count == 0 && !s.rows {
		return append(dst, "null"...)
	}
	if s.rows {
		return appendQuotient(dst, false, natural{uint64(t.count)}, 0, uint64(how.Seconds))
	}
	negative, size := t.amount.size()
	return appendQuotient(dst, negative, size, decimals, uint64(how.Seconds))
}
