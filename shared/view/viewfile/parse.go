package viewfile

import (
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

const (
	maxFile       = 1 << 20 // bytes
	maxViews      = 100
	maxExpression = 2000 // characters of an expression, and of a description
	maxReported   = 50   // problems in one report

	viewExample    = "- name: page_views"
	keyExample     = "key: {path: data.path}, or key: {} for one row per window"
	numbersExample = "aggregates: {views: count()}"
)

// Parse reads all views of a views file. file is the name that problems show.
//
// Shape: one definition per view, in the order of the file; each compiles.
// Errors: Problems: all problems with their places, at most 50. Not retryable.
func Parse(file string, text []byte) ([]view.Definition, error) {
	located, err := ParseLocated(file, text)
	if err != nil {
		return nil, err
	}
	definitions := make([]view.Definition, len(located))
	for i, l := range located {
		definitions[i] = l.Definition
	}
	return definitions, nil
}

// Located is a definition with the places of its parts in the file.
type Located struct {
	view.Definition

	reader *reader
	at     places
}

// Problem returns a problem of a part of the definition: at a character of its text, counted from 0.
func (l Located) Problem(part view.Place, at int, text string) Problem {
	place := l.reader.locate(l.at[part], at)
	return Problem{l.reader.file, place.line, place.column, text}
}

// ParseLocated is Parse, and keeps where the parts of each definition stand. Shape, Errors: as Parse.
func ParseLocated(file string, text []byte) ([]Located, error) {
	r := &reader{file: file, list: "views", names: map[string]position{}}
	var located []Located
	if root := r.document(text); root != nil {
		located = r.views(root)
	}
	if len(r.problems) > 0 {
		return nil, r.sorted()
	}
	return located, nil
}

// reader reads one file.
type reader struct {
	file     string
	list     string // what the file lists: "views"
	lines    [][]rune
	problems Problems
	names    map[string]position // of the views so far
}

// places holds where the parts of a definition stand in the file. A part that is missing, or that already has a
// problem, has no place.
type places map[view.Place]scalar

// note records a problem, at a place that exists in the file. For missing text, the YAML library reports a place beyond
// the end.
func (r *reader) note(at position, format string, args ...any) {
	if len(r.lines) > 0 {
		at.line = min(at.line, len(r.lines))
		at.column = min(at.column, len(r.lines[at.line-1])+1)
	}
	r.problems = append(r.problems, Problem{r.file, at.line, at.column, fmt.Sprintf(format, args...)})
}

// check records what is wrong with a definition, each fault where its part stands. A fault of a part without a place
// follows from a problem of the view that is already recorded: the part is missing, or its text is not an expression or
// window. If there is none, the view itself is the place. So no file passes with a definition that does not compile.
func (r *reader) check(d view.Definition, at places, item position, before int) {
	faults := view.Check(d)
	for _, f := range faults {
		if s, ok := at[f.Place]; ok {
			r.note(r.locate(s, f.At), "%s", f.Text)
		}
	}
	if len(r.problems) > before {
		return
	}
	for _, f := range faults {
		r.note(item, "%s", f.Text)
	}
}

func (r *reader) sorted() Problems {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return position{a.Line, a.Column}.compare(position{b.Line, b.Column})
	})
	if more := len(r.problems) - maxReported; more > 0 {
		last := r.problems[maxReported]
		last.Text = fmt.Sprintf("and %d more problems; fix the ones above first", more)
		return append(r.problems[:maxReported:maxReported], last)
	}
	return r.problems
}

func (r *reader) views(root ast.Node) []Located {
	items := r.items(root, "a views file", viewExample)
	var located []Located
	for i, item := range items {
		if i == maxViews {
			r.note(positionOf(item), "there are %d views; the maximum is %d", len(items), maxViews)
			break
		}
		located = append(located, r.view(item))
	}
	return located
}

func (r *reader) view(item ast.Node) Located {
	before := len(r.problems)
	entries, ok := r.mapping(item, "a view", viewExample, viewFields())
	if !ok {
		return Located{}
	}
	at := places{}
	d := view.Definition{
		Name:         r.name(entries, positionOf(item), at),
		Description:  r.optional(entries, "description", "description: Requests per hour, or leave it out").text,
		Architecture: r.architecture(entries, at),
		Where:        r.where(entries, at),
		Window:       r.window(entries, positionOf(item), at),
	}
	for i, e := range r.parts(entries, "key", keyExample, view.MaxKeyFields, positionOf(item)) {
		at[view.Place{Part: view.KeyNamePart, Index: i}] = scalar{at: e.at}
		expr := r.expression(e, "data.path", at, view.Place{Part: view.KeyPart, Index: i})
		d.Key = append(d.Key, view.KeyField{Field: e.name, Expr: expr})
	}
	if rollups := r.rollups(entries, at); len(d.Key) > 0 || r.hasKey(entries) {
		d.Rollups = rollups
	}
	if e, ok := find(entries, "aggregates"); ok {
		at[view.Place{Part: view.StatePart}] = scalar{at: e.at}
	}
	for i, e := range r.parts(entries, "aggregates", numbersExample, view.MaxAggregates, positionOf(item)) {
		at[view.Place{Part: view.AggregateNamePart, Index: i}] = scalar{at: e.at}
		expr := r.expression(e, "count()", at, view.Place{Part: view.AggregatePart, Index: i})
		d.Aggregates = append(d.Aggregates, view.Aggregate{Name: e.name, Expr: expr})
	}
	r.check(d, at, positionOf(item), before)
	r.distinguish(d.Name, at)
	return Located{d, r, at}
}

