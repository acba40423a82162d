package aggregate

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"strings"
)

// MaxText is the most bytes of the text of a scalar that a state keeps: of first, last and top. A row with a longer one
// is skipped, as TooLarge.
const MaxText = 256

// value is a scalar that a state keeps.
type value struct {
	kind ScalarKind
	text string
}

// maxValueBytes is the most that value.appendEncoded appends.
const maxValueBytes = 2 + MaxText

// compare orders values by kind and then by text.
func (v *value) compare(o *value) int {
	if v.kind != o.kind {
		return cmp.Compare(v.kind, o.kind)
	}
	return strings.Compare(v.text, o.text)
}

// appendEncoded appends the length of the text times four plus the kind, and the text.
func (v value) appendEncoded(dst []byte) []byte {
	return append(appendValueHead(dst, v.kind, len(v.text)), v.text...)
}

func appendValueHead(dst []byte, kind ScalarKind, length int) []byte {
	return binary.AppendUvarint(dst, uint64(length)<<2|uint64(kind))
}

// readValue reads a value. Its text is bytes of enc.
func readValue(enc []byte, of tag) (kind ScalarKind, text, rest []byte, err error) {
	if len(enc) > 0 && enc[0] < 0x80 && ScalarKind(enc[0]&3) == String && int(enc[0]>>2) < len(enc) { // as most are
		end := 1 + int(enc[0]>>2)
		return String, enc[1:end], enc[end:], nil
	}
	head, rest, err := readCount(enc, of, "length of a value")
	if err != nil {
		return 0, nil, nil, err
	}
	kind, length := ScalarKind(head&3), head>>2
	switch {
	case length > MaxText:
		return 0, nil, nil, corrupt(of, "value of %d bytes: maximum is %d", length, MaxText)
	case length > int64(len(rest)):
		return 0, nil, nil, corrupt(of, "the encoding ends inside a value")
	}
	text, rest = rest[:length], rest[length:]
	if !isTextOf(kind, text) {
		return 0, nil, nil, corrupt(of, "value %q of kind %d: no text of this kind", text, kind)
	}
	return kind, text, rest, nil
}

// isTextOf reports whether a scalar of this kind can have this text.
func isTextOf(kind ScalarKind, text []byte) bool {
	switch kind {
	case String:
		return true
	case Bool:
		return string(text) == "true" || string(text) == "false"
	case Number:
		_, ok := scanNumeral(text)
		return ok
	}
	return false
}

// appendJSON appends the value as JSON.
func (v value) appendJSON(dst []byte) []byte {
	if v.kind != String {
		return append(dst, v.text...)
	}
	buffer := bytes.NewBuffer(dst)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v.text); err != nil {
		panic(err) // a string always has JSON
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}
