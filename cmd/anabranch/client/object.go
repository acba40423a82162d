package client

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object with its members in the server's order. null and an absent object are nil.
type Object []Member

// Member is one member of an Object. Value is its JSON text as the server sent it, so a number keeps all its digits.
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
		return fmt.Errorf("found %s, want an object or null", start.Kind())
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

// MarshalJSONTo writes the members unchanged and in order; nil as null.
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

// Encode returns the object as JSON: the members unchanged and in order. Errors: a value is not JSON.
func (o Object) Encode() ([]byte, error) { return json.Marshal(o) }

func readMember(dec *jsontext.Decoder) (Member, error) {
	name, err := dec.ReadToken()
	if err != nil {
		return Member{}, err
	}
	m := Member{Name: name.String()} // the next read invalidates the token
	value, err := dec.ReadValue()
	if err != nil {
		return Member{}, err
	}
	m.Value = value.Clone()
	return m, nil
}

// Find returns the value of the named member.
func (o Object) Find(name string) (jsontext.Value, bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return nil, false
}

// Text returns the value for a reader: a string without its quotes, anything else as its JSON text.
func (m Member) Text() string { return text(m.Value) }

// Object returns the value as an object; nil if it is none.
func (m Member) Object() Object {
	var o Object
	if m.Value.Kind() != '{' || json.Unmarshal(m.Value, &o) != nil {
		return nil
	}
	return o
}

// Objects returns the elements of the value; false if it is no array of objects.
func (m Member) Objects() (list []Object, ok bool) {
	if m.Value.Kind() != '[' || json.Unmarshal(m.Value, &list) != nil {
		return nil, false
	}
	return list, true
}

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
	if err != nil { // only a value that no decoder has checked
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
