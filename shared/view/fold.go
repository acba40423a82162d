package view

import (
	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Delta is the result of folding events: the states of one program over any number of keys and windows. Batch, speed
// and tests use the same type. Folding is commutative and associative, so events and deltas may come in any order and
// any grouping.
//
// A Delta is not safe for concurrent use. To work in parallel, fold several and merge them.
type Delta struct {
	program *Program
	cells   cells
	states  []aggregate.States
	touched map[touchedPage]struct{}
	counts  Counts

	skipped  *Delta // of program.Skipped: what could not be used; nil while there is nothing
	touching bool   // rows are duplicates: they touch pages, and do not count

	// Scratch, a row each.
	rows    []int32
	into    [][]int32 // per subset, the cell of each row
	chosen  []chosen  // per choice of the program
	columns []filled  // per input of the program
	window  Window    // of the row
	key     []byte    // the row's full key, encoded
	ends    []int     // where the values of the key end in it
	rolled  []byte    // the row's key of a roll-up, encoded
}

// touchedPage is a page of a key, by the key's number.
type touchedPage struct {
	key  int32
	page Page
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

// NewDelta makes an empty delta.
func (p *Program) NewDelta() *Delta {
	return &Delta{
		program: p, cells: newCells(), states: p.newStates(), touched: map[touchedPage]struct{}{},
		into:   make([][]int32, 1+len(p.rollups)),
		chosen: make([]chosen, len(p.choices)), columns: newFilled(p),
	}
}

// Len returns the number of windows of keys that the delta has states of.
func (d *Delta) Len() int { return d.cells.len() }

// Counts returns the counts of all events so far.
func (d *Delta) Counts() Counts { return d.counts }

// Fold adds the given rows of the batch. The batch must have the columns of the program's Set.
func (d *Delta) Fold(b *event.Batch, rows []int32) {
	rows = d.filter(b, rows)
	// From here on, into[s][i] is the cell of the event kept[i] in subset s. kept overwrites rows, and never overtakes the
	// reading.
	for s := range d.into {
		d.into[s] = d.into[s][:0]
	}
	kept := rows[:0]
	for _, row := range rows {
		if !d.locate(b, row) {
			continue
		}
		kept = append(kept, row)
		d.into[FullKey] = append(d.into[FullKey], d.cellOf(d.key, d.window))
		for i, fields := range d.program.rollups {
			d.into[i+1] = append(d.into[i+1], d.cellOf(d.rollUp(i, fields), d.window))
		}
	}
	d.counts.Folded += int64(len(kept))
	d.evaluate(b, kept)
	for _, s := range d.states {
		s.Grow(d.cells.len())
	}
	for _, cells := range d.into {
		d.add(cells)
	}
}

// Touch adds the pages of the given rows to the delta without counting the rows: those that Fold would have added them
// to. Duplicates must move their items' horizon like other events.
func (d *Delta) Touch(b *event.Batch, rows []int32) {
	d.touching = true
	defer func() { d.touching = false }()
	rows = d.filter(b, rows)
	kept := rows[:0]
	for _, row := range rows {
		if d.locate(b, row) {
			d.touch(d.key, d.window)
			for i, fields := range d.program.rollups {
				d.touch(d.rollUp(i, fields), d.window)
			}
			kept = append(kept, row)
		}
	}
	d.evaluate(b, kept)
}

// filter keeps the rows for which where holds, in the delta's own memory.
func (d *Delta) filter(b *event.Batch, rows []int32) []int32 {
	where := d.program.where
	if where == nil {
		d.rows = append(d.rows[:0], rows...)
		return d.rows
	}
	d.rows = d.rows[:0]
	for _, row := range rows {
		switch t := where(b, int(row)); t {
		case expression.IsTrue:
			d.rows = append(d.rows, row)
		case expression.IsFalse:
		default:
			d.skipEvent(b, row, placeOfWhere, t.Reason())
		}
	}
	return d.rows
}

// locate puts the row's window into d.window and its encoded full key into d.key. It returns false when the key cannot
// be evaluated or its values are longer than MaxValues, or when the window does not lie within the years 0000 to 9999,
// after noting that; d.key is then undefined.
func (d *Delta) locate(b *event.Batch, row int32) bool {
	d.window = d.program.windowOf(b.Times[row])
	if !d.program.isInCalendar(d.window) {
		d.skipEvent(b, row, d.program.placeOfTime(), aggregate.OutOfRange)
		return false
	}
	key := append(d.key[:0], d.program.prefix...)
	d.ends = append(d.ends[:0], len(key))
	for field, value := range d.program.keys {
		start := len(key)
		var got expression.Truth
		if key, got = value(b, int(row), key); got != expression.IsTrue {
			d.key = key
			d.skipEvent(b, row, d.program.placeOfKey(field), got.Reason())
			return false
		}
		if key = endValue(key, start); len(key)-d.ends[0] > MaxValues {
			d.key = key
			d.skipEvent(b, row, d.program.placeOfKey(field), aggregate.TooLarge)
			return false
		}
		d.ends = append(d.ends, len(key))
	}
	d.key = key
	return true
}

func (d *Delta) cellOf(key []byte, window Window) int32 {
	return d.cells.cell(cellName{d.cells.key(key), window})
}

// touch notes the page of a window of a key.
func (d *Delta) touch(key []byte, window Window) {
	d.touched[touchedPage{d.cells.key(key), d.program.PageOf(window)}] = struct{}{}
}

// Merge adds all of other, a delta of the same program. It leaves other unchanged.
func (d *Delta) Merge(other *Delta) {
	keys := d.cells.keysIn(&other.cells)
	into := make([]int32, other.cells.len())
	for from, name := range other.cells.names {
		into[from] = d.cells.cell(cellName{keys[name.key], name.window})
	}
	for i, s := range d.states {
		s.Grow(d.cells.len())
		for from, to := range into {
			s.Merge(int(to), other.states[i], from)
		}
	}
	for t := range other.touched {
		d.touched[touchedPage{keys[t.key], t.page}] = struct{}{}
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
