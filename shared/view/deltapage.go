package view

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"
)

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
		w.merge(w.cell(p.delta.cells.names[from].window), p.delta.states, int(from))
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

// Encode returns what AppendPage appends, in memory of its exact size.
func (p DeltaPage) Encode() []byte {
	scratch, ok := p.delta.program.encoding.Get().(*[]byte)
	if !ok {
		scratch = new([]byte)
	}
	defer p.delta.program.encoding.Put(scratch)
	*scratch = p.AppendPage((*scratch)[:0])
	return bytes.Clone(*scratch)
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
