package expression

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/anabranch/anabranch/shared/event"
)

// decode charges for the size of a JSON value, and decodes it.
func (m *meter) decode(b *event.Batch, v event.Value) (value any, ok bool) {
	m.charge(int(v.End-v.Start) >> decodeShift)
	return decode(b, v)
}

// decode returns the Go value that the CEL interpreter takes for a JSON value: nil, bool, int64, uint64, float64,
// string, []any or an object. ok is false when the text is not JSON; the object in the archive is then damaged.
func decode(b *event.Batch, v event.Value) (value any, ok bool) {
	switch v.Kind {
	case event.String:
		text, _ := b.Text(v, nil)
		return string(text), true
	case event.Number:
		return parseNumber(b.Raw(v)).value(), true
	}
	raw := b.Raw(v)
	// No event has a name twice in one object, so checking again would only cost time.
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true))
	value, err := readValue(d)
	return value, err == nil && d.InputOffset() == int64(len(raw))
}

// readValue reads the next value. jsontext limits how deep values nest, and so how deep this function recurses.
func readValue(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		return readObject(d)
	case '[':
		return readArray(d)
	case '"':
		return token.String(), nil
	case '0':
		return parseNumber([]byte(token.String())).value(), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

// readObject reads an object from after its opening brace.
func readObject(d *jsontext.Decoder) (any, error) {
	members := map[string]any{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		if members[text], err = readValue(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return newObject(members), err
}

// readArray reads an array from after its opening bracket.
func readArray(d *jsontext.Decoder) (any, error) {
	array := []any{}
	for d.PeekKind() != ']' {
		element, err := readValue(d)
		if err != nil {
			return nil, err
		}
		array = append(array, element)
	}
	_, err := d.ReadToken()
	return array, err
}
