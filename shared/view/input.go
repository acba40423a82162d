package view

import (
	"slices"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// chosen is the rows of a batch for which a condition holds, and those for which it could not be evaluated.
type chosen struct {
	rows  []int32
	at    []int32 // the places of the rows among all rows; not filled without a condition
	cells []int32 // the cells of the rows in one subset

	failedRows, failedAt, failedCells []int32
	reasons                           []aggregate.Reason // of the failed rows

	times      []int64
	identities [][2]uint64
}

// filled is the columns of an input: one per argument, with the memory for the texts of its scalars.
type filled struct {
	columns []aggregate.Column
	texts   [][]byte
}

func newFilled(p *Program) []filled {
	all := make([]filled, len(p.inputs))
	for i, in := range p.inputs {
		all[i] = filled{make([]aggregate.Column, len(in.arguments)), make([][]byte, len(in.arguments))}
	}
	return all
}

// evaluate fills d.chosen and d.columns for the rows, and notes what could not be used.
func (d *Delta) evaluate(b *event.Batch, rows []int32) {
	for i := range d.program.choices {
		d.choose(b, rows, i)
	}
	for i, in := range d.program.inputs {
		c, f := &d.chosen[in.choice], &d.columns[i]
		for failed, row := range c.failedRows {
			d.skip(b, row, d.program.placeOfInput(i), c.reasons[failed])
		}
		for j, argument := range in.arguments {
			f.texts[j] = argument(b, c.rows, &f.columns[j], f.texts[j])
		}
		d.skipArguments(b, c.rows, i)
	}
}

// choose divides the rows by a condition.
func (d *Delta) choose(b *event.Batch, rows []int32, at int) {
	condition, c := &d.program.choices[at], &d.chosen[at]
	if condition.holds == nil {
		c.rows = rows
	} else {
		c.rows, c.at = c.rows[:0], c.at[:0]
		c.failedRows, c.failedAt, c.reasons = c.failedRows[:0], c.failedAt[:0], c.reasons[:0]
		for i, row := range rows {
			switch t := condition.holds(b, int(row)); t {
			case expression.IsTrue:
				c.rows, c.at = append(c.rows, row), append(c.at, int32(i))
			case expression.IsFalse:
			default:
				c.failedRows, c.failedAt = append(c.failedRows, row), append(c.failedAt, int32(i))
				c.reasons = append(c.reasons, t.Reason())
			}
		}
	}
	if condition.times {
		c.fillTimes(b)
	}
}

// fillTimes fills the times and identities of the rows.
func (c *chosen) fillTimes(b *event.Batch) {
	c.times, c.identities = c.times[:0], c.identities[:0]
	var source, id, scratch []byte
	for _, row := range c.rows {
		source, _ = b.Text(b.Sources[row], nil)
		id, _ = b.Text(b.IDs[row], nil)
		var identity event.Identity
		identity, scratch = orderKey.Identity(source, id, scratch)
		c.times = append(c.times, int64(b.Times[row]))
		c.identities = append(c.identities, [2]uint64{identity.Hi, identity.Lo})
	}
}

// orderKey hashes the identities that break ties of event times. Stored states hold such hashes, so it is a constant of
// the engine. The archive's own key would not do: an archive that is taken over has another one.
var orderKey = event.HashKey([]byte("anabranch engine"))

// add adds the rows of the batch to the states of one subset, where they belong to the given cells.
func (d *Delta) add(cells []int32) {
	for i := range d.program.choices {
		c := &d.chosen[i]
		if d.program.choices[i].holds == nil {
			c.cells = cells
			continue
		}
		c.cells, c.failedCells = picked(c.cells[:0], cells, c.at), picked(c.failedCells[:0], cells, c.failedAt)
	}
	for i, s := range d.states {
		d.addTo(i, s)
	}
}

// picked appends the cells at some places to dst.
func picked(dst, cells, places []int32) []int32 {
	for _, at := range places {
		dst = append(dst, cells[at])
	}
	return dst
}

// addTo adds the rows of the batch to the states of aggregate i, in the cells of d.chosen.
func (d *Delta) addTo(i int, s aggregate.States) {
	c, at := &d.chosen[0], d.program.inputOf[i]
	rows := aggregate.Rows{Cells: c.cells}
	if at != noInput {
		c = &d.chosen[d.program.inputs[at].choice]
		rows = aggregate.Rows{Cells: c.cells, Columns: d.columns[at].columns}
	}
	if d.program.Functions[i].Ordered() {
		rows.Times, rows.Identities = c.times, c.identities
	}
	s.Add(rows)
	if len(c.failedCells) > 0 {
		s.Skip(c.failedCells)
	}
}

// skipArguments notes the rows without a usable argument, each once: for the first argument that it lacks.
func (d *Delta) skipArguments(b *event.Batch, rows []int32, input int) {
	columns := d.columns[input].columns
	for at := range columns {
		for i, row := range rows {
			if why, lacks := columns[at].Lack(i); lacks && !lacksAny(columns[:at], i) {
				d.skip(b, row, d.program.placeOfInput(input), why)
			}
		}
	}
}

func lacksAny(columns []aggregate.Column, i int) bool {
	return slices.ContainsFunc(columns, func(c aggregate.Column) bool {
		_, lacks := c.Lack(i)
		return lacks
	})
}
