package view

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// Windows is the states of one key over some windows. Items are decoded into it, merged in it, and encoded and
// presented from it.
type Windows struct {
	program *Program
	cells   map[Window]int
	states  []aggregate.States // one per aggregate, a cell per window
	sized   []aggregate.Sized  // the same; nil where all cells take as much
	bytes   int                // see Bytes
	seconds map[Window]int64   // of windows that stand for another time than the program's; may be nil

	unwanted *Windows // takes the states that skipStates reads; nil: none was skipped
}

// NewWindows makes an empty Windows.
func (p *Program) NewWindows() *Windows {
	w := &Windows{program: p, cells: map[Window]int{}, states: p.newStates()}
	w.sized = make([]aggregate.Sized, len(w.states))
	for i, s := range w.states {
		w.sized[i], _ = s.(aggregate.Sized)
	}
	return w
}

// windowBytes is what a window takes besides its states.
const windowBytes = 32

// Bytes is how many bytes of memory the windows of w take, without the spare room of slices that have grown. It is a
// count of what they hold: the same on every platform.
func (w *Windows) Bytes() int { return w.bytes }

func (p *Program) seconds() int64 { return p.windowMs / 1000 }

func (p *Program) newStates() []aggregate.States {
	states := make([]aggregate.States, len(p.Functions))
	for i, f := range p.Functions {
		states[i] = f.New()
	}
	return states
}

// Reset empties w and keeps its memory.
func (w *Windows) Reset() {
	clear(w.cells)
	clear(w.seconds)
	w.bytes = 0
	for _, s := range w.states {
		s.Reset()
	}
}

// Len returns the number of windows with events.
func (w *Windows) Len() int { return len(w.cells) }

// Has reports whether a window has events.
func (w *Windows) Has(window Window) bool {
	_, ok := w.cells[window]
	return ok
}

// Sorted returns the windows in order of time.
func (w *Windows) Sorted() []Window {
	all := make([]Window, 0, len(w.cells))
	for window := range w.cells {
		all = append(all, window)
	}
	slices.Sort(all)
	return all
}

// cell returns the index of a window's states. It makes empty states for a window that had none.
func (w *Windows) cell(window Window) int {
	cell, ok := w.cells[window]
	if !ok {
		cell = len(w.cells)
		w.cells[window] = cell
		w.bytes += windowBytes
		for i, s := range w.states {
			s.Grow(cell + 1)
			if w.sized[i] == nil {
				w.bytes += w.program.Functions[i].MaxEncoded()
			} else {
				w.bytes += w.sized[i].Bytes(cell)
			}
		}
	}
	return cell
}

// merge merges the states of a cell of other windows, or of a delta, into a cell.
func (w *Windows) merge(cell int, from []aggregate.States, fromCell int) {
	for i, s := range w.states {
		before := w.bytesOf(i, cell)
		s.Merge(cell, from[i], fromCell)
		w.bytes += w.bytesOf(i, cell) - before
	}
}

func (w *Windows) bytesOf(i, cell int) int {
	if w.sized[i] == nil {
		return 0
	}
	return w.sized[i].Bytes(cell)
}

// Merge adds all of other, which must belong to the same program.
func (w *Windows) Merge(other *Windows) {
	for window := range other.cells {
		w.MergeWindow(other, window)
	}
}

// MergeWindow adds one window of other.
func (w *Windows) MergeWindow(other *Windows, window Window) { w.MergeInto(window, other, window) }

// MergeInto adds one window of other, which must belong to the same program, to a window of w.
func (w *Windows) MergeInto(to Window, other *Windows, window Window) {
	from, ok := other.cells[window]
	if !ok {
		return
	}
	w.merge(w.cell(to), other.states, from)
}

// Add makes empty states for a window that has none.
func (w *Windows) Add(window Window) { w.cell(window) }

// MergePage adds the windows of an encoded page for which want is true; a nil want takes all.
//
// Errors: ErrCorruptPage, not retryable; w is then undefined.
func (w *Windows) MergePage(page Page, encoded []byte, want func(Window) bool) error {
	return w.MergePageInto(page, encoded, func(window Window) (Window, bool) {
		return window, want == nil || want(window)
	})
}

// MergePageInto adds each window of an encoded page to the window that to returns for it. It leaves out those for which
// to returns false.
//
// Errors: ErrCorruptPage, not retryable; w is then undefined.
func (w *Windows) MergePageInto(page Page, encoded []byte, to func(Window) (Window, bool)) error {
	windows, err := w.mergePage(page, encoded, to)
	if err != nil {
		return fmt.Errorf("page %d of view %s, after %d windows: %w", page, w.program.Definition.Name, windows, err)
	}
	return nil
}

