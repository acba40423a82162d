package view

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
)

const (
	pageBytes   = 16 << 10  // maximum size of an encoded page whose states have their typical size, in bytes
	kappaBytes  = 1 << 10   // the same for a Kappa view, whose pages are rewritten for as long as events come
	worstBytes  = 380 << 10 // maximum worst-case size of an encoded page: an item of DynamoDB has at most 400 KB
	pageVersion = 1

	mostOfWindow = worstBytes - 1 - binary.MaxVarintLen64 // bytes that one window may take
)

// ErrCorruptPage means that the bytes are not an encoded page of this program. Retrying does not help.
var ErrCorruptPage = errors.New("corrupt page")

// Window numbers the windows of a definition: window w covers event times [w*length, (w+1)*length), counted in UTC from
// the Unix epoch, and for weeks from Monday 1970-01-05.
type Window int64

// Page numbers the pages of a definition. A page is a fixed range of consecutive windows, and the unit of storage.
type Page int64

// The pages of all windows.
const (
	FirstPage Page = math.MinInt64
	LastPage  Page = math.MaxInt64
)

// isInCalendar reports whether a window lies within the years 0000 to 9999.
func (p *Program) isInCalendar(w Window) bool { return w >= p.first && w <= p.last }

// Calendar returns the first and the last window that a view can have: those that lie within the years 0000 to 9999.
func (p *Program) Calendar() (first, last Window) { return p.first, p.last }

// windowOf returns the window of an event time.
func (p *Program) windowOf(at event.Millis) Window {
	return Window(floorDiv(int64(at)-p.windowOrigin, p.windowMs))
}

// PageOf returns the page that holds a window.
func (p *Program) PageOf(w Window) Page { return Page(floorDiv(int64(w), p.perPage)) }

// FirstWindowFrom returns the first window that starts at or after t.
func (p *Program) FirstWindowFrom(t time.Time) Window {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return Window(-floorDiv(p.windowOrigin-ms, p.windowMs))
}

// Start is the first instant of a window.
func (p *Program) Start(w Window) time.Time {
	return time.UnixMilli(int64(w)*p.windowMs + p.windowOrigin).UTC()
}

// End is the first instant after a window.
func (p *Program) End(w Window) time.Time { return p.Start(w + 1) }

// windowsPerPage returns the number of windows of a page: as many as keep its typical encoding within 16 KB (1 KB for a
// Kappa view) and its worst-case encoding within 380 KB, at least one, at most a day.
func (p *Program) windowsPerPage() int64 {
	typical, worst := p.windowBytes()
	most := pageBytes
	if p.Definition.Architecture == Kappa {
		most = kappaBytes
	}
	const head = 1 + binary.MaxVarintLen64
	fit := int64(min((most-head)/typical, (worstBytes-head)/worst))
	return max(1, min(fit, (24*time.Hour).Milliseconds()/p.windowMs))
}

// windowBytes returns the sizes of one window on a page: its place and its states.
func (p *Program) windowBytes() (typical, worst int) {
	typical, worst = binary.MaxVarintLen64, binary.MaxVarintLen64
	for _, f := range p.Functions {
		typical += f.TypicalEncoded()
		worst += f.MaxEncoded()
	}
	return typical, worst
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// Merge returns the encoding of a stored page after adding a page of a delta. stored is the encoded page of an item
// with the same key.
//
// Errors: ErrCorruptPage, not retryable: stored is not an encoded page of the program.
func (p *Program) Merge(stored []byte, page DeltaPage) ([]byte, error) {
	p = p.For(page.Key)
	m, ok := p.merging.Get().(*merging)
	if !ok {
		m = &merging{program: p, states: p.newStates()}
	}
	defer p.merging.Put(m)
	if err := m.merge(stored, page); err != nil {
		return nil, err
	}
	return bytes.Clone(m.merged), nil
}

// merging is the scratch memory of Merge.
type merging struct {
	program *Program
	states  []aggregate.States // of one window, which both pages have
	merged  []byte             // the encoding
}

// merge writes the windows of both pages to merged, in order. It changes only the windows that both pages have. It
// reads those of the stored page alone to find their ends, and copies them.
func (m *merging) merge(stored []byte, page DeltaPage) error {
	rest, err := m.program.pageBody(stored)
	m.merged = append(m.merged[:0], pageVersion)
	first, cells := Window(int64(page.Page)*m.program.perPage), page.cells
	for previous := int64(-1); err == nil && len(rest) > 0; {
		start := rest
		if previous, rest, err = m.program.place(rest, previous); err != nil {
			break
		}
		window := first + Window(previous)
		for ; len(cells) > 0 && cells[0].window < window; cells = cells[1:] {
			m.merged = page.appendCell(m.merged, cells[0])
		}
		if rest, err = m.read(rest); err != nil {
			break
		}
		if len(cells) == 0 || cells[0].window != window {
			m.merged = append(m.merged, start[:len(start)-len(rest)]...)
			continue
		}
		m.merged = binary.AppendUvarint(m.merged, uint64(previous))
		for i, s := range m.states {
			s.Merge(0, page.part.states[i], int(cells[0].cell))
			m.merged = s.AppendEncoded(m.merged, 0)
		}
		cells = cells[1:]
	}
	for _, cell := range cells {
		m.merged = page.appendCell(m.merged, cell)
	}
	if err != nil {
		return fmt.Errorf("page %d of view %s: %w", page.Page, m.program.Definition.Name, err)
	}
	return nil
}

// read reads the states of one window, and returns what follows.
func (m *merging) read(encoded []byte) (rest []byte, err error) {
	for i, s := range m.states {
		s.Reset()
		s.Grow(1)
		if rest, err = s.MergeEncoded(0, encoded); err != nil {
			return nil, m.program.corrupt(i, err)
		}
		encoded = rest
	}
	return encoded, nil
}

// pageBody returns an encoded page without the version of its format.
func (p *Program) pageBody(encoded []byte) ([]byte, error) {
	if len(encoded) == 0 || encoded[0] != pageVersion {
		return nil, fmt.Errorf("unknown page format: this version reads format %d: %w", pageVersion, ErrCorruptPage)
	}
	return encoded[1:], nil
}

// place reads the place of a window on a page, which must be behind the previous one, and returns what follows.
func (p *Program) place(encoded []byte, previous int64) (place int64, rest []byte, err error) {
	at, size := binary.Uvarint(encoded)
	longer := size > 1 && encoded[size-1] == 0 // than necessary: AppendPage writes each place in one way only
	if size <= 0 || longer || at >= uint64(p.perPage) || int64(at) <= previous {
		return 0, nil, fmt.Errorf("window is out of place: %w", ErrCorruptPage)
	}
	return int64(at), encoded[size:], nil
}

// corrupt is the error for a state of aggregate i that cannot be read.
func (p *Program) corrupt(i int, err error) error {
	return fmt.Errorf("aggregate %s: %w: %w", p.Definition.Aggregates[i].Name, ErrCorruptPage, err)
}
