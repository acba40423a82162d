package view

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"

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

// Pages yields the pages of the delta in order of key and page, each with its cells in order of window. A page that was
// only touched has no cells. The pages of SkippedKey are those of the program's Skipped.
func (d *Delta) Pages() iter.Seq[DeltaPage] {
	return func(yield func(DeltaPage) bool) {
		for _, page := range d.sorted() {
			if !yield(page) {
				return
			}
		}
	}
}

// DeltaPage is one page of a delta.
type DeltaPage struct {
	PageKey
	delta *Delta
	cells []int32
}

// MergeInto adds the page's states to w, a Windows of the same program: Program.For the page's key.
func (p DeltaPage) MergeInto(w *Windows) {
	for _, from := range p.cells {
		to := w.cell(p.delta.cells.names[from].window)
		for i, s := range w.states {
			s.Merge(to, p.delta.states[i], int(from))
		}
	}
}

// AppendPage appends the encoding of the page alone to dst, as Windows.AppendPage writes it for a page that nothing
// else is merged into.
func (p DeltaPage) AppendPage(dst []byte) []byte {
	dst = append(dst, pageVersion)
	first := Window(int64(p.Page) * p.delta.program.windowsPerPage())
	for _, cell := range p.cells {
		dst = binary.AppendUvarint(dst, uint64(p.delta.cells.names[cell].window-first))
		for _, s := range p.delta.states {
			dst = s.AppendEncoded(dst, int(cell))
		}
	}
	return dst
}

func (d *Delta) sorted() []DeltaPage {
	var pages []DeltaPage
	touched := d.touchedOfKeys()
	for _, k := range d.cells.sorted() {
		key, first := d.cells.texts[k.key], len(pages)
		for rest := k.cells; len(rest) > 0; {
			page := d.pageOf(rest[0])
			n := 1
			for n < len(rest) && d.pageOf(rest[n]) == page {
				n++
			}
			pages = append(pages, DeltaPage{PageKey{key, page}, d, rest[:n:n]})
			rest = rest[n:]
		}
		if touched[k.key] != nil {
			pages = append(pages[:first], d.withTouched(pages[first:], key, touched[k.key])...)
		}
	}
	if d.skipped == nil {
		return pages
	}
	skipped := d.skipped.sorted()
	at, _ := slices.BinarySearchFunc(pages, skipped[0].PageKey, comparePage)
	return slices.Insert(pages, at, skipped...)
}

func (d *Delta) pageOf(cell int32) Page { return d.program.PageOf(d.cells.names[cell].window) }

// touchedOfKeys returns the touched pages by the numbers of their keys.
func (d *Delta) touchedOfKeys() map[int32][]Page {
	byKey := map[int32][]Page{}
	for t := range d.touched {
		byKey[t.key] = append(byKey[t.key], t.page)
	}
	return byKey
}

// withTouched returns the pages of a key, in order, with those that were only touched.
func (d *Delta) withTouched(folded []DeltaPage, key Key, touched []Page) []DeltaPage {
	all := slices.Clone(folded)
	for _, page := range touched {
		if _, found := slices.BinarySearchFunc(folded, PageKey{key, page}, comparePage); !found {
			all = append(all, DeltaPage{PageKey: PageKey{key, page}, delta: d})
		}
	}
	slices.SortFunc(all, func(a, b DeltaPage) int { return comparePage(a, b.PageKey) })
	return all
}

func comparePage(p DeltaPage, key PageKey) int {
	return cmp.Or(strings.Compare(string(p.Key), string(key.Key)), cmp.Compare(p.Page, key.Page))
}