func (w *Windows) mergePage(page Page, encoded []byte, to func(Window) (Window, bool)) (int, error) {
	rest, err := w.program.pageBody(encoded)
	first := int64(page) * w.program.perPage
	for n, place := 0, int64(-1); ; n++ {
		if err != nil || len(rest) == 0 {
			return n, err
		}
		if place, rest, err = w.program.place(rest, place); err != nil {
			return n, err
		}
		if window, wanted := to(Window(first + place)); wanted {
			rest, err = w.mergeStates(w.cell(window), rest)
		} else {
			rest, err = w.skipStates(rest)
		}
	}
}

func (w *Windows) mergeStates(cell int, encoded []byte) ([]byte, error) {
	for i, s := range w.states {
		before := w.bytesOf(i, cell)
		rest, err := s.MergeEncoded(cell, encoded)
		if err != nil {
			return nil, w.program.corrupt(i, err)
		}
		w.bytes += w.bytesOf(i, cell) - before
		encoded = rest
	}
	return encoded, nil
}

// skipStates reads the states of one window into a separate Windows. A state shows its own end, so it must be read to
// be skipped.
func (w *Windows) skipStates(encoded []byte) ([]byte, error) {
	if w.unwanted == nil {
		w.unwanted = w.program.NewWindows()
	}
	w.unwanted.Reset()
	return w.unwanted.mergeStates(w.unwanted.cell(0), encoded)
}

// AppendPage appends to dst the encoding of the windows that lie on the page: the version of the format, then per
// window its place on the page and one state per aggregate in the definition's order. Equal states have equal bytes.
func (w *Windows) AppendPage(dst []byte, page Page) []byte {
	first := Window(int64(page) * w.program.perPage)
	windows := w.Sorted()
	windows = windows[sort.Search(len(windows), func(i int) bool { return windows[i] >= first }):]
	dst = append(dst, pageVersion)
	for _, window := range windows {
		if w.program.PageOf(window) != page {
			break
		}
		dst = binary.AppendUvarint(dst, uint64(window-first))
		for _, s := range w.states {
			dst = s.AppendEncoded(dst, w.cells[window])
		}
	}
	return dst
}

// AppendValue appends to dst the answer that aggregate i presents for a window, as JSON. For an aggregate with
// readings, that is an object with the readings that its function lists.
func (w *Windows) AppendValue(dst []byte, i int, window Window) []byte {
	return w.AppendReadings(dst, i, window, w.program.Functions[i].Readings())
}

// AppendReadings appends some readings of aggregate i, as a JSON object; without readings, its one value.
func (w *Windows) AppendReadings(dst []byte, i int, window Window, readings []aggregate.Reading) []byte {
	if len(readings) == 0 {
		return w.AppendReading(dst, i, window, aggregate.Reading{})
	}
	for at, reading := range readings {
		dst = append(dst, "{,"[min(at, 1)], '"')
		dst = append(append(dst, reading.Name...), `":`...)
		dst = w.AppendReading(dst, i, window, reading)
	}
	return append(dst, '}')
}

// AppendReading appends one reading of aggregate i, as JSON; the zero Reading for an aggregate without readings.
func (w *Windows) AppendReading(dst []byte, i int, window Window, reading aggregate.Reading) []byte {
	how := aggregate.Present{Seconds: w.program.seconds(), Reading: reading}
	if seconds, ok := w.seconds[window]; ok {
		how.Seconds = seconds
	}
	return w.states[i].AppendPresented(dst, w.cells[window], how)
}

// AppendError appends the error bound of aggregate i for a window, as JSON; nothing when its answer is exact.
func (w *Windows) AppendError(dst []byte, i int, window Window) []byte {
	return w.states[i].AppendError(dst, w.cells[window])
}

// Skipped returns how many events of a window aggregate i skipped because their argument was not a number.
func (w *Windows) Skipped(i int, window Window) int64 { return w.states[i].Skipped(w.cells[window]) }

// SetSeconds says how long the time is that a window of w stands for, where it is merged of several. It is the window
// of the program until then. Rates are per second of it.
func (w *Windows) SetSeconds(window Window, seconds int64) {
	if w.seconds == nil {
		w.seconds = map[Window]int64{}
	}
	w.seconds[window] = seconds
}

// Total merges the given windows into one: window 0 of the returned Windows, which stands for the time of all of them.
func (w *Windows) Total(windows []Window) *Windows {
	total := w.program.NewWindows()
	total.Add(0)
	total.SetSeconds(0, w.program.seconds()*int64(len(windows)))
	for _, window := range windows {
		total.MergeInto(0, w, window)
	}
	return total
}
