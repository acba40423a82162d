package view

import (
	"hash/crc32"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Evaluation is what a program reads of a batch: the cells of its rows, and the arguments of its aggregates as columns.
// Delta.Add folds it, once Exclude has said which rows are duplicates. Its memory is used again by the next Evaluate.
//
// An Evaluation is not safe for concurrent use while it evaluates.
type Evaluation struct {
	program *Program
	batch   *event.Batch

	rows      []int32     // of the batch: those with cells
	duplicate []bool      // by row of the batch; nil: none is
	unusable  []unusable  // what could not be used
	parts     [][]located // the rows of each part of a delta
	text      []byte      // the keys of the located rows, encoded
	chosen    []chosen    // per choice of the program
	columns   []filled    // per input of the program
	ends      []int       // scratch: where the values of a row's key end in text
}

// located says in which cell a row belongs, under its full key or that of a roll-up.
type located struct {
	hash   uint64 // of the key
	window Window
	row    int32  // of the batch
	place  int32  // of the row among the rows with cells
	start  uint32 // where the key begins in text
	size   uint16 // of the key
}

// NewEvaluation makes an empty evaluation.
func (p *Program) NewEvaluation() *Evaluation {
	return &Evaluation{program: p, chosen: make([]chosen, len(p.choices)), columns: newFilled(p)}
}

// Evaluate reads some rows of the batch, for a delta with this number of parts. The batch must have the columns of the
// program's Set, and must not change before the evaluation is folded. No row is a duplicate until Exclude says so.
func (e *Evaluation) Evaluate(b *event.Batch, rows []int32, parts int) {
	e.begin(b, parts)
	e.rows = append(e.rows, rows...)
	e.evaluate()
}

// EvaluateAll reads all rows of the batch, as Evaluate does.
func (e *Evaluation) EvaluateAll(b *event.Batch, parts int) {
	e.begin(b, parts)
	for row := range b.Len() {
		e.rows = append(e.rows, int32(row))
	}
	e.evaluate()
}

// Exclude says which rows of the batch are duplicates: they touch their pages, and do not count. The evaluation keeps
// the slice until it is folded.
func (e *Evaluation) Exclude(duplicate []bool) { e.duplicate = duplicate }

func (e *Evaluation) isDuplicate(row int32) bool { return e.duplicate != nil && e.duplicate[row] }

// begin empties the evaluation.
func (e *Evaluation) begin(b *event.Batch, parts int) {
	e.batch, e.rows, e.duplicate, e.unusable, e.text = b, e.rows[:0], nil, e.unusable[:0], e.text[:0]
	for len(e.parts) < parts {
		e.parts = append(e.parts, nil)
	}
	e.parts = e.parts[:parts]
	for part := range e.parts {
		e.parts[part] = e.parts[part][:0]
	}
}

// evaluate narrows e.rows to those that have cells, notes these cells, and fills the columns.
func (e *Evaluation) evaluate() {
	e.filter()
	kept := e.rows[:0] // never overtakes the reading
	for _, row := range e.rows {
		start := len(e.text)
		window, ok := e.locate(row)
		if !ok {
			e.text = e.text[:start]
			continue
		}
		e.note(start, window, row, len(kept))
		for i, fields := range e.program.rollups {
			rolled := len(e.text)
			e.appendRollup(i, fields)
			e.note(rolled, window, row, len(kept))
		}
		kept = append(kept, row)
	}
	e.rows = kept
	e.fill()
}

// note notes the cell of a row, whose key begins at start of e.text and ends with it.
func (e *Evaluation) note(start int, window Window, row int32, place int) {
	key := e.text[start:]
	part := partOf(key, len(e.parts))
	e.parts[part] = append(e.parts[part], located{
		hash: e.program.seed.ofKey(key), window: window, row: row, place: int32(place), start: uint32(start),
		size: uint16(len(key)),
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

// filter narrows e.rows to those for which where holds.
func (e *Evaluation) filter() {
	where := e.program.where
	if where == nil {
		return
	}
	kept := e.rows[:0] // never overtakes the reading
	for _, row := range e.rows {
		switch t := where(e.batch, int(row)); t {
		case expression.IsTrue:
			kept = append(kept, row)
		case expression.IsFalse:
		default:
			e.noteUnusable(row, placeOfWhere, t.Reason())
		}
	}
	e.rows = kept
}

// locate returns the row's window, and appends its encoded full key to e.text. It returns false when the key cannot be
// evaluated or its values are longer than MaxValues, or when the window does not lie within the years 0000 to 9999,
// after noting that; what it appended is then undefined.
func (e *Evaluation) locate(row int32) (window Window, ok bool) {
	p := e.program
	window = p.windowOf(e.batch.Times[row])
	if !p.isInCalendar(window) {
		e.noteUnusable(row, p.placeOfTime(), aggregate.OutOfRange)
		return window, false
	}
	key := append(e.text, p.prefix...)
	e.ends = append(e.ends[:0], len(key))
	for field, value := range p.keys {
		start := len(key)
		var got expression.Truth
		if key, got = value(e.batch, int(row), key); got != expression.IsTrue {
			e.noteUnusable(row, p.placeOfKey(field), got.Reason())
			return window, false
		}
		if key = endValue(key, start); len(key)-e.ends[0] > MaxValues {
			e.noteUnusable(row, p.placeOfKey(field), aggregate.TooLarge)
			return window, false
		}
		e.ends = append(e.ends, len(key))
	}
	e.text = key
	return window, true
}
