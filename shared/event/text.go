package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// traits are what the scan learned about a JSON token.
type traits uint8

const (
	escaped traits = 1 << iota // a string has backslash escapes
	// a string means a control character: U+0000 to U+001F or U+007F to U+009F, raw or escaped
	control
	notUTF8       // a string is not UTF-8
	loneSurrogate // a string has a \u escape for half of a character
	tooWide       // a number passes a limit
	noncharacter  // a string means a code point that Unicode reserves for no character
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, by their highest bits, the bytes of a word that may need a closer look inside a string: quotes,
// backslashes, control characters, DEL and non-ASCII bytes. Only its lowest mark is certain; a carry may set those
// above.
func special(word uint64) uint64 {
	quote, slash := word^ones*'"', word^ones*'\\'
	return (word | (word + ones) | (word - ones*' ') | (quote - ones) | (slash - ones)) & highs
}

// closing returns the index after the quote that ends a string, or -1 when there is none. i is the index after the
// opening quote. It does not validate the string.
func closing(text []byte, i int) (end int, isEscaped bool) {
	for i+8 <= len(text) {
		word := binary.LittleEndian.Uint64(text[i:])
		quote, slash := word^ones*'"', word^ones*'\\'
		marks := ((quote - ones) &^ quote & highs) | ((slash - ones) &^ slash & highs)
		if marks == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(marks) / 8
		if text[i] == '"' {
			return i, isEscaped
		}
		i, isEscaped = i+2, true
	}
	for i < len(text) {
		switch text[i] {
		case '"':
			return i, isEscaped
		case '\\':
			i, isEscaped = i+2, true
		default:
			i++
		}
	}
	return -1, isEscaped
}

// appendUnescaped appends the meaning of a JSON string's text. Half a surrogate pair becomes U+FFFD, and an invalid
// escape stays unchanged; neither occurs in a line.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' || i+1 == len(raw) {
			dst = append(dst, raw[i])
			i++
			continue
		}
		if c, ok := simpleEscape(raw[i+1]); ok {
			dst = append(dst, c)
			i += 2
			continue
		}
		r, size := unicodeEscape(raw[i:])
		if size == 0 {
			dst = append(dst, raw[i])
			i++
			continue
		}
		dst = utf8.AppendRune(dst, r) // writes U+FFFD for a surrogate
		i += size
	}
	return dst
}

// simpleEscape returns the character that a backslash followed by c stands for.
func simpleEscape(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '/':
		return c, true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// unicodeEscape reads the \u escape, or the pair of them, at the start of text and returns its length; 0 means that
// there is none. It returns a lone surrogate unchanged.
func unicodeEscape(text []byte) (r rune, size int) {
	r, ok := hexadecimal(text)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		low, ok := hexadecimal(text[6:])
		if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
			return pair, 12
		}
	}
	return r, 6
}

// hexadecimal reads one \uXXXX.
func hexadecimal(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// isControl reports whether CloudEvents forbids r in strings.
//
// Source: CloudEvents 1.0.2, Type System, String.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f }

// isNoncharacter reports whether r is a code point that will never be a character. CloudEvents forbids it in strings.
//
// Source: The Unicode Standard, section 23.7.
func isNoncharacter(r rune) bool { return r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe }
