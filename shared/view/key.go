package view

import "slices"

// MaxKey is the maximum length of an encoded key in bytes. A view skips an event whose key is longer, as
// aggregate.TooLarge. So a key can be written as the partition key of an item, and as the sort key of an entry.
//
// Source: docs/design.md 5; DynamoDB Developer Guide, limits of partition keys and sort keys.
const MaxKey = 900

// These bytes stand for themselves nowhere in an encoded key.
const (
	endOfValue = 0 // comes after each value
	escape     = 1 // comes before each byte 0 or 1 of a value, which is written one higher
)

// Key is the values of a key in the order of the definition's key fields. The byte 0 comes after each value. Within a
// value, the bytes 0 and 1 are written as 1 1 and 1 2. So different keys have different encodings, and the order of
// the encodings, byte by byte, is the order of the values: by the first value, then by the second, and so on.
type Key string

// EncodeKey encodes a key from the texts of its values. The key may be longer than MaxKey: then no view has it.
func EncodeKey(values []string) Key {
	var b []byte
	for _, value := range values {
		start := len(b)
		b = endValue(append(b, value...), start)
	}
	return Key(b)
}

// KeyPrefix returns the bytes with which the encoding of every key begins that has these first values, and then a value
// that begins with a text.
func KeyPrefix(values []string, text string) Key {
	b := []byte(EncodeKey(values))
	start := len(b)
	b = endValue(append(b, text...), start)
	return Key(b[:len(b)-1])
}

// endValue turns the text from start on into an encoded value, in place where it can.
func endValue(key []byte, start int) []byte {
	if slices.ContainsFunc(key[start:], isEscaped) {
		text := slices.Clone(key[start:])
		key = key[:start]
		for _, c := range text {
			if isEscaped(c) {
				key = append(key, escape)
				c++
			}
			key = append(key, c)
		}
	}
	return append(key, endOfValue)
}

func isEscaped(c byte) bool { return c <= escape }
