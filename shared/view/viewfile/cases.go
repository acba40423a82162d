package viewfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

const (
	caseExample   = "- name: a page without a status"
	eventExample  = "- {type: web.request, time: 2015-05-17T10:05:03Z, data: {path: /}}"
	expectExample = "expect: {page_views: {rows: [...]}}"
	rowExample    = "- {key: {path: /}, window: 2015-05-17T10:00:00Z, values: {views: 1}}"
	skipExample   = "- {place: key.path, reason: missing, events: 1}"
)

// defaultArrival is when the events of a case arrive that does not say so.
func defaultArrival() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Case is one test of a views file: events, and what views must have after them.
type Case struct {
	At      Problem // its place, without a text
	Name    string
	Arrival time.Time
	Events  []CaseEvent
	Expect  []Expected
}

// CaseEvent is one event of a case. What an event needs and the file leaves out is filled in: specversion "1.0", the
// source "test", and as id the number of the event in its case, from 1.
type CaseEvent struct {
	At   Problem // its place, without a text
	JSON []byte
}

// Expected is what one view must have: all its rows, and all that it skips.
type Expected struct {
	At      Problem // its place, without a text
	View    view.Name
	Rows    []ExpectedRow
	Skipped []ExpectedSkip
}

// ExpectedRow is one row. Aggregates that it does not name may have any value.
type ExpectedRow struct {
	At     Problem // its place, without a text
	Key    []string
	Window time.Time       // its start
	Values []ExpectedValue // some aggregates of the view
}

// ExpectedValue is the value of an aggregate, as JSON.
type ExpectedValue struct{ Name, JSON string }

// ExpectedSkip is the events that a view cannot use at a place, such as "where" or "key.path", for a reason.
type ExpectedSkip struct {
	At            Problem // its place, without a text
	Place, Reason string
	Events        int64
}

// ParseCases reads the tests of a views file. definitions are those of the views file.
//
// Shape: in the order of the file.
// Errors: Problems, as Parse. Not retryable.
func ParseCases(file string, text []byte, definitions []view.Definition) ([]Case, error) {
	r := &caseReader{reader: reader{file: file, list: "tests"}, definitions: map[string]view.Definition{}}
	for _, d := range definitions {
		r.definitions[string(d.Name)] = d
	}
	var cases []Case
	if root := r.document(text); root != nil {
		for _, item := range r.items(root, "a file of tests", caseExample) {
			cases = append(cases, r.oneCase(item))
		}
	}
	if len(r.problems) > 0 {
		return nil, r.sorted()
	}
	return cases, nil
}

// caseReader reads one file of tests.
type caseReader struct {
	reader
	definitions map[string]view.Definition
}

func (r *caseReader) place(at position) Problem { return Problem{r.file, at.line, at.column, ""} }

func (r *caseReader) oneCase(item ast.Node) Case {
	entries, ok := r.mapping(item, "a test", caseExample, []string{"name", "arrival", "events", "expect"})
	if !ok {
		return Case{}
	}
	at := positionOf(item)
	c := Case{At: r.place(at), Arrival: defaultArrival()}
	if name, ok := r.needed(entries, "name", "a test", caseExample, at); ok {
		c.Name = name.text
	}
	if arrival, ok := find(entries, "arrival"); ok {
		c.Arrival = r.time(arrival)
	}
	if events, ok := r.neededEntry(entries, "events", "a test", eventExample, at); ok {
		for _, node := range r.sequence(events, eventExample) {
			c.Events = append(c.Events, r.event(node, len(c.Events)+1))
		}
	}
	if expect, ok := r.neededEntry(entries, "expect", "a test", expectExample, at); ok {
		c.Expect = r.expectations(expect)
	}
	return c
}

// event reads an event, and fills in what it leaves out.
func (r *caseReader) event(node ast.Node, number int) CaseEvent {
	at := positionOf(node)
	entries, ok := r.mapping(node, "an event", eventExample, nil)
	if !ok {
		return CaseEvent{}
	}
	members := []string{}
	for _, given := range []struct{ name, json string }{
		{"specversion", `"1.0"`}, {"id", fmt.Sprintf(`"%d"`, number)}, {"source", `"test"`},
	} {
		if _, ok := find(entries, given.name); !ok {
			members = append(members, quoteJSON(given.name)+":"+given.json)
		}
	}
	for _, e := range entries {
		members = append(members, quoteJSON(e.name)+":"+r.json(e.value))
	}
	return CaseEvent{r.place(at), []byte("{" + strings.Join(members, ",") + "}")}
}

