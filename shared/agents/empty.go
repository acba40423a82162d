package agents

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/api"
)

// Empty says why an answer has no rows.
type Empty struct {
	Kind   EmptyKind `json:"kind" jsonschema:"no_such_key, no_events, not_exact_yet, batch_late or no_views."`
	Detail string    `json:"detail"`
}

// EmptyKind is the reason for an answer without rows.
type EmptyKind string

// The reasons.
const (
	NoSuchKey   EmptyKind = "no_such_key"   // no event has ever had these values
	NoEvents    EmptyKind = "no_events"     // the range is covered, and has no event of these keys
	NotExactYet EmptyKind = "not_exact_yet" // the range is not covered yet: its events may still arrive
	BatchLate   EmptyKind = "batch_late"    // as NotExactYet, and batch is later than its settings explain
	NoViews     EmptyKind = "no_views"      // no view is deployed
)

// whyEmpty says why a query has no rows.
func (c call) whyEmpty(view string, a answer, parameters url.Values) (*Empty, error) {
	if asksKeys(parameters) {
		n, err := c.countKeys(view, parameters)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return &Empty{NoSuchKey, fmt.Sprintf("view %s has no key with these values; list_keys lists its keys", view)}, nil
		}
	}
	return whyNoRows(a), nil
}

// whyNoRows says why keys that exist have no rows.
func whyNoRows(a answer) *Empty {
	until := a.until()
	switch {
	case hasEnded(a):
		return &Empty{NoEvents, fmt.Sprintf("none: every event that arrived before %s is counted, and the range has ended "+
			"by then; a late event can still change this", until)}
	case isLate(a.Warnings):
		return &Empty{BatchLate, fmt.Sprintf("no event yet, and batch is late: it has counted what arrived before %s, and "+
			"speed shows later events only while it keeps up", until)}
	case until == "":
		return &Empty{NotExactYet, "no event yet; the server does not know yet up to when this is complete"}
	}
	return &Empty{NotExactYet, fmt.Sprintf("no event yet: the range ends after %s, before which every event is counted; "+
		"events of the range may still arrive", until)}
}

// whyNoKeys says why a list of keys is empty.
func (c call) whyNoKeys(d description, parameters url.Values) (*Empty, error) {
	if asksKeys(parameters) || parameters.Has("prefix") {
		n, err := c.countKeys(d.Name, nil)
		if err != nil {
			return nil, err
		}
		if n != 0 {
			return &Empty{NoSuchKey, fmt.Sprintf("view %s has no key with these values", d.Name)}, nil
		}
	}
	if isLate(d.Warnings) {
		return &Empty{BatchLate, "no event yet, and batch is late"}, nil
	}
	return &Empty{NoEvents, fmt.Sprintf("view %s has no event yet", d.Name)}, nil
}

func asksKeys(parameters url.Values) bool {
	for name := range parameters {
		if isKey(name) {
			return true
		}
	}
	return false
}

func isKey(parameter string) bool { return strings.HasPrefix(parameter, "key.") }

// hasEnded reports whether the range of an answer has ended by the time before which all events are counted.
func hasEnded(a answer) bool {
	if a.To == nil {
		return false
	}
	to, err := time.Parse(time.RFC3339, *a.To)
	if err != nil {
		return false
	}
	until, err := time.Parse(time.RFC3339, a.until())
	return err == nil && !to.After(until)
}

// isLate reports whether the API warns that batch is late.
func isLate(warnings []string) bool {
	for _, w := range warnings {
		if strings.HasPrefix(w, api.BatchIsLate) {
			return true
		}
	}
	return false
}
