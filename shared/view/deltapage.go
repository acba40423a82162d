package view

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// Pages yields the pages of the delta, one part after the other, each in order of key and page, and last those of
// SkippedKey, which are pages of the program's Skipped. Each page has its cells in order of window. A page that was
// only touched has no cells.
func (d *Delta) Pages() iter.Seq[DeltaPage] {
	return func(yield func(DeltaPage) bool) {
		for i := range d.parts {
			if !d.parts[i].pages(yield) {
				return
			}
		}
		if d.skipped != nil {
			d.skipped.Pages()(yield)
		}
	}
}

// DeltaPage is one page of a delta.
type DeltaPage struct {
	PageKey
	part  *part
	cells []pageCell
}

// MergeInto adds the page's states to w, a Windows of the same program: Program.For the page's key.
func (p DeltaPage) MergeInto(w *Windows) {
	for _, from := range p.cells {
		w.merge(w.cell(from.window), p.part.states, int(from.cell))
	}
}

// AppendPage appends the encoding of the page alone to dst, as Windows.AppendPage writes it for a page that nothing
// else is merged into.
func (p DeltaPage) AppendPage(dst []byte) []byte {
	dst = append(dst, pageVersion)
	for _, cell := range p.cells {
		dst = p.appendCell(dst, cell)
	}
	return dst
}

// appendCell appends the encoding of one window of the page.
func (p DeltaPage) appendCell(dst []byte, cell pageCell) []byte {
	dst = binary.AppendUvarint(dst, uint64(int64(cell.window)-int64(p.Page)*p.part.program.perPage))
	for _, s := range p.part.states {
		dst = s.AppendEncoded(dst, int(cell.cell))
	}
	return dst
}

// Encode returns what AppendPage appends, in memory of its exact size.
func (p DeltaPage) Encode() []byte {
	scratch, ok := p.part.program.encoding.Get().(*[]byte)
	if !ok {
		scratch = new([]byte)
	}
	defer p.part.program.encoding.Put(scratch)
	*scratch = p.AppendPage((*scratch)[:0])
	return bytes.Clone(*scratch)
}

// pages yields the pages of the part in order of key and page, until yield returns false.
func (p *part) pages(yield func(DeltaPage) bool) bool {
	for _, k := range p.cells.sorted() {
		for rest := k.cells; len(rest) > 0; {
			page := p.program.PageOf(rest[0].window)
			end := Window(int64(page+1) * p.program.perPage)
			n, counted := 0, rest[:0] // never overtakes the reading
			for ; n < len(rest) && rest[n].window < end; n++ {
				if p.counted[rest[n].cell] {
					counted = append(counted, rest[n])
				}
			}
			if !yield(DeltaPage{PageKey{k.key, page}, p, counted}) {
				return false
			}
			rest = rest[n:]
		}
	}
	return true
}
