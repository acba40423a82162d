package viewfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

const (
	// The time of the YAML parser grows with the square of the number of tokens, and its stack with their nesting. A
	// hundred views of usual size have a tenth of this number.
	maxTokens  = 20_000
	maxNesting = 16
)

// position is a place in a file: both from 1, columns in characters.
type position struct{ line, column int }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column))
}

// document parses the YAML of a views file and returns its one document. It returns nil after recording problems when
// it cannot.
func (r *reader) document(text []byte) ast.Node {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !r.acceptable(text) {
		return nil
	}
	for _, line := range strings.Split(string(text), "\n") {
		r.lines = append(r.lines, []rune(line))
	}
	tokens := lexer.Tokenize(string(text))
	if !r.plain(tokens) {
		return nil
	}
	file, err := parseTokens(tokens)
	if err != nil {
		r.note(syntaxError(err))
		return nil
	}
	for _, document := range file.Docs {
		if document.Body != nil {
			return document.Body
		}
	}
	r.note(position{1, 1}, "the file has no %s; begin it with %[1]s:", r.list)
	return nil
}

// items returns the items of the file's list. The list is the one field of the file, and has an item at least.
func (r *reader) items(root ast.Node, what, example string) []ast.Node {
	entries, ok := r.mapping(root, what, r.list+":", []string{r.list})
	if !ok {
		return nil
	}
	list, found := find(entries, r.list)
	if !found {
		r.note(positionOf(root), "the %s list is missing; begin the file with %[1]s:", r.list)
		return nil
	}
	items, ok := list.value.(*ast.SequenceNode)
	if !ok || len(items.Values) == 0 {
		r.note(list.at, "%s must be a list of at least one %s; write for example %s", r.list,
			strings.TrimSuffix(r.list, "s"), example)
		return nil
	}
	return items.Values
}

// acceptable checks the bytes of a file.
func (r *reader) acceptable(text []byte) bool {
	if len(text) > maxFile {
		r.note(position{1, 1}, "the file has %d bytes; the maximum is %d", len(text), maxFile)
		return false
	}
	before := text
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && size == 1 || c == 0 {
			before = text[:i]
			break
		}
		i += size
	}
	if len(before) < len(text) {
		line := before[bytes.LastIndexByte(before, '\n')+1:]
		at := position{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(line) + 1}
		r.note(at, "byte %#02x is not text; a views file is UTF-8", text[len(before)])
		return false
	}
	return true
}

// plain refuses YAML beyond one document of mappings, lists and scalars, and files that would cost the parser too much.
func (r *reader) plain(tokens token.Tokens) bool {
	count, flow, lineNesting, documents := 0, 0, 0, 0
	for _, t := range tokens {
		at := positionOfToken(t)
		if t.Type != token.CommentType {
			count++
		}
		if t.Prev == nil || t.Prev.Position.Line != t.Position.Line {
			lineNesting = 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType:
			lineNesting++
		case token.DocumentHeaderType:
			if documents++; documents > 1 || count > 1 {
				r.note(at, "a second document begins here; a views file has only one, so remove ---")
				return false
			}
		}
		if refused := refusal(t); refused != "" {
			r.note(at, "%s", refused)
			return false
		}
		if flow > maxNesting || lineNesting > maxNesting || count > maxTokens {
			r.note(at,
				"the file is nested too deeply or too long; "+
					"the maximum is %d levels in a line or in brackets, and %d words and signs", maxNesting, maxTokens)
			return false
		}
	}
	return true
}

