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

// Selection says which windows of a key to read: those that start in [From, To). It names the key fields, so it fits
// every definition of the view with the same fields.
type Selection struct {
	View     view.Name
	Key      map[string]string // one text for each field of the key or of a roll-up: {"path": "/favicon.ico"}
	From, To *time.Time        // nil: no bound
	Total    bool              // also merge all windows into one row

	Step calendar.Step  // merge the windows of each step into one row; zero: a row for each window
	Zone *time.Location // of the steps, and of the times of an answer; nil: UTC
	Fill bool           // also return rows for windows, or steps, without events
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

// span is where the states of a selection are stored: the key, the pages and the windows.
type span struct {
	subset              view.Subset // that has exactly the fields of the selection
	values              []string    // of the subset's fields, in the key's order
	key                 view.Key
	from, to            *time.Time
	first, end          view.Window // half-open; read only where from and to are not nil
	firstPage, lastPage view.Page   // both included

	step calendar.Steps // the Step is zero where each window is a row
	fill bool
}

// everything returns the span of all windows of a key.
func everything(key view.Key) span {
	return span{key: key, firstPage: view.FirstPage, lastPage: view.LastPage}
}

// locate finds where a program keeps what a selection asks for. Errors: *FieldError, *ParameterError.
func locate(p *view.Program, s Selection) (span, error) {
	subset, values, err := keyValues(p.Definition, s.Key)
	if err != nil {
		return span{}, err
	}
	if field, long := tooLong(p.Definition, subset, values); long {
		return span{}, &ParameterError{field, fmt.Sprintf(
			"key field %s makes the key longer than %d bytes: a view skips such events as too large", field, view.MaxValues)}
	}
	at := everything(p.KeyOf(subset, values))
	at.subset, at.values, at.from, at.to = subset, values, inUTC(s.From), inUTC(s.To)
	at.step, at.fill = calendar.Steps{Step: s.Step, Zone: s.zone()}, s.Fill
	if fault := checkStep(p, s.Step); fault != "" {
		return at, &ParameterError{"step", fault}
	}
	if s.From != nil && s.To != nil && !s.From.Before(*s.To) {
		return at, &ParameterError{"from", "from must be before to: an answer has the windows that start in [from, to)"}
	}
	if s.From != nil {
		at.first = p.FirstWindowFrom(*s.From)
		at.firstPage = p.PageOf(at.first)
	}
	if s.To != nil {
		at.end = p.FirstWindowFrom(*s.To)
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

// keyValues finds the subset that has exactly the fields of a key, and puts their values into the key's order.
func keyValues(d view.Definition, key map[string]string) (view.Subset, []string, error) {
	given, fields := slices.Sorted(maps.Keys(key)), d.FieldNames(view.FullKey)
	for _, field := range given {
		if !slices.Contains(fields, field) {
			return 0, nil, &FieldError{View: d.Name, Field: field, Fields: fields}
		}
	}
	plan, _ := d.PlanKeys(given, nil) // the full key has all fields
	if plan.Merges {
		return 0, nil, missingField(d, fields, given)
	}
	values := []string{}
	for _, field := range d.FieldNames(plan.Subset) {
		values = append(values, key[field])
	}
	return plan.Subset, values, nil
}

// missingField says which field a key lacks, and which roll-up would make it unnecessary.
func missingField(d view.Definition, fields, given []string) error {
	isGiven := func(field string) bool { return slices.Contains(given, field) }
	missing := slices.DeleteFunc(slices.Clone(fields), isGiven)
	rollup := slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return !isGiven(field) })
	return &ParameterError{missing[0], fmt.Sprintf("key field %s is missing; view %s needs %s, or the roll-up %s in its "+
		"definition", missing[0], d.Name, strings.Join(fields, ", "), view.WriteFields(rollup))}
}

// tooLong returns the field that makes a key longer than a view takes.
func tooLong(d view.Definition, subset view.Subset, values []string) (field string, long bool) {
	for i := range values {
		if len(view.EncodeKey(values[:i+1])) > view.MaxValues {
			return d.FieldNames(subset)[i], true
		}
	}
	return "", false
}

// includes reports whether a window is in the span.
func (s *span) includes(w view.Window) bool {
	return (s.from == nil || w >= s.first) && (s.to == nil || w < s.end)
}
