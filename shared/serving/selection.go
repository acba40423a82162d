package serving

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/view"
)

// Selection says which windows of which keys to read: those that start in [From, To). It names the key fields, so it
// fits every definition of the view with the same fields. With one value for each field and no Grouping, it selects one
// key; otherwise many, and each row belongs to a group of them.
type Selection struct {
	View     view.Name
	Key      map[string][]string // values of each key field: {"path": {"/favicon.ico"}}; a field left out may have any
	Accept   func([]string) bool // of many keys: whether to read one with these values of the subset's fields; nil: all
	From, To *time.Time          // nil: no bound
	Total    bool                // also merge all windows into one row; only for one key

	Step calendar.Step  // merge the windows of each step into one row; zero: a row for each window
	Zone *time.Location // of the steps, and of the times of an answer; nil: UTC
	Fill bool           // also return rows for windows, or steps, without events

	Values []string // aggregates and readings of the answer: {"views", "latency.p99.9"}; empty: all, as they list them

	Grouping
}

// zone returns the zone of the steps.
func (s Selection) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// ParameterError is an ErrBadParameter with the name of the wrong parameter: a key field, "from", "to", or one that a
// presenter adds.
type ParameterError struct{ Parameter, Detail string }

func (e *ParameterError) Error() string { return e.Detail }

// Unwrap makes it an ErrBadParameter.
func (e *ParameterError) Unwrap() error { return ErrBadParameter }

// FieldError is an ErrBadParameter: the selection names a key field that the view does not have.
type FieldError struct {
	View   view.Name
	Field  string
	Fields []string // fields that the view has
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("unknown key field %.80q; view %s has %s", e.Field, e.View, strings.Join(e.Fields, ", "))
}

// Unwrap makes it an ErrBadParameter.
func (e *FieldError) Unwrap() error { return ErrBadParameter }

// span is the windows of a selection, and the pages where they are stored.
type span struct {
	from, to            *time.Time
	first, end          view.Window // half-open; read only where from and to are not nil
	firstPage, lastPage view.Page   // both included

	step calendar.Steps // the Step is zero where each window is a row
	fill bool
}

// everything returns the span of all windows.
func everything() span { return span{firstPage: view.FirstPage, lastPage: view.LastPage} }

// locate returns the span of a selection's windows, without a key. Errors: *ParameterError.
func locate(p *view.Program, s Selection) (span, error) {
	at := everything()
	at.from, at.to = inUTC(s.From), inUTC(s.To)
	at.step, at.fill = calendar.Steps{Step: s.Step, Zone: s.zone()}, s.Fill
	if fault := checkStep(p, s.Step); fault != "" {
		return at, &ParameterError{"step", fault}
	}
	if s.From != nil && s.To != nil && !s.From.Before(*s.To) {
		return at, &ParameterError{"from", "from must be before to: an answer has the windows that start in [from, to)"}
	}
	first, last := p.Calendar()
	if s.From != nil {
		at.first = max(p.FirstWindowFrom(*s.From), first)
		at.firstPage = p.PageOf(at.first)
	}
	if s.To != nil {
		at.end = min(p.FirstWindowFrom(*s.To), last+1)
		// Where no window starts in the range, one page is read in vain: stores take no range that ends before it
		// begins.
		at.lastPage = max(at.firstPage, p.PageOf(at.end-1))
	}
	return at, nil
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// checkFields refuses key fields that are none of those that a view has.
func checkFields(name view.Name, fields []string, key map[string][]string) error {
	for _, field := range slices.Sorted(maps.Keys(key)) {
		if !slices.Contains(fields, field) {
			return &FieldError{View: name, Field: field, Fields: fields}
		}
	}
	return nil
}

// checkLength refuses values of fields that make a key longer than a view takes.
func checkLength(fields, values []string) error {
	for i := range values {
		if len(view.EncodeKey(values[:i+1])) > view.MaxValues {
			return &ParameterError{fields[i], fmt.Sprintf("key field %s makes the key longer than %d bytes: a view skips "+
				"such events as too large", fields[i], view.MaxValues)}
		}
	}
	return nil
}

// includes reports whether a window is in the span.
func (s *span) includes(w view.Window) bool {
	return (s.from == nil || w >= s.first) && (s.to == nil || w < s.end)
}