func (r *caseReader) expectations(e entry) (all []Expected) {
	entries, ok := r.mapping(e.value, "expect", expectExample, nil)
	if ok && len(entries) == 0 {
		r.note(e.at, "expect is empty; write for example %s", expectExample)
	}
	for _, one := range entries {
		d, known := r.definitions[one.name]
		if !known {
			names := make([]string, 0, len(r.definitions))
			for name := range r.definitions {
				names = append(names, name)
			}
			slices.Sort(names)
			r.note(one.at, "unknown view %q; %s", spelling.Shorten(one.name), spelling.Suggest(one.name, "views", names))
			continue
		}
		fields, ok := r.mapping(one.value, one.name, "rows: []", []string{"rows", "skipped"})
		if !ok {
			continue
		}
		expected := Expected{At: r.place(one.at), View: d.Name}
		if rows, ok := find(fields, "rows"); ok {
			for _, node := range r.sequence(rows, rowExample) {
				expected.Rows = append(expected.Rows, r.row(node, d))
			}
		}
		if skipped, ok := find(fields, "skipped"); ok {
			for _, node := range r.sequence(skipped, skipExample) {
				expected.Skipped = append(expected.Skipped, r.skip(node))
			}
		}
		all = append(all, expected)
	}
	return all
}

func (r *caseReader) row(node ast.Node, d view.Definition) ExpectedRow {
	entries, ok := r.mapping(node, "a row", rowExample, []string{"key", "window", "values"})
	if !ok {
		return ExpectedRow{}
	}
	at := positionOf(node)
	row := ExpectedRow{At: r.place(at)}
	if window, ok := r.neededEntry(entries, "window", "a row", "window: 2015-05-17T10:00:00Z", at); ok {
		row.Window = r.time(window)
	}
	row.Key = r.key(entries, d, at)
	values, ok := r.neededEntry(entries, "values", "a row", "values: {views: 1}", at)
	if !ok {
		return row
	}
	names := make([]string, len(d.Aggregates))
	for i, a := range d.Aggregates {
		names[i] = a.Name
	}
	list, _ := r.mapping(values.value, "values", "values: {views: 1}", names)
	for _, e := range list {
		row.Values = append(row.Values, ExpectedValue{e.name, r.json(e.value)})
	}
	return row
}

// key reads the values of a row's key, in the order of the definition.
func (r *caseReader) key(entries []entry, d view.Definition, row position) []string {
	var given []entry
	fields := make([]string, len(d.Key))
	for i, k := range d.Key {
		fields[i] = k.Field
	}
	if e, ok := find(entries, "key"); ok {
		given, _ = r.mapping(e.value, "key", "key: {path: /}", fields)
	}
	values := make([]string, len(fields))
	for i, field := range fields {
		e, ok := find(given, field)
		if !ok {
			r.note(row, "the row has no key field %s; write for example key: {%[1]s: a}", field)
			continue
		}
		if s, ok := e.value.(*ast.StringNode); ok { // also an empty text, and one with spaces at its ends
			values[i] = s.Value
		} else if s, ok := r.scalar(e, field+": a"); ok {
			values[i] = s.text
		}
	}
	return values
}

func (r *caseReader) skip(node ast.Node) ExpectedSkip {
	entries, ok := r.mapping(node, "a skip", skipExample, []string{"place", "reason", "events"})
	if !ok {
		return ExpectedSkip{}
	}
	at := positionOf(node)
	skip := ExpectedSkip{At: r.place(at)}
	place, _ := r.needed(entries, "place", "a skip", skipExample, at)
	reason, _ := r.needed(entries, "reason", "a skip", skipExample, at)
	skip.Place, skip.Reason = place.text, reason.text
	events, ok := r.needed(entries, "events", "a skip", skipExample, at)
	n, err := strconv.ParseUint(events.text, 10, 32)
	if skip.Events = int64(n); ok && err != nil {
		r.note(events.at, "%q is not a number of events; write for example 1", spelling.Shorten(events.text))
	}
	return skip
}

func (r *caseReader) time(e entry) time.Time {
	s, ok := r.scalar(e, e.name+": 2015-05-17T10:00:00Z")
	if !ok {
		return time.Time{}
	}
	at, ok := event.ParseInstant(s.text)
	if !ok {
		r.note(s.at, "%q is not a time; write for example 2015-05-17T10:00:00Z", spelling.Shorten(s.text))
	}
	return at
}

func (r *caseReader) neededEntry(entries []entry, name, what, example string, at position) (entry, bool) {
	e, ok := find(entries, name)
	if !ok {
		r.note(at, "%s needs %s; write for example %s", what, name, example)
	}
	return e, ok
}

func (r *caseReader) needed(entries []entry, name, what, example string, at position) (scalar, bool) {
	e, ok := r.neededEntry(entries, name, what, example, at)
	if !ok {
		return scalar{}, false
	}
	return r.scalar(e, example)
}

// sequence reads a list, which may be empty.
func (r *caseReader) sequence(e entry, example string) []ast.Node {
	list, ok := e.value.(*ast.SequenceNode)
	if !ok {
		r.note(e.at, "%s must be a list; write for example %s", e.name, example)
		return nil
	}
	return list.Values
}