// hasKey reports whether a view has a key that is a mapping. Without one, nothing can be said of its roll-ups.
func (r *reader) hasKey(entries []entry) bool {
	e, _ := find(entries, "key")
	_, ok := e.value.(*ast.MappingNode)
	return ok
}

func (r *reader) name(entries []entry, item position, at places) view.Name {
	s, ok := r.required(entries, "name", viewExample, item)
	if ok {
		at[view.Place{Part: view.NamePart}] = s
	}
	return view.Name(s.text)
}

// distinguish records a problem when an earlier view has the same name.
func (r *reader) distinguish(name view.Name, at places) {
	s, ok := at[view.Place{Part: view.NamePart}]
	if !ok {
		return
	}
	if first, twice := r.names[s.text]; twice {
		r.note(s.at, "the view %q appears twice, first at %d:%d; names must be unique",
			spelling.Shorten(s.text), first.line, first.column)
	} else {
		r.names[s.text] = s.at
	}
}

func (r *reader) architecture(entries []entry, at places) view.Architecture {
	s := r.optional(entries, "architecture", "architecture: kappa, or leave it out")
	if s.node == nil || s.text == view.Lambda.String() {
		return view.Lambda
	}
	at[view.Place{Part: view.ArchitecturePart}] = s
	return view.Architecture(s.text)
}

func (r *reader) where(entries []entry, at places) string {
	s := r.optional(entries, "where", "where: data.status < 400, or leave it out")
	switch {
	case s.node == nil || r.tooLong(s):
		return ""
	case s.text == "":
		// In a definition an empty text means no filter. In a file it is a filter that somebody forgot to write.
		r.note(r.locate(s, 0), "the expression is empty; write for example data.path")
		return ""
	}
	at[view.Place{Part: view.WherePart}] = s
	return s.text
}

func (r *reader) window(entries []entry, item position, at places) time.Duration {
	s, ok := r.required(entries, "window", "window: 1h", item)
	if !ok {
		return 0
	}
	window, problem := parseWindow(s.text)
	if problem != "" {
		r.note(r.locate(s, 0), "%s", problem)
		return 0
	}
	at[view.Place{Part: view.WindowPart}] = s
	return window
}

// expression reads the expression of a key field or of an aggregate at the given place of the definition.
func (r *reader) expression(e entry, example string, at places, place view.Place) string {
	s, ok := r.scalar(e, e.name+": "+example)
	if !ok || r.tooLong(s) {
		return ""
	}
	at[place] = s
	return s.text
}

func (r *reader) tooLong(s scalar) bool {
	n := len([]rune(s.text))
	if n > maxExpression {
		r.note(s.at, "the text has %d characters; the maximum is %d", n, maxExpression)
	}
	return n > maxExpression
}

// parts reads the entries of a view's key or aggregates. A key may be empty; aggregates may not.
func (r *reader) parts(entries []entry, name, example string, most int, item position) []entry {
	e, found := find(entries, name)
	if !found {
		r.note(item, "the view has no %s; write for example %s", name, example)
		return nil
	}
	if isEmpty(e.value) {
		r.note(e.at, "%s is empty; write for example %s", name, example)
		return nil
	}
	parts, ok := r.mapping(e.value, name, example, nil)
	if ok && len(parts) == 0 && name == "aggregates" {
		r.note(e.at, "%s is empty; write for example %s", name, example)
	}
	if len(parts) > most {
		r.note(parts[most].at, "%s has %d fields; the maximum is %d", name, len(parts), most)
		return nil
	}
	return parts
}

// required reads a scalar that every view must have.
func (r *reader) required(entries []entry, name, example string, item position) (scalar, bool) {
	e, found := find(entries, name)
	if !found {
		r.note(item, "the view has no %s; write for example %s", name, example)
		return scalar{}, false
	}
	return r.scalar(e, example)
}

// optional reads a scalar that a view may have. The result has no node when the scalar is missing or invalid.
func (r *reader) optional(entries []entry, name, example string) scalar {
	e, found := find(entries, name)
	if !found {
		return scalar{}
	}
	s, ok := r.scalar(e, example)
	if !ok || name == "description" && r.tooLong(s) {
		return scalar{}
	}
	return s
}
