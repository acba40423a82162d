package agents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// Head is what every answer has.
type Head struct {
	Horizon  *string  `json:"horizon" jsonschema:"Batch has counted every event that arrived before this time. null: there is no such time, since the view is a Kappa view, or no run has ended, or the answer holds no numbers."`
	Complete *string  `json:"complete,omitempty" jsonschema:"Of a Kappa view: every event that arrived before this time is counted."`
	Exact    *bool    `json:"exact" jsonschema:"Whether every number of this answer is exact. An answer without rows is exact when its range has ended by the horizon. Nothing of a Kappa view is exact. null: the answer holds no numbers."`
	Zone     string   `json:"time_zone" jsonschema:"Time zone of all times of this answer."`
	Empty    *Empty   `json:"empty,omitempty" jsonschema:"Why the answer has no rows. Absent where it has some."`
	Warnings []string `json:"warnings,omitempty" jsonschema:"What is or may be missing. Tell people."`
	Omitted  []string `json:"omitted,omitempty" jsonschema:"Members that were left out, since they alone exceed the size of an answer: up to 20 names, and how many more."`
	Next     string   `json:"next_cursor,omitempty" jsonschema:"Cursor of the rest. Absent: this was all."`
}

// Object is a JSON object, as the API answered with it.
type Object = json.RawMessage

// reply is the answer of a tool before it is cut to size.
type reply struct {
	head  *Head
	value any         // pointer to the whole answer, which embeds the head
	lists []*[]Object // of the answer, in order; all may be cut
	after string      // cursor of the API for what comes after the lists; "": nothing does
	pin   cursor      // generation, from and to, for the cursors of the answer

	// byName makes a cursor that names the last object of the answer in place of counting; nil: count.
	byName func(last Object) string
}

// objectSchemas says that an Object is an object.
var objectSchemas = map[reflect.Type]*jsonschema.Schema{reflect.TypeFor[Object](): {Type: "object"}}

// schemaFor returns the output schema of an answer.
func schemaFor[T any]() *jsonschema.Schema {
	s, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: objectSchemas})
	if err != nil {
		panic(err) // the types of the answers are those of this package
	}
	return s
}

// fit returns the answer with as many objects of its lists as MaxAnswer permits, and a cursor for the rest. An object
// that alone is too large loses its largest members, and names them.
func (c call) fit(r reply) (json.RawMessage, error) {
	all, ends := []Object{}, []int{0}
	for _, l := range r.lists {
		all = append(all, *l...)
		ends = append(ends, len(all))
	}
	first := min(c.at.Skip, len(all))
	show := func(n int) (json.RawMessage, error) { // the answer with n objects
		for i, l := range r.lists {
			within := func(at int) int { return min(max(at, ends[i]), ends[i+1]) }
			*l = all[within(first):within(first+n)]
		}
		r.head.Next = c.next(r, all, first, n)
		return json.Marshal(r.value)
	}
	left := len(all) - first
	n := sort.Search(left, func(i int) bool { // the first n that is too large, less one
		text, err := show(i + 1)
		return err != nil || !fits(text)
	})
	if n == 0 && left > 0 {
		n = 1
	}
	answer, err := show(n)
	if err != nil || fits(answer) {
		return answer, err
	}
	return shrink(answer)
}

// next returns the cursor behind n objects; "" when nothing is left.
func (c call) next(r reply, all []Object, first, n int) string {
	at := r.pin
	at.Of = c.tool.name + " " + c.args.hash
	switch {
	case first+n < len(all) && r.byName != nil:
		at.API = r.byName(all[first+n-1])
	case first+n < len(all):
		at.Skip, at.API = first+n, c.at.API
	case r.after != "":
		at.API = r.after
	default:
		return ""
	}
	return at.String()
}

// reserve is the part of MaxAnswer that is left for what the protocol adds to a result, in bytes.
const reserve = 256

// fits reports whether a result with this answer has at most MaxAnswer bytes.
func fits(answer json.RawMessage) bool {
	if 2*len(answer) > MaxAnswer { // as text it is no shorter
		return false
	}
	result, err := json.Marshal(resultOf(answer))
	return err == nil && len(result) <= MaxAnswer-reserve
}

// maxNames is the maximum number of removed members that an answer names. It counts those beyond.
const maxNames = 20

// shrink removes the largest members of an answer until it fits, and names them in omitted. The members of kept stay.
func shrink(answer json.RawMessage) (json.RawMessage, error) {
	var whole map[string]any
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber() // so that numbers keep all their digits
	if err := decoder.Decode(&whole); err != nil {
		return nil, err
	}
	var omitted []string
	more := 0 // members beyond those that omitted names
	for !fits(answer) {
		name, remove := largest(whole)
		if remove == nil {
			return nil, errors.New("the answer is too large for a tool; ask the HTTP API")
		}
		remove()
		if len(omitted) < maxNames {
			omitted = append(omitted, name)
		} else {
			more++
		}
		if whole["omitted"] = omitted; more > 0 {
			whole["omitted"] = append(slices.Clone(omitted), fmt.Sprintf("%d more", more))
		}
		var err error
		if answer, err = json.Marshal(whole); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// kept are the members of an answer that say how to read its numbers, and what it lacks. They are small.
var kept = []string{"horizon", "complete", "exact", "time_zone", "empty", "next_cursor", "omitted"}

// largest finds the largest value that is no object and no array of objects, and returns its path and what removes it.
// It passes by the members of kept.
func largest(whole map[string]any) (name string, remove func()) {
	size := 0
	var walk func(path string, of map[string]any)
	walk = func(path string, of map[string]any) {
		for _, member := range slices.Sorted(maps.Keys(of)) {
			where := path + member
			if path == "" && slices.Contains(kept, member) {
				continue
			}
			switch value := of[member].(type) {
			case map[string]any:
				walk(where+".", value)
				continue
			case []any:
				if inner, ok := first(value); ok {
					walk(where+"[].", inner)
					continue
				}
			}
			text, err := json.Marshal(of[member])
			if err == nil && len(text) > size {
				size, name = len(text), shorten(where)
				remove = func() { delete(of, member) }
			}
		}
	}
	walk("", whole)
	return name, remove
}

// first returns the first object of an array whose objects were cut to one.
func first(values []any) (map[string]any, bool) {
	if len(values) != 1 {
		return nil, false
	}
	object, ok := values[0].(map[string]any)
	return object, ok
}

func shorten(path string) string {
	if len(path) > 80 {
		return strings.ToValidUTF8(path[:80], "") + "..."
	}
	return path
}

func keysOf[V any](of map[string]V) iter.Seq[string] { return maps.Keys(of) }

// objectOf returns a value as an object. Its values come from decoded JSON, so they always marshal.
func objectOf(value any) Object {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Errorf("encode a part of an answer: %w", err))
	}
	return text
}
