package agents

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// kind is the kind of values that an argument takes.
type kind int

// The kinds.
const (
	text   kind = iota // a text; a number or a truth value counts as its text
	list               // an array of texts, or one text
	fields             // an object: a text, or an array of texts, for each key field
)

// argument is one argument of a tool. The API validates its value where it is one of the API's own parameters.
type argument struct {
	name        string
	kind        kind
	required    bool
	description string
}

// arguments are the values of a call.
type arguments struct {
	texts  map[string]string
	lists  map[string][]string
	fields map[string][]string // values by key field; nil: no argument key
	hash   string              // of all of them but the cursor
}

// The arguments that several tools take.
var (
	viewArgument   = argument{"view", text, true, "Name of the view, from list_views."}
	keyArgument    = argument{"key", fields, false, `Values of key fields: {"path":"/a"}, or {"status":["404","500"]}.`}
	cursorArgument = argument{"cursor", text, false, "next_cursor of the answer before, with the same other arguments."}
)

// schemaOf returns the input schema of some arguments.
func schemaOf(arguments []argument) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for _, a := range arguments {
		s.Properties[a.name] = a.schema()
		s.PropertyOrder = append(s.PropertyOrder, a.name)
		if a.required {
			s.Required = append(s.Required, a.name)
		}
	}
	return s
}

func (a argument) schema() *jsonschema.Schema {
	plain := func() *jsonschema.Schema { return &jsonschema.Schema{Types: []string{"string", "number", "boolean"}} }
	several := func() *jsonschema.Schema {
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{plain(), {Type: "array", Items: plain()}}}
	}
	var s *jsonschema.Schema
	switch a.kind {
	case text:
		s = plain()
	case list:
		s = several()
	case fields:
		s = &jsonschema.Schema{Type: "object", AdditionalProperties: several()}
	}
	s.Description = a.description
	return s
}

// parse reads the arguments of a call. Errors: *Problem that names the argument and says what would be right.
func (t tool) parse(raw json.RawMessage) (arguments, error) {
	var given map[string]json.RawMessage
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 {
		if err := json.Unmarshal(trimmed, &given); err != nil {
			return arguments{}, badParameter("the arguments are not a JSON object; tool %s takes %s", t.name, t.takes())
		}
	}
	args := arguments{texts: map[string]string{}, lists: map[string][]string{}}
	names := make([]string, len(t.arguments))
	for i, a := range t.arguments {
		names[i] = a.name
		value := given[a.name]
		delete(given, a.name)
		if err := args.set(a, value); err != nil {
			return arguments{}, err
		}
	}
	if unknown := slices.Sorted(keysOf(given)); len(unknown) > 0 {
		meant := ""
		if near := spelling.Nearest(unknown[0], names); near != "" {
			meant = fmt.Sprintf("did you mean %q? ", near)
		}
		return arguments{}, badParameter("unknown parameter %.80q; %stool %s takes %s", unknown[0], meant, t.name, t.takes())
	}
	args.hash = args.sum()
	return args, nil
}

// takes lists the arguments of a tool, for messages.
func (t tool) takes() string {
	names := make([]string, len(t.arguments))
	for i, a := range t.arguments {
		names[i] = a.name
	}
	return strings.Join(names, ", ")
}

// set sets the value of one argument. null is as good as none.
func (args *arguments) set(a argument, value json.RawMessage) (err error) {
	switch {
	case len(value) == 0 || string(value) == "null":
		if a.required {
			return badParameter("%s is missing", a.name)
		}
		return nil
	case a.kind == text:
		args.texts[a.name], err = textOf(a.name, value)
	case a.kind == list:
		args.lists[a.name], err = textsOf(a.name, value)
	case a.kind == fields:
		var given map[string]json.RawMessage
		if json.Unmarshal(value, &given) != nil {
			return badParameter(`%s is %s; write an object: {"path":"/a"}`, a.name, kindOf(value))
		}
		args.fields = map[string][]string{}
		for _, field := range slices.Sorted(keysOf(given)) {
			where := a.name + "." + field
			if args.fields[field], err = textsOf(where, given[field]); err != nil {
				return err
			}
			if len(args.fields[field]) == 0 { // the API has no parameter for it, and would answer with all values
				return badParameter("%.80s is an empty array; write at least one value, or omit %[1]s for any value", where)
			}
		}
	}
	return err
}

// textOf returns a text. A number keeps its spelling.
func textOf(name string, value json.RawMessage) (string, error) {
	var text string
	switch value[0] {
	case '"':
		return text, json.Unmarshal(value, &text)
	case '{', '[', 'n':
		return "", badParameter("%.80s is %s; write a text", name, kindOf(value))
	}
	return string(value), nil
}

// textsOf returns the texts of an array, or the only one.
func textsOf(name string, value json.RawMessage) ([]string, error) {
	if value[0] != '[' {
		one, err := textOf(name, value)
		return []string{one}, err
	}
	var given []json.RawMessage
	if err := json.Unmarshal(value, &given); err != nil {
		return nil, err
	}
	texts := make([]string, len(given))
	for i, value := range given {
		var err error
		if texts[i], err = textOf(fmt.Sprintf("%s[%d]", name, i), value); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func kindOf(value json.RawMessage) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a text"
	case 'n':
		return "null"
	case 't', 'f':
		return "a truth value"
	}
	return "a number"
}

// parameters returns the arguments as a query string of the API. A list is one parameter, with commas.
func (args arguments) parameters(names ...string) url.Values {
	q := url.Values{}
	for _, name := range names {
		if value, ok := args.texts[name]; ok {
			q.Set(name, value)
		}
		if values, ok := args.lists[name]; ok {
			q.Set(name, strings.Join(values, ","))
		}
	}
	for field, values := range args.fields {
		q["key."+field] = values
	}
	return q
}

// sum returns a hash of all arguments but the cursor.
func (args arguments) sum() string {
	texts := map[string]string{}
	for name, value := range args.texts {
		if name != cursorArgument.name {
			texts[name] = value
		}
	}
	all, err := json.Marshal([]any{texts, args.lists, args.fields})
	if err != nil {
		panic(err) // texts always marshal
	}
	sum := sha256.Sum256(all)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// cursor says where the next answer of a tool begins.
type cursor struct {
	Of         string `json:"h"`           // hash of the tool's name and arguments
	Skip       int    `json:"s,omitempty"` // items before the next one
	API        string `json:"a,omitempty"` // cursor of the API, or the last name of the answer before
	Generation string `json:"g,omitempty"` // generation of all answers
	From       string `json:"f,omitempty"` // from and to as the first answer had them: they stay, where "-24h" moves on
	To         string `json:"t,omitempty"`
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // texts always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// cursor returns where the call begins. Errors: *Problem.
func (args arguments) cursor(t tool) (c cursor, err error) {
	text, ok := args.texts[cursorArgument.name]
	if !ok {
		return c, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &c)
	}
	switch {
	case err != nil || c.Skip < 0:
		return c, badParameter("invalid cursor: send the next_cursor of an earlier answer, or omit it to begin")
	case c.Of != t.name+" "+args.hash:
		return c, badParameter("the cursor belongs to a call with other arguments; send it with those of the answer before")
	}
	return c, nil
}
