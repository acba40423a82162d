package view

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"time"

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
	windows, ok := p.merging.Get().(*Windows)
	if !ok {
		windows = p.NewWindows()
	}
	defer p.merging.Put(windows)
	windows.Reset()
	if err := windows.MergePage(page.Page, stored, nil); err != nil {
		return nil, err
	}
	page.MergeInto(windows)
	scratch, ok := p.encoding.Get().(*[]byte)
	if !ok {
		scratch = new([]byte)
	}
	defer p.encoding.Put(scratch)
	*scratch = windows.AppendPage((*scratch)[:0], page.Page)
	return bytes.Clone(*scratch), nil
}
