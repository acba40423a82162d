package present

import (
	"encoding/json"
	"time"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Object is a JSON object whose members keep their order.
type Object []Member

// Member is one name with its value, as JSON text.
type Member struct {
	Name  string
	Value json.RawMessage
}

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), m.Value...)
	}
	return append(out, '}'), nil
}

// Key returns a key as a JSON object, with one text for each of the first fields of a definition. When the values are
// fewer than the fields, the last fields are left out.
func Key(fields []view.KeyField, values []string) Object {
	key := Object{}
	for i, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // a string always marshals
		}
		key = append(key, Member{Name: fields[i].Field, Value: text})
	}
	return key
}

// Time formats a time for answers: RFC 3339 in UTC, with as many digits as it needs.
func Time(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// timeOrNull formats a time; the zero time becomes null.
func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := Time(t)
	return &text
}

// timeIn formats a time in the zone of a selection.
func timeIn(t time.Time, s serving.Selection) string {
	if s.Zone == nil {
		return Time(t)
	}
	return calendar.FormatTime(t, s.Zone)
}

// bound formats an end of a range; nil becomes null.
func bound(t *time.Time, s serving.Selection) *string {
	if t == nil {
		return nil
	}
	text := timeIn(*t, s)
	return &text
}
