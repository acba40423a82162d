// Package cases runs the tests of a views file: it folds the events of each test and compares rows and skips.
//
// Place in the flow: anabranch views test prints the results.
package cases

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/examples"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// Result is how one test ended.
type Result struct {
	Name     string
	Failures []viewfile.Problem // each difference, at its place in the file of tests; empty: it passed
}

// Run runs the tests one after another.
//
// Errors: the definitions do not compile. Not retryable.
func Run(definitions []view.Definition, all []viewfile.Case) ([]Result, error) {
	results := make([]Result, len(all))
	for i, c := range all {
		failures, err := run(definitions, c)
		if err != nil {
			return nil, fmt.Errorf("test %q: %w", c.Name, err)
		}
		results[i] = Result{c.Name, failures}
	}
	return results, nil
}

func run(definitions []view.Definition, c viewfile.Case) ([]viewfile.Problem, error) {
	var text [][]byte
	for _, e := range c.Events {
		text = append(text, e.JSON)
	}
	lines, rejected, err := examples.Lines(bytes.Join(text, []byte("\n")), c.Arrival)
	if err != nil {
		return nil, err
	}
	var d differences
	for _, r := range rejected {
		d.note(c.Events[r.Index].At, "ingest would reject this event: %s", r.Detail)
	}
	if len(rejected) > 0 {
		return d, nil
	}
	views, err := fold.Lines(definitions, lines)
	if err != nil {
		return nil, err
	}
	for _, expected := range c.Expect {
		i := slices.IndexFunc(views, func(v fold.View) bool { return v.Definition.Name == expected.View })
		d.compareRows(views[i], expected)
		d.compareSkips(views[i], expected)
	}
	return d, nil
}

// differences are what a test finds.
type differences []viewfile.Problem

func (d *differences) note(at viewfile.Problem, format string, args ...any) {
	at.Text = fmt.Sprintf(format, args...)
	*d = append(*d, at)
}

func (d *differences) compareRows(got fold.View, want viewfile.Expected) {
	matched := make([]bool, len(got.Rows))
	for _, w := range want.Rows {
		name := rowName(got.Definition, w.Key, w.Window)
		i := slices.IndexFunc(got.Rows, func(r fold.Row) bool {
			return slices.Equal(r.Key, w.Key) && r.Start.Equal(w.Window)
		})
		switch {
		case i < 0:
			d.note(w.At, "%s: there is no such row%s", name, nearMiss(got, w))
			continue
		case matched[i]:
			d.note(w.At, "%s: the test expects this row twice", name)
			continue
		}
		matched[i] = true
		d.compareValues(got, got.Rows[i], w, name)
	}
	for i, r := range got.Rows {
		if !matched[i] {
			d.note(want.At, "%s: the test does not expect this row; it has %s", rowName(got.Definition, r.Key, r.Start),
				valuesOf(got.Definition, r))
		}
	}
}

func (d *differences) compareValues(v fold.View, got fold.Row, want viewfile.ExpectedRow, name string) {
	for _, w := range want.Values {
		i := slices.IndexFunc(v.Definition.Aggregates, func(a view.Aggregate) bool { return a.Name == w.Name })
		if !agrees(w.JSON, got.Values[i]) {
			d.note(want.At, "%s: %s is %s, want %s", name, w.Name, got.Values[i], w.JSON)
		}
	}
}

// nearMiss says why there may be no such row: a time that begins no window, or a key in other windows.
func nearMiss(got fold.View, want viewfile.ExpectedRow) string {
	var windows []string
	for _, r := range got.Rows {
		switch {
		case !slices.Equal(r.Key, want.Key):
		case want.Window.After(r.Start) && want.Window.Before(r.End):
			return fmt.Sprintf("; the window of that time begins at %s", r.Start.Format(time.RFC3339))
		default:
			windows = append(windows, r.Start.Format(time.RFC3339))
		}
	}
	if len(windows) == 0 {
		return ""
	}
	const most = 5
	if more := len(windows) - most; more > 0 {
		windows = append(windows[:most], fmt.Sprintf("%d more", more))
	}
	return "; this key has rows at " + strings.Join(windows, ", ")
}

func (d *differences) compareSkips(got fold.View, want viewfile.Expected) {
	matched := make([]bool, len(got.Skips))
	for _, w := range want.Skipped {
		i := slices.IndexFunc(got.Skips, func(s view.Skip) bool { return s.Name == w.Place && s.Reason.String() == w.Reason })
		if i < 0 {
			d.note(w.At, "%s: no event is skipped at %s (%s)", want.View, w.Place, w.Reason)
			continue
		}
		if matched[i] = true; got.Skips[i].Events != w.Events {
			d.note(w.At, "%s: events skipped at %s (%s): %d, want %d", want.View, w.Place, w.Reason, got.Skips[i].Events,
				w.Events)
		}
	}
	for i, s := range got.Skips {
		if !matched[i] {
			d.note(want.At, "%s: events skipped at %s (%s): %d, want none; for example the event with id %q", want.View,
				s.Name, s.Reason, s.Events, s.ID)
		}
	}
}

// rowName names a row: page_views {path: "/"} at 2015-05-17T10:00:00Z.
func rowName(d view.Definition, key []string, start time.Time) string {
	parts := make([]string, min(len(key), len(d.Key)))
	for i := range parts {
		parts[i] = fmt.Sprintf("%s: %q", d.Key[i].Field, key[i])
	}
	return fmt.Sprintf("%s {%s} at %s", d.Name, strings.Join(parts, ", "), start.Format(time.RFC3339))
}

// valuesOf lists the values of a row: views: 1, bytes: 20.
func valuesOf(d view.Definition, r fold.Row) string {
	parts := make([]string, len(r.Values))
	for i, value := range r.Values {
		parts[i] = d.Aggregates[i].Name + ": " + value
	}
	return strings.Join(parts, ", ")
}
