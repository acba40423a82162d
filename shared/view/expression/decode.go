package expression

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/anabranch/anabranch/shared/event"
)

// number is a JSON number as CEL has it: an integer when its text is one that fits into 64 bits, else a double.
type number struct {
	isInt bool
	i     int64
	f     float64
}

// parseNumber reads the text of a JSON number. A double out of range is an infinity, which compares as the number would.
func parseNumber(text []byte) number {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) > 18 {
		return parseLongNumber(text)
	}
	var n int64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return parseLongNumber(text)
		}
		n = n*10 + int64(c)
	}
	if len(digits) < len(text) {
		n = -n
	}
	return number{isInt: true, i: n}
}

func parseLongNumber(text []byte) number {
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return number{isInt: true, i: i}
	}
	// The text is a JSON number, so its range is all that can be wrong, and f is then infinite.
	f, _ := strconv.ParseFloat(string(text), 64)
	return number{f: f}
}

// value is the number as the CEL interpreter takes it.
func (n number) value() any {
	if n.isInt {
		return n.i
	}
	return n.f
}

// decode makes the Go value that the CEL interpreter takes for a JSON value: nil, bool, int64, float64, string, []any or map[string]any. It is not
// ok when the text is not JSON: then the object in the archive is damaged.
func decode(b *event.Batch, v event.Value) (value any, ok bool) {
	switch v.Kind {
	case event.String:
		text, _ := b.Text(v, nil)
		return string(text), true
	case event.Number:
		return parseNumber(b.Raw(v)).value(), true
	}
	raw := b.Raw(v)
	// No event has a name twice in one object; to look for it again would only cost time.
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true))
	value, err := readValue(d)
	return value, err == nil && d.InputOffset() == int64(len(raw))
}

// readValue reads the next value. Its recursion is as deep as jsontext lets a value nest.
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
	object := map[string]any{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		if object[text], err = readValue(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return object, err
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
