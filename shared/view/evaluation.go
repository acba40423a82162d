package view

import (
	"hash/crc32"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Evaluation is what a program reads of a batch: which rows count, in which cells, and the arguments of its aggregates
// as columns. Delta.Add folds it. Its memory is used again by the next Evaluate.
//
// An Evaluation is not safe for concurrent use while it evaluates.
type Evaluation struct {
	program *Program
	counts  Counts
	skipped *Delta // of program.Skipped: what could not be used; nil while there is nothing

	parts   [][]located // the rows of each part of a delta
	text    []byte      // the keys of the located rows, encoded
	chosen  []chosen    // per choice of the program
	columns []filled    // per input of the program

	touching bool    // rows are duplicates: they touch pages, and do not count
	rows     []int32 // scratch
	ends     []int   // where the values of a row's key end in text
}

// located says in which cell a row belongs, under its full key or that of a roll-up.
type located struct {
	hash   uint64 // of the key
	window Window
	row    int32  // its place among the rows that count, or noRow
	start  uint32 // where the key begins in text
	size   uint16 // of the key
}

// noRow stands for a row that only touches its page.
const noRow = -1

// NewEvaluation makes an empty evaluation.
func (p *Program) NewEvaluation() *Evaluation {
	return &Evaluation{program: p, chosen: make([]chosen, len(p.choices)), columns: newFilled(p)}
}

// Evaluate reads the batch, for a delta with this number of parts: the rows that count, and duplicates of which only
// the pages matter. The batch must have the columns of the program's Set, and must not change before the evaluation is
// folded.
func (e *Evaluation) Evaluate(b *event.Batch, counted, duplicates []int32, parts int) {
	e.counts, e.skipped, e.text = Counts{}, nil, e.text[:0]
	for len(e.parts) < parts {
		e.parts = append(e.parts, nil)
	}
	for part := range e.parts {
		e.parts[part] = e.parts[part][:0]
	}
	if len(duplicates) > 0 {
		e.touching = true
		e.fill(b, e.locateAll(b, duplicates))
		e.touching = false
	}
	kept := e.locateAll(b, counted)
	e.counts.Folded = int64(len(kept))
	e.fill(b, kept)
}

// locateAll returns the rows that where keeps and that have a key and a window, after noting their cells.
func (e *Evaluation) locateAll(b *event.Batch, rows []int32) []int32 {
	rows = e.filter(b, rows)
	kept := rows[:0] // never overtakes the reading
	for _, row := range rows {
		start := len(e.text)
		window, ok := e.locate(b, row)
		if !ok {
			e.text = e.text[:start]
			continue
		}
		at := int32(len(kept))
		if e.touching {
			at = noRow
		}
		e.note(start, window, at)
		for i, fields := range e.program.rollups {
			rolled := len(e.text)
			e.appendRollup(i, fields)
			e.note(rolled, window, at)
		}
		kept = append(kept, row)
	}
	return kept
}

// note notes the cell of a row, whose key begins at start of e.text and ends with it.
func (e *Evaluation) note(start int, window Window, row int32) {
	key := e.text[start:]
	part := partOf(key, len(e.parts))
	e.parts[part] = append(e.parts[part], located{
		hash: e.program.seed.ofKey(key), window: window, row: row, start: uint32(start), size: uint16(len(key)),
	})
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// partOf returns the part of a key. It is the same in each process, since it decides the order of pages.
func partOf(key []byte, parts int) int {
	if parts == 1 {
		return 0
	}
	return int(crc32.Checksum(key, castagnoli) % uint32(parts))
}

// filter keeps the rows for which where holds, in the evaluation's own memory.
func (e *Evaluation) filter(b *event.Batch, rows []int32) []int32 {
	where := e.program.where
	if where == nil {
		e.rows = append(e.rows[:0], rows...)
		return e.rows
	}
	e.rows = e.rows[:0]
	for _, row := range rows {
		switch t := where(b, int(row)); t {
		case expression.IsTrue:
			e.rows = append(e.rows, row)
		case expression.IsFalse:
		default:
			e.skipEvent(b, row, placeOfWhere, t.Reason())
		}
	}
	return e.rows
}

// locate returns the row's window, and appends its encoded full key to e.text. It returns false when the key cannot be
// evaluated or its values are longer than MaxValues, or when the window does not lie within the years 0000 to 9999,
// after noting that; what it appended is then undefined.
func (e *Evaluation) locate(b *event.Batch, row int32) (window Window, ok bool) {
	p := e.program
	window = p.windowOf(b.Times[row])
	if !p.isInCalendar(window) {
		e.skipEvent(b, row, p.placeOfTime(), aggregate.OutOfRange)
		return window, false
	}
	key := append(e.text, p.prefix...)
	e.ends = append(e.ends[:0], len(key))
	for field, value := range p.keys {
		start := len(key)
		var got expression.Truth
		if key, got = value(b, int(row), key); got != expression.IsTrue {
			e.skipEvent(b, row, p.placeOfKey(field), got.Reason())
			return window, false
		}
		if key = endValue(key, start); len(key)-e.ends[0] > MaxValues {
			e.skipEvent(b, row, p.placeOfKey(field), aggregate.TooLarge)
			return window, false
		}
		e.ends = append(e.ends, len(key))
	}
	e.text = key
	return window, true
}
