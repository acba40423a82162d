package viewfile

import (
	"encoding/json"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// json writes a value of a file of tests as JSON. Numbers keep all their digits.
func (r *reader) json(node ast.Node) string {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return "null"
	case *ast.StringNode:
		if isPlain := n.Token.Type == token.StringType; isPlain && strings.Trim(n.Value, "-+.0123456789eE") == "" &&
			json.Valid([]byte(n.Value)) { // the YAML library takes 1e3 for a text
			return n.Value
		}
		return quoteJSON(n.Value)
	case *ast.LiteralNode:
		return quoteJSON(n.Value.Value)
	case *ast.BoolNode:
		if n.Value {
			return "true"
		}
		return "false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		text := strings.TrimSpace(n.GetToken().Value)
		if !json.Valid([]byte(text)) {
			r.note(positionOf(node), "%s is not a number in JSON; write for example 10 or 0.5, or put text in quotes",
				spelling.Shorten(text))
			return "null"
		}
		return text
	case *ast.SequenceNode:
		parts := make([]string, len(n.Values))
		for i, value := range n.Values {
			parts[i] = r.json(value)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	entries, _ := r.mapping(node, "a value", "data: {path: /}", nil)
	parts := make([]string, len(entries))
	for i, e := range entries {
		parts[i] = quoteJSON(e.name) + ":" + r.json(e.value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// quoteJSON writes a text as JSON. Invalid UTF-8 cannot come: the file is checked for it.
func quoteJSON(text string) string {
	quoted, _ := json.Marshal(text) // a text has no value that cannot be written
	return string(quoted)
}
