package client

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object whose members stand in the order in which the server sent them. null and absent are nil.
type Object []Member

// Member is one member of an Object. Value is its JSON text as sent, so that a number keeps all its digits.
type Member struct {
	Name  string
	Value jsontext.Value
}

// UnmarshalJSONFrom reads one object, or null.
func (o *Object) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	start, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch start.Kind() {
	case 'n':
		*o = nil
		return nil
	case '{':
	default:
		return fmt.Errorf("%s stands where an object or null is expected", start.Kind())
	}
	members := Object{}
	for dec.PeekKind() != '}' {
		m, err := readMember(dec)
		if err != nil {
			return err
		}
		members = append(members, m)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	*o = members
	return nil
}

// MarshalJSONTo writes the members as they are, in their order; nil as null.
func (o Object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if o == nil {
		return enc.WriteToken(jsontext.Null)
	}
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range o {
		if err := enc.WriteToken(jsontext.String(m.Name)); err != nil {
			return err
		}
		if err := enc.WriteValue(m.Value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func readMember(dec *jsontext.Decoder) (Member, error) {
	name, err := dec.ReadToken()
	if err != nil {
		return Member{}, err
	}
	m := Member{Name: name.String()} // before the next read, which ends the token's life
	value, err := dec.ReadValue()
	if err != nil {
		return Member{}, err
	}
	m.Value = value.Clone()
	return m, nil
}

// Find is the value of the member of that name.
func (o Object) Find(name string) (jsontext.Value, bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return nil, false
}

// Text is the value for a reader: a string without its quotes, anything else as its JSON text.
func (m Member) Text() string { return text(m.Value) }

// Text is a JSON value for a reader: a string without its quotes, "" for null, anything else as its JSON text.
type Text string

// UnmarshalJSONFrom reads any one value.
func (t *Text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if *t = ""; value.Kind() != 'n' {
		*t = Text(text(value))
	}
	return nil
}

func text(value jsontext.Value) string {
	if value.Kind() != '"' {
		return string(value)
	}
	unquoted, err := jsontext.AppendUnquote(nil, value)
	if err != nil { // only for a value that no decoder has seen
		return string(value)
	}
	return string(unquoted)
}

func decodeObject(body []byte) (Object, error) {
	var o Object
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, err
	}
	return o, nil
}
