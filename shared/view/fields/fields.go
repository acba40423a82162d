// Package fields looks for the fields that views read in events. A field that no event has is most likely misspelt. A
// field without a usable value in any event, such as an array that is summed like a number, is most likely another one.
//
// Place in the flow: anabranch dev looks in the first events of its archive, anabranch views lint in a file of events.
package fields

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

const (
	mostTypes   = 100
	mostBesides = 1000 // events of a view from which the names of other fields are collected
)

// Watch looks for the fields of some views in batches of events. It is not safe for concurrent use.
type Watch struct {
	views  []*watched
	most   int           // events of a view's types that are enough
	fields *event.Fields // of all views; the type comes first
	events int
	types  map[string]bool // of events, up to mostTypes
}

// Warning says that no event had a field that a view reads, with a value that it can use, or a type that it names.
type Warning struct {
	View  view.Name
	Path  event.Path // the field; nil: it is of a type
	Type  string     // the type, if Path is nil
	Meant string     // the field that may be meant: data.path; empty: none is like it
	Found string     // what the field holds instead of a usable value: "an array"; empty: no event has the field
	Needs string     // what the field needs to hold, if Found is given: "a number"; empty: any value but null
	Text  string     // what no event had, and what may be meant
}

// watched is a view whose fields are looked for.
type watched struct {
	name   view.Name
	types  []string
	paths  []event.Path
	column int // of the first path; each path has two, its own and that of the object that it is in
	events int
	needs  []event.Kind      // per path, the kind of value that it needs to hold; Missing: any value but null
	found  []kinds           // per path, the kinds of value that it holds in any event
	beside []map[string]bool // per path, the fields that the object around it has
	others bool              // whether an event of another type came by
	warned bool              // that no event has one of types
}

// New returns a Watch over the fields of the definitions that they do not test for with has(). It looks for the fields
// of a view in the first events of its types, up to most.
func New(definitions []view.Definition, most int) *Watch {
	w := &Watch{most: most, types: map[string]bool{}}
	columns := []event.Path{{"type"}}
	for _, d := range definitions {
		paths, types := d.Reads()
		v := &watched{name: d.Name, types: types, paths: paths, column: len(columns), found: make([]kinds, len(paths))}
		for _, path := range paths {
			around := path[:len(path)-1]
			if len(around) == 0 {
				around = event.Path{"data"} // an extension attribute: a field of data may be meant
			}
			columns = append(columns, path, around)
			v.needs, v.beside = append(v.needs, d.KindNeeded(path)), append(v.beside, map[string]bool{})
		}
		if len(paths) > 0 || types != nil {
			w.views = append(w.views, v)
		}
	}
	w.fields = event.NewFields(columns)
	return w
}

// Fields reads the columns that a Watch looks at. Count only batches that these Fields scanned.
func (w *Watch) Fields() *event.Fields { return w.fields }

// Done reports whether every view is checked.
func (w *Watch) Done() bool { return len(w.views) == 0 }

// Count looks at the events of a batch.
func (w *Watch) Count(b *event.Batch) {
	for row := range b.Len() {
		kind, _ := b.Text(b.Columns[0][row], nil)
		w.events++
		if len(w.types) < mostTypes {
			w.types[string(kind)] = true
		}
		for _, v := range w.views {
			switch {
			case v.types != nil && !slices.Contains(v.types, string(kind)):
				v.others = true
			case v.events < w.most:
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
			v.found[i] |= 1 << own.Kind
		}
		if v.found[i] != 0 || around.Kind != event.Object || len(v.beside[i]) > 100 ||
			v.events > mostBesides {
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

// Finish takes out the views that have seen enough. It returns a warning for each field that a view reads and that no
// event had with a usable value, and for each type that is likely misspelt. A view has seen enough after the
// most events that New got. If there are no more events now (ended), fewest are enough.
func (w *Watch) Finish(ended bool, fewest int) (warnings []Warning) {
	w.views = slices.DeleteFunc(w.views, func(v *watched) bool {
		if v.events == 0 && (w.events >= w.most || ended && w.events >= fewest) {
			warnings = append(warnings, w.warnOfTypes(v)...)
		}
		if v.events < w.most && (!ended || v.events < fewest) {
			return false
		}
		for i, path := range v.paths {
			switch {
			case v.found[i] == 0:
				warnings = append(warnings, v.warning(path, slices.Sorted(maps.Keys(v.beside[i]))))
			case v.found[i]&usable(v.needs[i]) == 0:
				warnings = append(warnings, v.warnOfKinds(path, v.needs[i], v.found[i]))
			}
		}
		return true
	})
	return warnings
}

// warnOfTypes returns a warning, once, for each type that the view names, when no event has any of them. It names the
// type that is most likely meant, or else the types that events have.
func (w *Watch) warnOfTypes(v *watched) (warnings []Warning) {
	if v.warned {
		return nil
	}
	v.warned = true
	for _, named := range v.types {
		seen := slices.Sorted(maps.Keys(w.types))
		text := fmt.Sprintf("none of the first %d events had type %q; ", w.events, named)
		if near := spelling.Nearest(named, seen); near != "" {
			text += fmt.Sprintf("some have %q", near)
		} else {
			text += "their types are " + listed(seen)
		}
		warnings = append(warnings, Warning{View: v.name, Type: named, Text: text})
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

// none begins a warning: it says in how many events the view's fields were looked for.
func (v *watched) none() string {
	text := fmt.Sprintf("none of the first %d events", v.events)
	if v.others {
		text += " of its types"
	}
	return text
}

func (v *watched) warning(path event.Path, beside []string) Warning {
	w := Warning{View: v.name, Path: path}
	w.Text = fmt.Sprintf("%s had %s", v.none(), Written(path))
	if near := spelling.Nearest(path[len(path)-1], beside); near != "" {
		around := path[:len(path)-1]
		if len(around) == 0 {
			around = event.Path{"data"}
		}
		w.Meant = strings.Join(around, ".") + "." + near
		w.Text += "; they have " + w.Meant
	}
	return w
}

// kinds is a set of kinds of value, one bit each.
type kinds uint16

// usable returns the kinds of value that fit where one kind is needed, or where any value but null is (Missing).
func usable(needed event.Kind) kinds {
	if needed == event.Missing {
		return ^kinds(1 << event.Null)
	}
	return 1 << needed
}

// article names the kinds of a set: "a string or null".
func (k kinds) article() string {
	var all []string
	for kind := event.Array; kind > event.Missing; kind-- {
		if name := kind.Article(); k&(1<<kind) != 0 && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, " or ")
}

// warnOfKinds warns of a field that no event had with a usable value.
func (v *watched) warnOfKinds(path event.Path, needed event.Kind, found kinds) Warning {
	w := Warning{View: v.name, Path: path, Found: found.article()}
	if needed != event.Missing {
		w.Needs = needed.Article()
	}
	w.Text = fmt.Sprintf("%s had %s in %s, but %s", v.none(), cmp.Or(w.Needs, "a value"), Written(path), w.Found)
	if needed == event.Number && found&(1<<event.Array) != 0 {
		w.Meant = Written(path) + ".map(i, i.price)"
		w.Text += "; the sum over its elements is written for example " + w.Meant
	}
	return w
}

// Written returns a path as a definition writes it, if all its names are plain: data.user.name, ext.traceparent.
func Written(path event.Path) string {
	if path[0] != "data" {
		return "ext." + strings.Join(path, ".")
	}
	return strings.Join(path, ".")
}
