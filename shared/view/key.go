package view

import "slices"

// MaxValues is the maximum length of the encoded values of a key in bytes. A view skips an event whose values are
// longer, as aggregate.TooLarge. MaxKey is that of an encoded key, which may begin with the number of a subset. So a
// key can be written as the partition key of an item, and as the sort key of an entry.
//
// Source: docs/design.md 5; DynamoDB Developer Guide, limits of partition keys and sort keys.
const (
	MaxValues = 900
	MaxKey    = 1 + MaxValues
)

// These bytes stand for themselves nowhere in an encoded key.
const (
	endOfValue = 0 // comes after each value
	escape     = 1 // comes before each byte 0 or 1 of a value, which is written one higher
)

// Key is the values of a key in the order of the definition's key fields. The byte 0 comes after each value. Within a
// value, the bytes 0 and 1 are written as 1 1 and 1 2. So different keys have different encodings, and the order of
// the encodings, byte by byte, is the order of the values: by the first value, then by the second, and so on.
//
// Where the definition has roll-ups, one byte comes before the values: the number of the key's Subset.
type Key string

// KeyOf encodes a key of a definition: the values of a subset's fields. The values may be longer than MaxValues:
// then no view has the key.
func (d Definition) KeyOf(s Subset, values []string) Key {
	return d.subsetPrefix(s) + EncodeKey(values)
}

// PrefixOf returns the bytes with which the encoding of every key of a subset begins that has these first values, and
// then a value that begins with a text.
func (d Definition) PrefixOf(s Subset, values []string, text string) Key {
	return d.subsetPrefix(s) + KeyPrefix(values, text)
}

// subsetPrefix returns what comes before the values of the keys of a subset.
func (d Definition) subsetPrefix(s Subset) Key {
	if len(d.Rollups) == 0 {
		return ""
	}
	return Key([]byte{byte(s)})
}

// ValuesOf returns the subset of a key, and the values of its fields. ok is false for bytes that KeyOf does not return
// for the definition.
func (d Definition) ValuesOf(key Key) (s Subset, values []string, ok bool) {
	if len(d.Rollups) > 0 {
		if key == "" || int(key[0]) >= d.Subsets() {
			return FullKey, nil, false
		}
		s, key = Subset(key[0]), key[1:]
	}
	values, ok = DecodeKey(key)
	return s, values, ok && len(values) == len(d.Fields(s))
}

// EncodeKey encodes the texts of a key's values: the whole key of a definition without roll-ups.
func EncodeKey(values []string) Key {
	var b []byte
	for _, value := range values {
		start := len(b)
		b = endValue(append(b, value...), start)
	}
	return Key(b)
}

// KeyPrefix returns the bytes with which the encoding of all values begins that has these first values, and then a
// value that begins with a text.
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
