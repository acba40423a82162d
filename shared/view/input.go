package view

import (
	"slices"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// chosen is the rows of a batch for which a condition holds, and those for which it could not be evaluated.
type chosen struct {
	rows   []int32
	places []int32 // of each row that counts, among rows, or a mark; not filled without a condition

	failed  []int32
	reasons []aggregate.Reason // of the failed rows

	times      []int64
	identities [][2]uint64
}

// Marks in chosen.places.
const (
	notChosen    = -1
	failedChoice = -2
)

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

// fill fills e.chosen and e.columns for e.rows, and notes what could not be used.
func (e *Evaluation) fill() {
	for i := range e.program.choices {
		e.choose(i)
	}
	for i, in := range e.program.inputs {
		c, f := &e.chosen[in.choice], &e.columns[i]
		for failed, row := range c.failed {
			e.noteUnusable(row, e.program.placeOfInput(i), c.reasons[failed])
		}
		for j, argument := range in.arguments {
			f.texts[j] = argument(e.batch, c.rows, &f.columns[j], f.texts[j])
		}
		e.noteArguments(c.rows, i)
	}
}

// choose divides e.rows by a condition.
func (e *Evaluation) choose(at int) {
	condition, c := &e.program.choices[at], &e.chosen[at]
	if condition.holds == nil {
		c.rows = e.rows
	} else {
		c.rows, c.places, c.failed, c.reasons = c.rows[:0], c.places[:0], c.failed[:0], c.reasons[:0]
		for _, row := range e.rows {
			place := int32(notChosen)
			switch t := condition.holds(e.batch, int(row)); t {
			case expression.IsTrue:
				place = int32(len(c.rows))
				c.rows = append(c.rows, row)
			case expression.IsFalse:
			default:
				place = failedChoice
				c.failed, c.reasons = append(c.failed, row), append(c.reasons, t.Reason())
			}
			c.places = append(c.places, place)
		}
	}
	if condition.times {
		c.fillTimes(e.batch)
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

// noteArguments notes the rows without a usable argument, each once: for the first argument that it lacks.
func (e *Evaluation) noteArguments(rows []int32, input int) {
	columns := e.columns[input].columns
	for at := range columns {
		for i, row := range rows {
			if why, lacks := columns[at].Lack(i); lacks && !lacksAny(columns[:at], i) {
				e.noteUnusable(row, e.program.placeOfInput(input), why)
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
