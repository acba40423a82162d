package present

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// Query is the meaning of a query string: what to read, and how to present it.
type Query struct {
	Selection serving.Selection
	Parts     bool // also present the two halves of each row
	Format    Format

	asked string // all parameters, in one order
}

// keyPrefix before the name of a key field makes a parameter that is never another one: key.from.
const keyPrefix = "key."

// The parameters that are no key fields.
const (
	paramFrom   = "from"
	paramTo     = "to"
	paramStep   = "step"
	paramZone   = "tz"
	paramFill   = "fill"
	paramTotal  = "total"
	paramParts  = "parts"
	paramValues = "values"
	paramFormat = "format"
	paramGroup  = "group_by"
)

func parameters() []string {
	return []string{
		paramFrom, paramTo, paramStep, paramZone, paramFill, paramTotal, paramParts, paramValues, paramFormat, paramGroup,
		paramOrder, paramLimit, paramCursor,
	}
}

// wholeRange is the step that merges all windows of a group.
const wholeRange = "all"

// ParseParameters reads the query string of a URL.
//
// Errors: *serving.ParameterError; not retryable.
func ParseParameters(raw string) (url.Values, error) {
	parameters, err := url.ParseQuery(raw)
	if err == nil {
		return parameters, nil
	}
	if escape := url.EscapeError(""); errors.As(err, &escape) {
		return nil, badParameter("", "the query string has the invalid escape %q; write a %% that is part of a value "+
			"as %%25", string(escape))
	}
	if !strings.Contains(raw, ";") {
		return nil, badParameter("", "the query string cannot be read: %v", err)
	}
	return nil, badParameter("", "the query string has a semicolon; separate parameters with &, and write a ; that is "+
		"part of a value as %%3B")
}

// Parse reads a query of a view: its parameters and the Accept header, which chooses the format when no parameter does.
// A key field is key.NAME, and also NAME where the interface does not define a parameter of that name; it may appear
// several times. The serving layer checks the fields against the view. now is what "now" and "-24h" mean.
//
// Errors: *serving.ParameterError; not retryable.
func Parse(name view.Name, query map[string][]string, accept string, now time.Time) (Query, error) {
	q := Query{Selection: serving.Selection{View: name}, Format: accepted(accept), asked: askedIn(query)}
	var err error
	if q.Selection.Key, err = keyFields(query, parameters()); err != nil {
		return q, err
	}
	if err := q.parseTimes(query, now); err != nil {
		return q, err
	}
	if err := q.parseGroups(query); err != nil {
		return q, err
	}
	err = q.parseRest(query)
	return q, err
}

// keyFields returns the values of the key fields that a query string names. A key field is key.NAME, and also NAME
// where the request has no parameter of that name (own). The request's own parameters may appear once.
func keyFields(query map[string][]string, own []string) (map[string][]string, error) {
	fields := map[string][]string{}
	for _, parameter := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[parameter] {
			if !utf8.ValidString(value) {
				return nil, badParameter(parameter, "%s=%.60q is not UTF-8; in a URL, write é as %%C3%%A9", parameter, value)
			}
		}
		field, prefixed := strings.CutPrefix(parameter, keyPrefix)
		if !prefixed && slices.Contains(own, parameter) {
			if n := len(query[parameter]); n > 1 {
				return nil, badParameter(parameter, "%s appears %d times; write it once", parameter, n)
			}
			continue
		}
		if _, twice := fields[field]; twice {
			return nil, badParameter(field, "%s and key.%[1]s are the same key field; write one of them", field)
		}
		fields[field] = distinct(query[parameter])
	}
	return fields, nil
}

// askedIn returns all parameters but the format, in one order.
func askedIn(query map[string][]string) string {
	asked := maps.Clone(url.Values(query))
	delete(asked, paramFormat)
	return asked.Encode()
}

// parseTimes reads the range, and the steps into which it is divided.
func (q *Query) parseTimes(query map[string][]string, now time.Time) (err error) {
	s := &q.Selection
	zone := time.UTC
	if name, ok := query[paramZone]; ok {
		if zone, err = calendar.LoadZone(name[0]); err != nil {
			return badParameter(paramZone, "tz=%.60q %w", name[0], err)
		}
		s.Zone = zone
	}
	if text, ok := query[paramStep]; ok && text[0] == wholeRange {
		s.Whole = true
	} else if ok {
		if s.Step, err = calendar.ParseStep(text[0]); err != nil {
			return badParameter(paramStep, "step=%.60q %w", text[0], err)
		}
	}
	if s.From, err = parseTime(query, paramFrom, now, zone); err != nil {
		return err
	}
	s.To, err = parseTime(query, paramTo, now, zone)
	return err
}