// refusal says what is wrong with a token that a views file must not have.
func refusal(t *token.Token) string {
	switch t.Type {
	case token.TagType:
		return fmt.Sprintf("%s is a YAML tag here; put an expression that begins with ! in quotes", spelling.Shorten(t.Value))
	case token.AnchorType:
		return "& begins a YAML anchor here, which is not supported; put text that begins with & in quotes"
	case token.AliasType:
		return "* begins a YAML alias here, which is not supported; write the text out, and put text that begins with * " +
			"in quotes"
	case token.MergeKeyType:
		return "<< is a YAML merge, which is not supported; write the fields out"
	case token.MappingKeyType:
		return "? begins a YAML complex key here, which is not supported; put text that begins with ? in quotes"
	case token.DirectiveType:
		return "% begins a YAML directive here, which is not supported; remove it"
	}
	return ""
}

// parseTokens runs the YAML parser. Whatever its input, it must not end the process.
func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("the YAML parser failed (%v)", problem)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// syntaxError describes a YAML error, as arguments for note.
func syntaxError(err error) (at position, format string, text string) {
	at, message, beginsLine := position{1, 1}, err.Error(), false
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		t := syntax.GetToken()
		at, message, beginsLine = positionOfToken(t), syntax.GetMessage(), isFirstOfLine(t)
	}
	if runes := []rune(message); len(runes) > 200 {
		message = string(runes[:200]) + "..."
	}
	hint := "check indentation, colons and quotes"
	switch {
	case strings.Contains(message, "'\t' that cannot start"):
		return at, "%s", "a tab cannot stand here; indent YAML with spaces"
	case strings.Contains(message, "mapping value is not allowed"), strings.Contains(message, "unexpected key name"):
		hint = "put text that contains a colon and a space in quotes, and check the indentation"
	case strings.Contains(message, "value is not allowed in this context") && beginsLine:
		return at, "%s", "check the indentation of this line; the fields of one mapping begin in the same column"
	case strings.Contains(message, "value is not allowed in this context"):
		hint = "close each quote, and put an expression that begins with a quote in quotes of the other kind"
	}
	return at, "%s", fmt.Sprintf("invalid YAML (%s); %s", message, hint)
}

// isFirstOfLine reports whether a token begins its line. A quoted text may end lines below the one that it begins in.
func isFirstOfLine(t *token.Token) bool {
	if t == nil || t.Prev == nil {
		return t != nil
	}
	return t.Prev.Position.Line+strings.Count(strings.TrimSpace(t.Prev.Origin), "\n") < t.Position.Line
}

func positionOfToken(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{max(1, t.Position.Line), max(1, t.Position.Column)}
}

// positionOf is where a node begins.
func positionOf(node ast.Node) position {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return positionOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return positionOf(n.Key)
	}
	return positionOfToken(node.GetToken())
}

// entry is a field of a mapping.
type entry struct {
	name  string
	at    position // of the name
	value ast.Node
}

func find(entries []entry, name string) (entry, bool) {
	for _, e := range entries {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}

// mapping reads the fields of a mapping. Each field may appear only once. known lists the allowed fields; nil allows
// any.
func (r *reader) mapping(node ast.Node, what, example string, known []string) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.note(positionOf(node), "%s must be a mapping; write for example %s", what, example)
		return nil, false
	}
	var entries, misspelt []entry
	first := map[string]position{}
	for _, value := range values {
		e := entry{name: value.Key.GetToken().Value, at: positionOf(value.Key), value: value.Value}
		if at, twice := first[e.name]; twice {
			r.note(e.at, "the field %q appears twice, first at %d:%d; remove one",
				spelling.Shorten(e.name), at.line, at.column)
			continue
		}
		first[e.name] = e.at
		if known != nil && !slices.Contains(known, e.name) {
			r.note(e.at, "unknown field %q; %s", spelling.Shorten(e.name), spelling.Suggest(e.name, "fields of "+what, known))
			e.name = spelling.Nearest(e.name, known)
			misspelt = append(misspelt, e)
			continue
		}
		entries = append(entries, e)
	}
	// A misspelt field is read on instead of being reported as missing, so that all problems show at once.
	for _, e := range misspelt {
		if _, there := first[e.name]; !there {
			entries = append(entries, e)
		}
	}
	return entries, true
}

func isEmpty(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return node == nil || null
}
