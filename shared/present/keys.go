package present

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Keys is the answer to a request for the keys of a view.
type Keys struct {
	View       view.Name              `json:"view"`
	Generation lifecycle.GenerationID `json:"generation"`
	Definition view.Hash              `json:"definition"`
	Keys       []Object               `json:"keys"`
	Next       *string                `json:"next"` // cursor of the next page; nil after the last
	Warnings   []string               `json:"warnings"`
}

// NewKeys returns the answer of a page of keys.
func NewKeys(page serving.KeyPage) Keys {
	k := Keys{
		View: page.View.Name, Generation: page.Generation.ID, Definition: page.Generation.Definition,
		Keys: make([]Object, len(page.Keys)), Warnings: page.Warnings,
	}
	for i, key := range page.Keys {
		k.Keys[i] = Key(page.Program.Definition.Key, key.Values)
	}
	if page.Next != "" {
		k.Next = &page.Next
	}
	return k
}

// The parameters of a request for keys that are no key fields.
const (
	paramPrefix = "prefix"
	paramOrder  = "order"
	paramLimit  = "limit"
	paramCursor = "cursor"
)

func keysParameters() []string { return []string{paramPrefix, paramOrder, paramLimit, paramCursor} }

// DefaultKeys and MostKeys are the keys of a page: where no limit is given, and at most.
const (
	DefaultKeys = 100
	MostKeys    = 1000
)

// ParseKeys reads a request for the keys of a view. A key field is key.NAME, and also NAME where the request has no
// parameter of that name. A field may appear several times: then it may have any of the values.
//
// Errors: *serving.ParameterError; not retryable.
func ParseKeys(name view.Name, query map[string][]string) (serving.KeySelection, error) {
	s := serving.KeySelection{View: name, Filter: serving.KeyFilter{Limit: DefaultKeys}}
	var err error
	if s.Filter.Fields, err = keyFields(query, keysParameters()); err != nil {
		return s, err
	}
	for _, parameter := range keysParameters() {
		if values, ok := query[parameter]; ok {
			if err := setKeys(&s, parameter, values[0]); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// setKeys sets what one parameter says.
func setKeys(s *serving.KeySelection, parameter, value string) error {
	switch parameter {
	case paramPrefix:
		s.Filter.Prefix = value
	case paramCursor:
		s.Cursor = value
	case paramOrder:
		if value != "key" && value != "-key" {
			return badParameter(paramOrder, "unknown order=%.60q; write key, or -key for the greatest key first", value)
		}
		s.Filter.Down = value == "-key"
	case paramLimit:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > MostKeys {
			return badParameter(paramLimit, "limit=%.60q; write a number from 1 to %d", value, MostKeys)
		}
		s.Filter.Limit = n
	}
	return nil
}

// UnknownKeysParameter returns the error for a request for keys that names a key field which the view does not have.
func UnknownKeysParameter(e *serving.FieldError) *serving.ParameterError {
	var takes []string
	for _, field := range e.Fields {
		if slices.Contains(keysParameters(), field) {
			field = keyPrefix + field
		}
		takes = append(takes, field)
	}
	return &serving.ParameterError{Parameter: e.Field, Detail: fmt.Sprintf("unknown parameter %.80q; %sview %s takes %s",
		e.Field, meant(e.Field, append(takes, keysParameters()...)), e.View,
		strings.Join(append(takes, keysParameters()...), ", "))}
}