func (q *Query) parseRest(query map[string][]string) (err error) {
	s := &q.Selection
	if s.Fill, err = parseBool(query, paramFill); err != nil {
		return err
	}
	if s.Total, err = parseBool(query, paramTotal); err != nil {
		return err
	}
	if q.Parts, err = parseBool(query, paramParts); err != nil {
		return err
	}
	s.Parts = q.Parts
	if names, ok := query[paramValues]; ok {
		if s.Values, err = parseValues(names[0]); err != nil {
			return err
		}
	}
	if values, ok := query[paramFormat]; ok {
		if q.Format, ok = formatOf(values[0]); !ok {
			return badParameter(paramFormat, "unknown format=%.60q; write %s", values[0], orList(formatNames()))
		}
	}
	if s.Total && q.Format.rowsOnly {
		return badParameter(paramTotal, "%s has no total, since its rows are windows; use JSON for a total",
			strings.ToUpper(q.Format.Name))
	}
	return nil
}

// maxValues is the maximum number of names in the parameter values.
const maxValues = 100

// parseValues reads a list of aggregates and readings. The serving layer finds them in the view.
func parseValues(text string) ([]string, error) {
	names := strings.Split(text, ",")
	if len(names) > maxValues {
		return nil, badParameter(paramValues, "values has %d names; the maximum is %d", len(names), maxValues)
	}
	for i, name := range names {
		if names[i] = strings.TrimSpace(name); names[i] == "" {
			return nil, badParameter(paramValues, "values=%.60q has an empty name; write aggregates with commas between "+
				"them, as in values=views,latency.p99", text)
		}
	}
	return names, nil
}

// UnknownParameter returns the error for a query string that names a key field which the view does not have.
func UnknownParameter(e *serving.FieldError) *serving.ParameterError {
	fields := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		fields[i] = keyParameter(field)
	}
	takes := strings.Join(slices.Concat(fields, parameters()), ", ")
	if slices.Contains(parameters(), e.Field) {
		return &serving.ParameterError{Parameter: e.Field, Detail: fmt.Sprintf("view %s has no key field %q; it takes %s",
			e.View, e.Field, takes)}
	}
	return &serving.ParameterError{
		Parameter: e.Field, Detail: fmt.Sprintf("unknown parameter %.80q; %sview %s takes %s", e.Field,
			meant(e.Field, slices.Concat(fields, parameters())), e.View, takes),
	}
}

// meant asks whether an unknown parameter is a misspelt one; empty: it resembles none.
func meant(name string, known []string) string {
	if near := spelling.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q? ", near)
	}
	return ""
}

// keyParameter returns the shortest parameter that names a key field.
func keyParameter(field string) string {
	if slices.Contains(parameters(), field) {
		return keyPrefix + field
	}
	return field
}

// orList returns "a, b or c".
func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func badParameter(name, format string, args ...any) error {
	return &serving.ParameterError{Parameter: name, Detail: fmt.Errorf(format, args...).Error()}
}

func parseTime(query map[string][]string, name string, now time.Time, zone *time.Location) (*time.Time, error) {
	values, ok := query[name]
	if !ok {
		return nil, nil
	}
	text := values[0]
	moment, err := calendar.ParseMoment(text)
	switch {
	case err != nil && hasSpaceForPlus(text):
		return nil, badParameter(name, "%s=%.60q has a space in place of the + of its offset; write + as %%2B in a URL", name,
			text)
	case err != nil:
		return nil, badParameter(name, "%s=%.60q %w", name, text, err)
	}
	t := moment.At(now, zone)
	return &t, nil
}

// hasSpaceForPlus reports whether text is a time but for a space: in a URL, a + that is not escaped is one.
func hasSpaceForPlus(text string) bool {
	at := strings.LastIndexByte(text, ' ')
	if at < 0 {
		return false
	}
	_, ok := event.ParseInstant(text[:at] + "+" + text[at+1:])
	return ok
}

func parseBool(query map[string][]string, name string) (bool, error) {
	values, ok := query[name]
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
