// Package fold folds a few events in this process, and shows what views have of them: rows, and what they skip.
//
// Place in the flow: the tools for definitions show what the layers would store, with the code that the layers run.
package fold

import (
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// View is what one view has of some events.
type View struct {
	Definition view.Definition
	Folded     int64 // events that count in a row
	Rows       []Row // of the full key, in order of key and window; those of roll-ups follow from them
	Skips      []view.Skip
	Items      Items // that would store the rows, those of roll-ups, and what is skipped
}

// Items counts items: one for each key and page.
type Items struct {
	Count      int64
	Bytes      int64 // of their pages
	WriteUnits int64 // to write each once: 1 KB each, with its key and header
}

// itemHead is about what an item has besides its page and its key, in bytes.
const itemHead = 150

// WriteUnits returns about how many write units an item takes whose page has the given number of bytes.
func WriteUnits(key view.Key, size int) int64 { return int64(size+len(key)+itemHead)/1024 + 1 }

// Row is one row of a view: one key in one window.
type Row struct {
	Key        []string // a value per key field
	Start, End time.Time
	Page       view.Page
	Values     []string // one per aggregate, as JSON
}

// Lines folds archived lines. Of several events with one source and id, the first one counts.
//
// Shape: one View per definition, in their order.
// Errors: a line is not one that ingest archives, or a definition does not compile. Not retryable.
func Lines(definitions []view.Definition, lines []byte) ([]View, error) {
	events, err := NewEvents(definitions, lines)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(events.Programs))
	for i, delta := range events.Fold(events.Rows) {
		views[i] = viewOf(events.Programs[i], delta)
	}
	return views, nil
}

// Events are events that can be folded in parts.
type Events struct {
	Programs []*view.Program // one per definition, in their order
	Batch    *event.Batch
	Rows     []int32 // of the batch, without duplicates: of several events with one source and id, the first one
}

// NewEvents reads archived lines. Its errors are those of Lines.
func NewEvents(definitions []view.Definition, lines []byte) (*Events, error) {
	set, err := view.Compile(definitions...)
	if err != nil {
		return nil, err
	}
	batch, err := set.Fields().NewBatch(lines)
	if err != nil {
		return nil, err
	}
	return &Events{set.Programs, batch, distinct(batch)}, nil
}

// Fold folds some of the rows, and returns one delta per program.
func (e *Events) Fold(rows []int32) []*view.Delta {
	deltas := make([]*view.Delta, len(e.Programs))
	for i, p := range e.Programs {
		deltas[i] = p.NewDelta()
		deltas[i].Fold(e.Batch, slices.Clone(rows))
	}
	return deltas
}

// distinct returns the rows of a batch without the duplicates.
func distinct(b *event.Batch) (rows []int32) {
	seen := map[[2]string]bool{}
	for row := range b.Len() {
		source, _ := b.Text(b.Sources[row], nil)
		id, _ := b.Text(b.IDs[row], nil)
		identity := [2]string{string(source), string(id)}
		if !seen[identity] {
			seen[identity] = true
			rows = append(rows, int32(row))
		}
	}
	return rows
}

func viewOf(p *view.Program, delta *view.Delta) View {
	v := View{Definition: p.Definition, Folded: delta.Counts().Folded, Skips: delta.Skips()}
	for page := range delta.Pages() {
		size := len(page.Encode())
		v.Items.Count++
		v.Items.Bytes += int64(size)
		v.Items.WriteUnits += WriteUnits(page.Key, size)
		subset, key, _ := p.Definition.ValuesOf(page.Key)
		if page.Key == view.SkippedKey || subset != view.FullKey {
			continue
		}
		windows := p.NewWindows()
		page.MergeInto(windows)
		for _, window := range windows.Sorted() {
			row := Row{Key: key, Start: p.Start(window), End: p.End(window), Page: page.Page}
			for i := range p.Definition.Aggregates {
				row.Values = append(row.Values, string(windows.AppendValue(nil, i, window)))
			}
			v.Rows = append(v.Rows, row)
		}
	}
	return v
}
