package dev

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// A view's fields are looked for in the first events of its type. A warning needs some of them, so that one event
// without an optional field is not enough.
const (
	fewestWatched = 20
	mostWatched   = 1000
	mostTypes     = 100
	objectsAtOnce = 20 // read from the archive in one tick
)

// watcher looks for the fields that views read in the first events of the archive. A field that none of them has is
// most likely misspelt.
type watcher struct {
	archive archive.Archive
	codec   *event.Codec

	views  []*watched
	fields *event.Fields // of all views; the type comes first
	from   archive.Key   // objects below it are read
	events int
	types  map[string]bool // of events, up to mostTypes
}

// watched is a view whose fields are looked for.
type watched struct {
	name   view.Name
	types  []string
	paths  []event.Path
	column int // of the first path; each path has two, its own and that of the object that it is in
	events int
	seen   []bool
	beside []map[string]bool // per path, the fields that the object around it has
	warned bool              // that no event has one of types
}

func newWatcher(objects archive.Archive, codec *event.Codec, definitions []view.Definition) *watcher {
	w := &watcher{archive: objects, codec: codec, from: archive.FirstEvent, types: map[string]bool{}}
	columns := []event.Path{{"type"}}
	for _, d := range definitions {
		paths, types := d.Reads()
		v := &watched{name: d.Name, types: types, paths: paths, column: len(columns), seen: make([]bool, len(paths))}
		for _, path := range paths {
			around := path[:len(path)-1]
			if len(around) == 0 {
				around = event.Path{"data"} // an extension attribute: a field of data may be meant
			}
			columns = append(columns, path, around)
			v.beside = append(v.beside, map[string]bool{})
		}
		if len(paths) > 0 || types != nil {
			w.views = append(w.views, v)
		}
	}
	w.fields = event.NewFields(columns)
	return w
}

// look reads some more events, and returns a sentence for each field that a view reads and that no event had, and for
// each type that is likely misspelt. A view is checked once: after its first 1,000 events, or at the archive's end if
// it has at least 20.
func (w *watcher) look(ctx context.Context) ([]string, error) {
	if len(w.views) == 0 {
		return nil, nil
	}
	objects, _, err := w.archive.List(ctx, w.from, archive.EndOfEvents, objectsAtOnce)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	for _, object := range objects {
		body, _, err := w.archive.Get(ctx, object.Key)
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", object.Key, err)
		}
		lines, err := w.codec.Decompress(nil, body)
		if err != nil {
			return nil, fmt.Errorf("decompress %s: %w", object.Key, err)
		}
		b, err := w.fields.NewBatch(lines)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", object.Key, err)
		}
		w.count(b)
		w.from = object.Key.After()
	}
	return w.finish(len(objects) < objectsAtOnce), nil
}

func (w *watcher) count(b *event.Batch) {
	for row := range b.Len() {
		kind, _ := b.Text(b.Columns[0][row], nil)
		w.events++
		if len(w.types) < mostTypes {
			w.types[string(kind)] = true
		}
		for _, v := range w.views {
			if v.events < mostWatched && (v.types == nil || slices.Contains(v.types, string(kind))) {
				v.count(b, row)
			}
		}
	}
}

func (v *watched) count(b *event.Batch, row int) {
	v.events++
	for i := range v.paths {
		own, around := b.Columns[v.column+2*i][row], b.Columns[v.column+2*i+1][row]
		if own.Kind != event.Missing {
			v.seen[i] = true
		}
		if v.seen[i] || around.Kind != event.Object || len(v.beside[i]) > 100 {
			continue
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(b.Raw(around), &members) == nil {
			for name := range members {
				v.beside[i][name] = true
			}
		}
	}
}

// finish takes the views out that have seen enough. ended: the archive has no more events now.
func (w *watcher) finish(ended bool) (warnings []string) {
	w.views = slices.DeleteFunc(w.views, func(v *watched) bool {
		if v.events == 0 && (w.events >= mostWatched || ended && w.events >= fewestWatched) {
			warnings = append(warnings, w.warnOfTypes(v)...)
		}
		if v.events < mostWatched && (!ended || v.events < fewestWatched) {
			return false
		}
		for i, path := range v.paths {
			if !v.seen[i] {
				warnings = append(warnings, v.warning(path, slices.Sorted(maps.Keys(v.beside[i]))))
			}
		}
		return true
	})
	return warnings
}

// warnOfTypes returns a sentence, once, for each type that the view names, when no event has any of them. It names the
// type that is most likely meant, or else the types that events have.
func (w *watcher) warnOfTypes(v *watched) (warnings []string) {
	if v.warned {
		return nil
	}
	v.warned = true
	for _, named := range v.types {
		seen := slices.Sorted(maps.Keys(w.types))
		text := fmt.Sprintf("view %s: none of the first %d events had type %q; ", v.name, w.events, named)
		if near := spelling.Nearest(named, seen); near != "" {
			warnings = append(warnings, text+fmt.Sprintf("some have %q", near))
		} else {
			warnings = append(warnings, text+"their types are "+listed(seen))
		}
	}
	return warnings
}

// mostListed bounds the types that a warning names.
const mostListed = 5

// listed names the first of some types, quoted, and counts the others.
func listed(types []string) string {
	var all []string
	for _, kind := range types[:min(len(types), mostListed)] {
		all = append(all, fmt.Sprintf("%.60q", kind))
	}
	text := strings.Join(all, ", ")
	if more := len(types) - mostListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (v *watched) warning(path event.Path, beside []string) string {
	written := strings.Join(path, ".")
	if path[0] != "data" {
		written = "ext." + written
	}
	text := fmt.Sprintf("view %s: none of the first %d events had %s", v.name, v.events, written)
	if near := spelling.Nearest(path[len(path)-1], beside); near != "" {
		around := path[:len(path)-1]
		if len(around) == 0 {
			around = event.Path{"data"}
		}
		text += fmt.Sprintf("; they have %s.%s", strings.Join(around, "."), near)
	}
	return text
}
