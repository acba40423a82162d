package serving

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

// query is what was asked.
type query struct {
	program *view.Program
	values  []string // of the key fields, in the definition's order
	key     view.Key

	from, to            *time.Time
	first, end          view.Window // half-open; only with from and to
	firstPage, lastPage view.Page   // both included

	total, parts bool
}

// The parameters that are no key fields.
const (
	paramFrom  = "from"
	paramTo    = "to"
	paramTotal = "total"
	paramParts = "parts"
)

func parse(p *view.Program, parameters map[string][]string) (query, error) {
	q := query{program: p, firstPage: view.FirstPage, lastPage: view.LastPage}
	for _, name := range sorted(parameters) {
		if n := len(parameters[name]); n > 1 {
			return q, badParameter(name, "%s is given %d times; give it once", name, n)
		}
	}
	err := q.parseKey(parameters)
	if err == nil {
		err = q.parseRange(parameters)
	}
	if err == nil {
		q.total, err = parseBool(parameters, paramTotal)
	}
	if err == nil {
		q.parts, err = parseBool(parameters, paramParts)
	}
	return q, err
}

func badParameter(name, format string, args ...any) error {
	return &ParameterError{Parameter: name, Detail: fmt.Sprintf(format, args...)}
}

func (q *query) parseKey(parameters map[string][]string) error {
	var fields []string
	for _, f := range q.program.Definition.Key {
		fields = append(fields, f.Field)
	}
	allowed := append(slices.Clone(fields), paramFrom, paramTo, paramTotal, paramParts)
	for _, name := range sorted(parameters) {
		if !slices.Contains(allowed, name) {
			return badParameter(name, "unknown parameter %.80q; view %s takes %s", name, q.program.Definition.Name, strings.Join(allowed, ", "))
		}
	}
	for _, field := range fields {
		values, ok := parameters[field]
		if !ok {
			return badParameter(field, "key field %s is missing; view %s needs %s", field, q.program.Definition.Name, strings.Join(fields, ", "))
		}
		q.values = append(q.values, values[0])
	}
	q.key = view.EncodeKey(q.values)
	return nil
}

func sorted(parameters map[string][]string) []string {
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (q *query) parseRange(parameters map[string][]string) error {
	var err error
	if q.from, err = parseTime(parameters, paramFrom); err != nil {
		return err
	}
	if q.to, err = parseTime(parameters, paramTo); err != nil {
		return err
	}
	if q.from != nil && q.to != nil && !q.from.Before(*q.to) {
		return badParameter(paramFrom, "from is not before to: windows are those that start in [from, to)")
	}
	if q.from != nil {
		q.first = q.program.FirstWindowFrom(*q.from)
		q.firstPage = q.program.PageOf(q.first)
	}
	if q.to != nil {
		q.end = q.program.FirstWindowFrom(*q.to)
		// Where no window starts in the range, one page is read in vain: stores take no range that ends before it begins.
		q.lastPage = max(q.firstPage, q.program.PageOf(q.end-1))
	}
	return nil
}

func parseTime(parameters map[string][]string, name string) (*time.Time, error) {
	values, ok := parameters[name]
	if !ok {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, values[0])
	if err != nil {
		return nil, badParameter(name, "%s=%.60q is not a time; write it as RFC 3339, for example 2015-05-17T10:00:00Z", name, values[0])
	}
	return &t, nil
}

func parseBool(parameters map[string][]string, name string) (bool, error) {
	values, ok := parameters[name]
	if !ok {
		return false, nil
	}
	switch values[0] {
	case "true", "":
		return true, nil
	case "false":
		return false, nil
	}
	return false, badParameter(name, "%s=%.60q; write true or false", name, values[0])
}

// wants says whether a window was asked for.
func (q *query) wants(w view.Window) bool {
	return (q.from == nil || w >= q.first) && (q.to == nil || w < q.end)
}
