package send

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

func begins(marks ...string) func([]byte) bool {
	return func(start []byte) bool {
		for _, mark := range marks {
			if bytes.HasPrefix(start, []byte(mark)) {
				return true
			}
		}
		return false
	}
}

func opens(c byte) func([]byte) bool {
	return func(start []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(start), []byte{c}) }
}

// isBinary says whether a text has a NUL, begins with a control character, or is not UTF-8.
func isBinary(start []byte) bool {
	return bytes.IndexByte(start, 0) >= 0 || len(start) > 0 && isControl(rune(start[0])) || !isUTF8(start)
}

// isUTF8 says whether a text is UTF-8. Its end may be half a character.
func isUTF8(start []byte) bool {
	for tail := 0; tail < utf8.UTFMax && tail <= len(start); tail++ {
		if utf8.Valid(start[:len(start)-tail]) {
			return true
		}
	}
	return false
}

// isOldText says whether a text has letters of one byte beyond ASCII, and no control characters.
func isOldText(start []byte) bool { return !isUTF8(start) && !bytes.ContainsFunc(start, isControl) }

func isControl(c rune) bool { return c < ' ' && !strings.ContainsRune("\t\n\r\f\x1b", c) || c == 0x7f }

// hasNULs says whether two of the first four bytes are NUL, as those of every second byte of UTF-16 are. With one of
// the last two, they are characters of ASCII.
func hasNULs(first, second int) func([]byte) bool {
	return func(start []byte) bool {
		if len(start) < 4 {
			return false
		}
		for i, c := range start[:4] {
			if (c == 0) != (i == first || i == second) {
				return false
			}
		}
		return true
	}
}

// isTar says whether a text has the mark of a tar archive at its place.
func isTar(start []byte) bool { return len(start) > 262 && string(start[257:262]) == "ustar" }

// firstLine returns the first line that is not blank.
func firstLine(start []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimSpace(start), []byte{'\n'})
	return bytes.TrimSpace(line)
}

// isPretty says whether the first line opens an object and does not close it, while another line follows.
func isPretty(start []byte) bool {
	line := firstLine(start)
	return opens('{')(line) && !jsontext.Value(line).IsValid() && len(line) < len(bytes.TrimSpace(start)) &&
		!bytes.HasSuffix(line, []byte{'}'})
}

// around is the start of an object whose first member is an array of objects.
var around = regexp.MustCompile(`^\s*\{\s*"([^"\\]+)"\s*:\s*\[\s*\{`)

// isAround says whether the text is an object around an array, and not several of them, one a line.
func isAround(start []byte) bool {
	line := firstLine(start)
	return around.Match(start) && (!jsontext.Value(line).IsValid() || len(line) == len(bytes.TrimSpace(start)))
}

// isFollowedBy says whether the first object of the text is followed by a certain sign on its line.
func isFollowedBy(sign byte) func([]byte) bool {
	return func(start []byte) bool {
		line := firstLine(start)
		decoder := jsontext.NewDecoder(bytes.NewReader(line))
		if !opens('{')(line) || decoder.SkipValue() != nil {
			return false
		}
		return opens(sign)(line[decoder.InputOffset():])
	}
}

// isServerSent says whether the text has the fields of server-sent events.
//
// Source: HTML Living Standard, 9.2.5, Parsing an event stream.
func isServerSent(start []byte) bool {
	return begins("data:")(start) ||
		begins("id:", "event:", "retry:", ":")(start) && bytes.Contains(start, []byte("\ndata:"))
}

// isEvent says whether the first line is an object with an attribute that only CloudEvents have.
func isEvent(start []byte) bool {
	return opens('{')(start) && bytes.Contains(firstLine(start), []byte(`"specversion"`))
}

// isColumns says whether the first two lines have the same number of separators, at least one.
func isColumns(separator string) func([]byte) bool {
	return func(start []byte) bool {
		first, rest, _ := bytes.Cut(bytes.TrimSpace(start), []byte{'\n'})
		second, _, _ := bytes.Cut(rest, []byte{'\n'})
		n := bytes.Count(first, []byte(separator))
		return n > 0 && (len(second) == 0 || bytes.Count(second, []byte(separator)) == n ||
			bytes.IndexByte(second, '"') >= 0)
	}
}
