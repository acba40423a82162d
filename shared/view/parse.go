package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

const (
	maxFile       = 1 << 20 // bytes
	maxViews      = 100
	maxExpression = 2000 // characters, of a description too
	maxReported   = 50   // problems

	viewExample    = "- name: page_views"
	keyExample     = "key: {path: data.path}, or key: {} for one row per window"
	numbersExample = "aggregates: {views: count()}"
)

func viewFields() []string {
	return []string{"name", "description", "architecture", "where", "key", "window", "aggregates"}
}

// Parse reads all views of a views file, which the problems call file.
//
// Shape:  a definition per view, in the order of the file; each compiles.
// Errors: Problems, all that are wrong with it, each with its place; at most 50.
func Parse(file string, text []byte) ([]Definition, error) {
	l, err := newLanguage()
	if err != nil {
		return nil, err
	}
	r := &fileReader{file: file, language: l, read: &columns{}, names: map[string]position{}}
	var definitions []Definition
	if root := r.document(text); root != nil {
		definitions = r.views(root)
	}
	if len(r.problems) > 0 {
		return nil, r.sorted()
	}
	return definitions, nil
}

// fileReader reads one views file.
type fileReader struct {
	file     string
	language *language
	read     *columns // of no use later; expressions are compiled to find what is wrong with them
	lines    [][]rune
	problems Problems
	names    map[string]position // of the views so far
}

// note notes a problem, at a place that the file has: the YAML library puts what is not there beyond the end.
func (r *fileReader) note(at position, format string, args ...any) {
	if len(r.lines) > 0 {
		at.line = min(at.line, len(r.lines))
		at.column = min(at.column, len(r.lines[at.line-1])+1)
	}
	r.problems = append(r.problems, Problem{r.file, at.line, at.column, fmt.Sprintf(format, args...)})
}

// noteAll notes the faults of an expression or another scalar.
func (r *fileReader) noteAll(s scalar, faults []fault) {
	for _, f := range faults {
		r.note(r.locate(s, f.at), "%s", f.text)
	}
}

func (r *fileReader) sorted() Problems {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return position{a.Line, a.Column}.compare(position{b.Line, b.Column})
	})
	if more := len(r.problems) - maxReported; more > 0 {
		last := r.problems[maxReported]
		last.Text = fmt.Sprintf("and %d problems more; mend the ones above first", more)
		return append(r.problems[:maxReported:maxReported], last)
	}
	return r.problems
}

func (r *fileReader) views(root ast.Node) []Definition {
	entries, ok := r.mapping(root, "a views file", "views:", []string{"views"})
	if !ok {
		return nil
	}
	list, found := find(entries, "views")
	if !found {
		r.note(positionOf(root), "there is no views list; begin the file with views:")
		return nil
	}
	items, ok := list.value.(*ast.SequenceNode)
	if !ok || len(items.Values) == 0 {
		r.note(list.at, "views has to be a list of at least one view; write for example %s", viewExample)
		return nil
	}
	var definitions []Definition
	for i, item := range items.Values {
		if i == maxViews {
			r.note(positionOf(item), "there are %d views; at most %d are taken", len(items.Values), maxViews)
			break
		}
		definitions = append(definitions, r.view(item))
	}
	return definitions
}

func (r *fileReader) view(item ast.Node) Definition {
	entries, ok := r.mapping(item, "a view", viewExample, viewFields())
	if !ok {
		return Definition{}
	}
	d := Definition{
		Name:         r.name(entries, positionOf(item)),
		Description:  r.optional(entries, "description", "description: Requests per hour, or leave it out").text,
		Architecture: r.architecture(entries),
		Where:        r.where(entries),
		Window:       r.window(entries, positionOf(item)),
	}
	for _, e := range r.parts(entries, "key", keyExample, maxKeyFields, positionOf(item)) {
		d.Key = append(d.Key, r.keyField(e))
	}
	for _, e := range r.parts(entries, "aggregates", numbersExample, maxAggregates, positionOf(item)) {
		d.Aggregates = append(d.Aggregates, r.aggregate(e))
	}
	return d
}

func (r *fileReader) name(entries []entry, view position) Name {
	s, ok := r.required(entries, "name", viewExample, view)
	if !ok {
		return ""
	}
	r.noteAll(s, checkName("the name of a view", s.text))
	if first, twice := r.names[s.text]; twice {
		r.note(s.at, "the view %q is there twice, first at %d:%d; names have to differ", shorten(s.text), first.line, first.column)
	} else {
		r.names[s.text] = s.at
	}
	return Name(s.text)
}

func (r *fileReader) architecture(entries []entry) Architecture {
	s := r.optional(entries, "architecture", "architecture: kappa, or leave it out")
	a := Architecture(s.text)
	if s.node == nil || s.text == Lambda.String() {
		return Lambda
	}
	r.noteAll(s, checkArchitecture(a))
	return a
}

func (r *fileReader) where(entries []entry) string {
	s := r.optional(entries, "where", "where: data.status < 400, or leave it out")
	if s.node == nil || r.tooLong(s) {
		return ""
	}
	_, faults := compileWhere(r.language, s.text, r.read)
	r.noteAll(s, faults)
	return s.text
}

func (r *fileReader) window(entries []entry, view position) time.Duration {
	s, ok := r.required(entries, "window", "window: 1h", view)
	if !ok {
		return 0
	}
	window, faults := parseWindow(s.text)
	r.noteAll(s, faults)
	return window
}

func (r *fileReader) keyField(e entry) KeyField {
	r.noteAll(scalar{at: e.at}, checkFieldName(e.name))
	s, ok := r.scalar(e, e.name+": data.path")
	if !ok || r.tooLong(s) {
		return KeyField{}
	}
	_, faults := compileKey(r.language, s.text, r.read)
	r.noteAll(s, faults)
	return KeyField{e.name, s.text}
}

func (r *fileReader) aggregate(e entry) Aggregate {
	r.noteAll(scalar{at: e.at}, checkName("the name of an aggregate", e.name))
	s, ok := r.scalar(e, e.name+": count()")
	if !ok || r.tooLong(s) {
		return Aggregate{}
	}
	call, faults := r.language.aggregate(s.text)
	if len(faults) == 0 {
		call.compile(r.read)
	}
	r.noteAll(s, faults)
	return Aggregate{e.name, s.text}
}

func (r *fileReader) tooLong(s scalar) bool {
	n := len([]rune(s.text))
	if n > maxExpression {
		r.note(s.at, "the text has %d characters; at most %d are taken", n, maxExpression)
	}
	return n > maxExpression
}

// parts reads the entries of a view's key or aggregates. An empty key is one; empty aggregates are not.
func (r *fileReader) parts(entries []entry, name, example string, most int, view position) []entry {
	e, found := find(entries, name)
	if !found {
		r.note(view, "the view has no %s; write for example %s", name, example)
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
		r.note(parts[most].at, "%s has %d fields; at most %d are taken", name, len(parts), most)
		return nil
	}
	return parts
}

// required reads a scalar that every view has.
func (r *fileReader) required(entries []entry, name, example string, view position) (scalar, bool) {
	e, found := find(entries, name)
	if !found {
		r.note(view, "the view has no %s; write for example %s", name, example)
		return scalar{}, false
	}
	return r.scalar(e, example)
}

// optional reads a scalar that a view may have; without a node: it has none, or not a good one.
func (r *fileReader) optional(entries []entry, name, example string) scalar {
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
