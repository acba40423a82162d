package view

import (
	"encoding/binary"
	"unicode/utf8"
)

// DecodeKey returns the values of an encoded key, in the order of the definition's key fields. whole says that they are
// all there is: of a key that was too long, the values that stand whole in what was kept come first, and then the
// beginning of the one that was cut, up to a whole character. What is no encoded key is read as far as it is one, and
// not whole.
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

// wholeCharacters is a text that was cut somewhere, without the part of a character that it ends in.
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
