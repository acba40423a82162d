package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The tokens of JSON, by RFC 8259. Each method reads from the index it gets and returns the index after what it read,
// or -1.

func (s *scanner) space(i int) int {
	if i < len(s.text) && s.text[i] <= ' ' {
		return s.skipSpace(i)
	}
	return i
}

// skipSpace skips the white space at i and leaves it out of the compacted text.
func (s *scanner) skipSpace(i int) int {
	end := afterSpace(s.text, i)
	if s.event.code == "" && end > i && len(s.nest) > 0 {
		if s.compact == nil {
			s.compact = make([]byte, 0, cap(s.text)-s.pending) // enough for all events to come
		}
		s.compact = append(s.compact, s.text[s.pending:i]...)
		s.pending = end
	}
	return end
}

// afterSpace returns the index of the first byte from i on that is not white space.
func afterSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// str reads a string: i is the index after its opening quote. It returns the index after its closing quote.
func (s *scanner) str(i int) (end int, t traits) {
	text := s.text
	for i+8 <= len(text) {
		marks := special(binary.LittleEndian.Uint64(text[i:]))
		if marks == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(marks) / 8
		if text[i] == '"' {
			return i + 1, t
		}
		if i, t = s.character(i, t); i < 0 {
			return -1, t
		}
	}
	for i < len(text) {
		if text[i] == '"' {
			return i + 1, t
		}
		if i, t = s.character(i, t); i < 0 {
			return -1, t
		}
	}
	return s.fail(len(text), "'\"' at the end of a string"), t
}

// character reads one character of a string, which may need more than copying, and returns the index after it.
func (s *scanner) character(i int, t traits) (int, traits) {
	switch c := s.text[i]; {
	case c == '\\':
		return s.escape(i, t|escaped)
	case c < ' ':
		return s.fail(i, "an escape such as \\n or \\u0000 in place of a control character"), t
	case c < 0x7f:
		return i + 1, t
	case c == 0x7f:
		return i + 1, t | control
	}
	r, size := utf8.DecodeRune(s.text[i:])
	switch {
	case r == utf8.RuneError && size == 1:
		t |= notUTF8
	case isControl(r):
		t |= control
	case isNoncharacter(r):
		t |= noncharacter
	}
	return i + size, t
}

func (s *scanner) escape(i int, t traits) (int, traits) {
	if i+1 < len(s.text) {
		if c, ok := simpleEscape(s.text[i+1]); ok {
			if c < ' ' {
				t |= control
			}
			return i + 2, t
		}
	}
	r, size := unicodeEscape(s.text[i:])
	switch {
	case size == 0:
		return s.fail(i, `an escape: one of \" \\ \/ \b \f \n \r \t, or \u and 4 hexadecimal digits`), t
	case r >= 0xd800 && r <= 0xdfff:
		t |= loneSurrogate
	case isControl(r):
		t |= control
	case isNoncharacter(r):
		t |= noncharacter
	}
	return i + size, t
}

// encoding describes the encoding fault of a string.
func (t traits) encoding() string {
	if t&notUTF8 != 0 {
		return "the string is not valid UTF-8"
	}
	return `the string has a \u escape for half of a surrogate pair; both halves are needed`
}

func (s *scanner) literal(i int, word string) int {
	if len(s.text)-i < len(word) || string(s.text[i:i+len(word)]) != word {
		return s.fail(i, "a value")
	}
	return i + len(word)
}

// The limits of a number's exponent, as programs print a float64: from 5e-324 to 1.7976931348623157e308.
const (
	maxExponent   = 308
	leastExponent = 324 // below 0
)

// number reads a number. Its text is kept unchanged, so only its size is checked.
func (s *scanner) number(i int) (end int, t traits) {
	start := i
	if s.text[i] == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++
	} else if i = s.digits(i, start); i < 0 {
		return -1, 0
	}
	if s.at(i) == '.' {
		if i = s.digits(i+1, start); i < 0 {
			return -1, 0
		}
	}
	if s.at(i)|0x20 == 'e' {
		i++
		most := maxExponent
		if c := s.at(i); c == '+' || c == '-' {
			if i++; c == '-' {
				most = leastExponent
			}
		}
		exponent := i
		if i = s.digits(i, start); i < 0 {
			return -1, 0
		}
		if exceeds(s.text[exponent:i], most) {
			t |= tooWide
		}
	}
	if i-start > s.limits.NumberBytes {
		t |= tooWide
	}
	return i, t
}

// exceeds reports whether the digits of an exponent are above a limit.
func exceeds(digits []byte, most int) bool {
	size := 0
	for _, c := range digits {
		size = min(10*size+int(c-'0'), most+1)
	}
	return size > most
}

// digits reads one or more digits.
func (s *scanner) digits(i, start int) int {
	first := i
	for i < len(s.text) && s.text[i]-'0' <= 9 {
		i++
	}
	switch {
	case i > first:
		return i
	case first == start:
		return s.fail(i, "a value")
	}
	return s.fail(i, "a digit of a number")
}

// at is the byte at i, or 0 after the end.
func (s *scanner) at(i int) byte {
	if i < len(s.text) {
		return s.text[i]
	}
	return 0
}

// unescape returns the meaning of a string's text, in memory that lives as long as Validated.
func (s *scanner) unescape(raw []byte) []byte {
	from := len(s.unescaped)
	s.unescaped = appendUnescaped(s.unescaped, raw)
	return s.unescaped[from:len(s.unescaped):len(s.unescaped)]
}
