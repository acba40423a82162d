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
	cells   map[string]int32 // window (8 bytes, big-endian, offset so that it sorts) and key -> cell
	names   []string         // the same names, indexed by cell
	states  []aggregate.States
	touched map[PageKey]struct{}
	counts  Counts

	skipped  *Delta // of program.Skipped: what could not be used; nil while there is nothing
	touching bool   // rows are duplicates: they touch pages, and do not count

	// Scratch, a row each.
	rows    []int32
	into    [][]int32 // per subset, the cell of each row
	chosen  []chosen  // per choice of the program
	columns []filled  // per input of the program
	name    []byte    // of the row's cell of the full key
	ends    []int     // where the values of the key end in name
	rolled  []byte    // the name of the row's cell of a roll-up
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
		program: p, cells: map[string]int32{}, states: p.newStates(), touched: map[PageKey]struct{}{},
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
		d.into[FullKey] = append(d.into[FullKey], d.cell(d.name))
		for i, fields := range d.program.rollups {
			d.into[i+1] = append(d.into[i+1], d.cell(d.rollUp(i, fields)))
		}
	}
	d.counts.Folded += int64(len(kept))
	d.evaluate(b, kept)
	for _, s := range d.states {
		s.Grow(len(d.names))
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
			d.touched[d.pageKey(string(d.name))] = struct{}{}
			for i, fields := range d.program.rollups {
				d.touched[d.pageKey(string(d.rollUp(i, fields)))] = struct{}{}
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

// locate puts the name of the row's cell into d.name: 8 bytes of the window, then the encoded full key. It returns
// false when the key cannot be evaluated or its values are longer than MaxValues, or when the window does not lie
// within the years 0000 to 9999, after noting that; d.name is then undefined.
func (d *Delta) locate(b *event.Batch, row int32) bool {
	window := d.program.windowOf(b.Times[row])
	if !d.program.isInCalendar(window) {
		d.skipEvent(b, row, d.program.placeOfTime(), aggregate.OutOfRange)
		return false
	}
	name := append(appendWindow(d.name[:0], window), d.program.prefix...)
	d.ends = append(d.ends[:0], len(name))
	for field, value := range d.program.keys {
		start := len(name)
		var got expression.Truth
		if name, got = value(b, int(row), name); got != expression.IsTrue {
			d.name = name
			d.skipEvent(b, row, d.program.placeOfKey(field), got.Reason())
			return false
		}
		if name = endValue(name, start); len(name)-d.ends[0] > MaxValues {
			d.name = name
			d.skipEvent(b, row, d.program.placeOfKey(field), aggregate.TooLarge)
			return false
		}
		d.ends = append(d.ends, len(name))
	}
	d.name = name
	return true
}

// cell returns the cell of a name, and makes it when there is none.
func (d *Delta) cell(of []byte) int32 {
	cell, ok := d.cells[string(of)]
	if !ok {
		cell = int32(len(d.names))
		name := string(of)
		d.cells[name] = cell
		d.names = append(d.names, name)
	}
	return cell
}

func (d *Delta) pageKey(name string) PageKey {
	return PageKey{Key: Key(name[8:]), Page: d.program.PageOf(windowOfName(name))}
}

func appendWindow(dst []byte, window Window) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(window)^1<<63)
}

func windowOfName(name string) Window {
	return Window(binary.BigEndian.Uint64([]byte(name[:8])) ^ 1<<63)
}

// Merge adds all of other, a delta of the same program. It leaves other unchanged.
func (d *Delta) Merge(other *Delta) {
	into := make([]int32, len(other.names))
	for from, name := range other.names {
		d.name = append(d.name[:0], name...)
		into[from] = d.cell(d.name)
	}
	for i, s := range d.states {
		s.Grow(len(d.names))
		for from, to := range into {
			s.Merge(int(to), other.states[i], from)
		}
	}
	for page := range other.touched {
		d.touched[page] = struct{}{}
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
		to := w.cell(windowOfName(p.delta.names[from]))
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
		dst = binary.AppendUvarint(dst, uint64(windowOfName(p.delta.names[cell])-first))
		for _, s := range p.delta.states {
			dst = s.AppendEncoded(dst, int(cell))
		}
	}
	return dst
}

func (d *Delta) sorted() []DeltaPage {
	cells := make([]int32, len(d.names))
	for i := range cells {
		cells[i] = int32(i)
	}
	slices.SortFunc(cells, func(a, b int32) int {
		m, n := d.names[a], d.names[b]
		return cmp.Or(strings.Compare(m[8:], n[8:]), strings.Compare(m[:8], n[:8]))
	})
	// The cells of one page are neighbours now. A page is a part of the slice of all cells, which grows by one at a
	// time.
	var pages []DeltaPage
	for i, cell := range cells {
		key := d.pageKey(d.names[cell])
		if len(pages) == 0 || pages[len(pages)-1].PageKey != key {
			pages = append(pages, DeltaPage{PageKey: key, delta: d, cells: cells[i:i:len(cells)]})
		}
		last := &pages[len(pages)-1]
		last.cells = last.cells[:len(last.cells)+1]
	}
	// Pages that were only touched are added behind those with cells, and all are sorted again.
	folded := pages
	for key := range d.touched {
		if _, found := slices.BinarySearchFunc(folded, key, comparePage); !found {
			pages = append(pages, DeltaPage{PageKey: key, delta: d})
		}
	}
	if d.skipped != nil {
		pages = append(pages, d.skipped.sorted()...)
	}
	slices.SortFunc(pages, func(a, b DeltaPage) int { return comparePage(a, b.PageKey) })
	return pages
}

func comparePage(p DeltaPage, key PageKey) int {
	return cmp.Or(strings.Compare(string(p.Key), string(key.Key)), cmp.Compare(p.Page, key.Page))
}
