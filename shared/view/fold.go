package view

import "github.com/anabranch/anabranch/shared/event"

// Delta is the result of folding events: the states of one program over any number of keys and windows. Batch, speed
// and tests use the same type. Folding is commutative and associative, so events and deltas may come in any order and
// any grouping.
//
// A Delta has one or more parts. Each key belongs to one of them. A Delta is not safe for concurrent use, except that
// Add may fold into different parts at once.
type Delta struct {
	program *Program
	parts   []part
	counts  Counts
	skipped *Delta // of program.Skipped: what could not be used; nil while there is nothing
}

// Counts says what happened to the events that a delta received.
type Counts struct {
	Folded  int64 // events counted in some window
	Skipped int64 // events whose where or key could not be evaluated
}

// PageKey names one page of one key: the unit of an item.
type PageKey struct {
	Key  Key
	Page Page
}

// NewDelta makes an empty delta of one part.
func (p *Program) NewDelta() *Delta { return p.NewDeltaOf(1) }

// NewDeltaOf makes an empty delta of several parts.
func (p *Program) NewDeltaOf(parts int) *Delta {
	d := &Delta{program: p, parts: make([]part, parts)}
	for i := range d.parts {
		d.parts[i].program = p
	}
	return d
}

// Len returns the number of windows of keys that the delta has states of.
func (d *Delta) Len() (n int) {
	for i := range d.parts {
		n += d.parts[i].len()
	}
	return n
}

// Counts returns the counts of all events so far.
func (d *Delta) Counts() Counts { return d.counts }

// Fold adds the given rows of the batch. The batch must have the columns of the program's Set.
func (d *Delta) Fold(b *event.Batch, rows []int32) { d.fold(b, rows, nil) }

// Touch adds the pages of the given rows to the delta without counting the rows: those that Fold would have added them
// to. Duplicates must move their items' horizon like other events.
func (d *Delta) Touch(b *event.Batch, rows []int32) {
	duplicate := make([]bool, b.Len())
	for _, row := range rows {
		duplicate[row] = true
	}
	d.fold(b, rows, duplicate)
}

func (d *Delta) fold(b *event.Batch, rows []int32, duplicate []bool) {
	own, ok := d.program.evaluating.Get().(*Evaluation)
	if !ok {
		own = d.program.NewEvaluation()
	}
	defer d.program.evaluating.Put(own)
	own.Evaluate(b, rows, len(d.parts))
	own.Exclude(duplicate)
	all := []*Evaluation{own}
	for part := range d.parts {
		d.Add(part, all)
	}
	d.Note(all)
}

// Add adds the rows of some evaluations that belong to one part. The evaluations were made for the number of parts that
// the delta has. Every part must be added, and Note called once.
func (d *Delta) Add(part int, all []*Evaluation) {
	g, ok := d.program.gathering.Get().(*gathered)
	if !ok {
		g = d.program.newGathered()
	}
	defer d.program.gathering.Put(g)
	d.parts[part].add(g, part, all)
}

// Note adds what some evaluations have counted, and what they could not use.
func (d *Delta) Note(all []*Evaluation) {
	for _, e := range all {
		for _, row := range e.rows {
			if !e.isDuplicate(row) {
				d.counts.Folded++
			}
		}
		d.skip(e)
	}
}

// Merge adds all of other, a delta of the same program. It leaves other unchanged.
func (d *Delta) Merge(other *Delta) {
	for i := range other.parts {
		d.mergePart(&other.parts[i])
	}
	d.counts.Folded += other.counts.Folded
	d.counts.Skipped += other.counts.Skipped
	if other.skipped == nil {
		return
	}
	if d.skipped == nil {
		d.skipped = d.program.Skipped.NewDelta()
	}
	d.skipped.Merge(other.skipped)
}

func (d *Delta) mergePart(from *part) {
	type place struct {
		part *part
		hash uint64
		key  int32
	}
	places := make([]place, len(from.cells.texts))
	for key, text := range from.cells.texts {
		encoded := []byte(text)
		to, hash := &d.parts[partOf(encoded, len(d.parts))], d.program.seed.ofKey(encoded)
		places[key] = place{to, hash, to.cells.key(hash, encoded)}
	}
	for cell, name := range from.cells.names {
		to := places[name.key]
		into := to.part.cell(to.hash, to.key, name.window)
		if from.counted[cell] {
			to.part.merge(into, from, cell)
		}
	}
}
