package view

import (
	"github.com/anabranch/anabranch/shared/aggregate"
)

// part is a part of a delta: the states of some of its keys.
type part struct {
	program *Program
	cells   cells
	states  []aggregate.States // one per aggregate; nil while no row counts
	counted []bool             // by cell: some row counts in it; otherwise it is only touched
}

func (p *part) len() (n int) {
	for _, counted := range p.counted {
		if counted {
			n++
		}
	}
	return n
}

// cell returns the number of a window of a key, which gets one when it has none.
func (p *part) cell(hash uint64, key int32, window Window) int32 {
	cell := p.cells.cell(p.program.seed.ofCell(hash, window), cellName{key, window})
	if int(cell) == len(p.counted) {
		p.counted = append(p.counted, false)
	}
	return cell
}

// grow makes states for all cells.
func (p *part) grow() {
	if p.states == nil {
		p.states = p.program.newStates()
	}
	for _, s := range p.states {
		s.Grow(len(p.counted))
	}
}

// merge merges the states of a cell of another part into a cell.
func (p *part) merge(cell int32, other *part, from int) {
	p.counted[cell] = true
	p.grow()
	for i, s := range p.states {
		s.Merge(int(cell), other.states[i], from)
	}
}

// gathered holds the rows of some evaluations that belong to one part, in columns.
type gathered struct {
	cells, rows, picked []int32 // of one evaluation
	choices             []gatheredChoice
	inputs              [][]aggregate.Column // per input, one per argument
}

// gatheredChoice holds the rows for which a condition holds, and those for which it could not be evaluated.
type gatheredChoice struct {
	cells, failed []int32
	times         []int64
	identities    [][2]uint64
}

func (p *Program) newGathered() *gathered {
	g := &gathered{choices: make([]gatheredChoice, len(p.choices)), inputs: make([][]aggregate.Column, len(p.inputs))}
	for i, in := range p.inputs {
		g.inputs[i] = make([]aggregate.Column, len(in.arguments))
	}
	return g
}

func (g *gathered) reset() {
	for i := range g.choices {
		c := &g.choices[i]
		c.cells, c.failed, c.times, c.identities = c.cells[:0], c.failed[:0], c.times[:0], c.identities[:0]
	}
	for _, columns := range g.inputs {
		for i := range columns {
			c := &columns[i]
			c.Numbers, c.Scalars, c.Hashes = c.Numbers[:0], c.Scalars[:0], c.Hashes[:0]
		}
	}
}

// add adds the rows of the evaluations that belong to this part, which is the n-th.
func (p *part) add(g *gathered, n int, all []*Evaluation) {
	g.reset()
	for _, e := range all {
		if p.locate(g, e, e.parts[n]); len(g.rows) > 0 {
			g.gather(e)
		}
	}
	if len(g.choices[0].cells) == 0 {
		return // the first choice takes all rows
	}
	p.grow()
	for i, s := range p.states {
		p.addTo(i, s, g)
	}
}

// locate fills g.cells and g.rows with the cells and places of rows that count.
func (p *part) locate(g *gathered, e *Evaluation, rows []located) {
	g.cells, g.rows = g.cells[:0], g.rows[:0]
	for i := range rows {
		r := &rows[i]
		key := p.cells.key(r.hash, e.text[r.start:r.start+uint32(r.size)])
		cell := p.cell(r.hash, key, r.window)
		if !e.isDuplicate(r.row) {
			p.counted[cell] = true
			g.cells, g.rows = append(g.cells, cell), append(g.rows, r.place)
		}
	}
}

// gather appends g.cells and g.rows, and the columns of these rows.
func (g *gathered) gather(e *Evaluation) {
	for i := range g.choices {
		from, to := &e.chosen[i], &g.choices[i]
		picked := g.rows
		if e.program.choices[i].holds == nil {
			to.cells = append(to.cells, g.cells...)
		} else {
			picked = g.pick(from, to)
		}
		if e.program.choices[i].times {
			to.times = picks(to.times, from.times, picked)
			to.identities = picks(to.identities, from.identities, picked)
		}
		for j, in := range e.program.inputs {
			if in.choice == i {
				appendColumns(g.inputs[j], e.columns[j].columns, picked)
			}
		}
	}
}

// pick appends the cells for which a condition holds, and those for which it could not be evaluated. It returns the
// places of the former among the rows for which the condition holds.
func (g *gathered) pick(from *chosen, to *gatheredChoice) []int32 {
	g.picked = g.picked[:0]
	for i, row := range g.rows {
		switch at := from.places[row]; at {
		case notChosen:
		case failedChoice:
			to.failed = append(to.failed, g.cells[i])
		default:
			to.cells, g.picked = append(to.cells, g.cells[i]), append(g.picked, at)
		}
	}
	return g.picked
}

func appendColumns(to, from []aggregate.Column, at []int32) {
	for i := range from {
		to[i].Numbers = picks(to[i].Numbers, from[i].Numbers, at)
		to[i].Scalars = picks(to[i].Scalars, from[i].Scalars, at)
		to[i].Hashes = picks(to[i].Hashes, from[i].Hashes, at)
	}
}

// picks appends the elements at some places, unless there are no elements.
func picks[T any](dst, from []T, at []int32) []T {
	if len(from) == 0 {
		return dst
	}
	for _, i := range at {
		dst = append(dst, from[i])
	}
	return dst
}

// addTo adds the gathered rows to the states of aggregate i.
func (p *part) addTo(i int, s aggregate.States, g *gathered) {
	c, at := &g.choices[0], p.program.inputOf[i]
	rows := aggregate.Rows{}
	if at != noInput {
		c = &g.choices[p.program.inputs[at].choice]
		rows.Columns = g.inputs[at]
	}
	rows.Cells = c.cells
	if p.program.Functions[i].Ordered() {
		rows.Times, rows.Identities = c.times, c.identities
	}
	s.Add(rows)
	if len(c.failed) > 0 {
		s.Skip(c.failed)
	}
}
