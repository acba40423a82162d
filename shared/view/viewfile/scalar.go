package viewfile

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// scalar is a piece of text in a views file.
type scalar struct {
	node    ast.Node
	at      position
	text    string // without white space at its ends
	leading int    // characters of white space that the file has before the text
}

// scalar reads the value of a field that is text. Numbers, true and false are text, as written in the file.
func (r *reader) scalar(e entry, example string) (scalar, bool) {
	if isEmpty(e.value) {
		r.note(e.at, "%s is empty; write for example %s", spelling.Shorten(e.name), example)
		return scalar{}, false
	}
	var text string
	switch n := e.value.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = strings.TrimSpace(n.GetToken().Value)
	default:
		r.note(positionOf(e.value), "%s must be text; write for example %s", spelling.Shorten(e.name), example)
		return scalar{}, false
	}
	trimmed := strings.TrimLeftFunc(text, unicode.IsSpace)
	return scalar{
		node:    e.value,
		at:      positionOf(e.value),
		text:    strings.TrimRightFunc(trimmed, unicode.IsSpace),
		leading: len([]rune(text)) - len([]rune(trimmed)),
	}, true
}

// locate returns the place in the file of one character of a scalar's text. It walks text and file side by side. White
// space may differ, since YAML folds lines and removes indentation; quoted text may have escapes. The rest is equal.
func (r *reader) locate(s scalar, offset int) position {
	if s.node == nil {
		return s.at
	}
	w := walker{lines: r.lines, at: s.at}
	var text string
	switch n := s.node.(type) {
	case *ast.LiteralNode:
		w.at = position{s.at.line + 1, 1}
		text = n.Value.Value
	case *ast.StringNode:
		text = n.Value
		w.enter(n.Token.Type)
	default:
		text = s.text
	}
	runes := []rune(text)
	target := min(s.leading+offset, len(runes))
	for _, c := range runes[:target] {
		if !unicode.IsSpace(c) {
			w.past()
		}
	}
	if target < len(runes) && !unicode.IsSpace(runes[target]) {
		w.skipSpace()
	}
	return w.at
}

// walker walks through a scalar as it stands in the file.
type walker struct {
	lines [][]rune
	at    position
	quote rune // the scalar's quote; 0: none
}

func (w *walker) enter(style token.Type) {
	switch style {
	case token.SingleQuoteType:
		w.quote = '\''
	case token.DoubleQuoteType:
		w.quote = '"'
	default:
		return
	}
	w.at.column++
}

// here returns the rest of the line. ok is false after the last line.
func (w *walker) here() (rest []rune, ok bool) {
	if w.at.line > len(w.lines) {
		return nil, false
	}
	line := w.lines[w.at.line-1]
	return line[min(w.at.column-1, len(line)):], true
}

// skipSpace goes to the next character that is not white space, in this line or a later one.
func (w *walker) skipSpace() {
	for start := w.at; ; {
		rest, ok := w.here()
		if !ok {
			w.at = start
			return
		}
		if len(rest) == 0 {
			w.at = position{w.at.line + 1, 1}
			continue
		}
		c, size := w.decode(rest)
		if !unicode.IsSpace(c) {
			return
		}
		w.at.column += size
	}
}

// past moves behind the next character that is not white space.
func (w *walker) past() {
	w.skipSpace()
	rest, ok := w.here()
	if !ok || len(rest) == 0 {
		return
	}
	_, size := w.decode(rest)
	w.at.column += size
}

// decode returns the character that the file has here, and how many characters write it.
func (w *walker) decode(rest []rune) (c rune, size int) {
	switch {
	case w.quote == '\'' && len(rest) > 1 && rest[0] == '\'' && rest[1] == '\'':
		return '\'', 2
	case w.quote == '"' && rest[0] == '\\':
		return decodeEscape(rest)
	}
	return rest[0], 1
}

// decodeEscape reads an escape of a double-quoted scalar. An escaped line end counts as white space.
//
// Source: YAML 1.2.2, section 5.7.
func decodeEscape(rest []rune) (c rune, size int) {
	if len(rest) == 1 {
		return ' ', 1
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[rest[1]]
	if digits > 0 && len(rest) >= 2+digits {
		if code, err := strconv.ParseUint(string(rest[2:2+digits]), 16, 32); err == nil {
			return rune(code), 2 + digits
		}
	}
	if strings.ContainsRune("tnrvf N_LP\t", rest[1]) {
		return ' ', 2
	}
	return rest[1], 2
}
