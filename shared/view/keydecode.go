package view

import (
	"encoding/binary"
	"unicode/utf8"
)

// DecodeKey returns the values of an encoded key, in the order of the definition's key fields. whole reports that these
// are all values. A shortened key gives the values that are complete in its stored beginning, then the start of the cut
// value, up to a whole character. Of invalid bytes, DecodeKey returns what it can read, and whole is false.
func DecodeKey(key Key) (values []string, whole bool) {
	rest, whole := string(key), len(key) != shortenedKey && len(key) <= maxKey
	if len(key) == shortenedKey {
		rest = rest[:keptOfKey]
	}
	for rest != "" {
		length, size := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		if size <= 0 {
			return values, false
		}
		rest = rest[size:]
		if length > uint64(len(rest)) {
			return append(values, wholeCharacters(rest)), false
		}
		values, rest = append(values, rest[:length]), rest[length:]
	}
	return values, whole
}

// wholeCharacters returns a text that was cut somewhere without the partial character at its end.
func wholeCharacters(cut string) string {
	for back := 1; back < utf8.UTFMax && back <= len(cut); back++ {
		if last := cut[len(cut)-back:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRuneInString(last) {
				return cut[:len(cut)-back]
			}
			break
		}
	}
	return cut
}
