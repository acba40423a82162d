package event

import (
	"bytes"

	"github.com/oklog/ulid/v2"
)

// reader reads the lines of one call of Fields.Scan. Its methods take and return indices of the batch's data. A result
// of -1 means that the line is invalid; need then says what was expected.
type reader struct {
	*Batch
	fields *Fields
	need   string

	text    []byte // the data up to the last member of the line
	row     int
	left    int    // wanted nodes that the line has not shown yet
	timed   bool   // whether the line has a time
	request []byte // text of the previous stamp, up to its dash

	shape shape // its heads are the nodes, its meanings too
}

func newReader(f *Fields, b *Batch) reader {
	return reader{Batch: b, fields: f, shape: newShape(len(f.nodes))}
}

// line reads the line from start to end into a row of the batch.
func (r *reader) line(row, start, end int) bool {
	r.row, r.left, r.timed = row, r.fields.wanted, false
	r.shape.begin()
	r.Lines[row] = Span{uint32(start), uint32(end)}
	tail := r.stamp(start, end)
	if tail < 0 || r.Data[start] != '{' {
		r.need = `an object whose last member is "stamp":"<ULID>-<index>"`
		return false
	}
	if n := &r.fields.nodes[eventNode]; n.isWanted() {
		r.put(n, Value{Start: uint32(start), End: uint32(end), Kind: Object})
	}
	r.text = r.Data[:tail:tail]
	if r.object(eventNode, start+1) < 0 {
		return false
	}
	if r.Sources[row].Kind != String || r.IDs[row].Kind != String {
		r.need = "a source and an id, both strings"
		return false
	}
	if !r.timed {
		r.Times[row] = r.Stamps[row].Arrival()
	}
	return true
}

// stamp reads the stamp of the line from start to end and returns where its member begins.
func (r *reader) stamp(start, end int) (tail int) {
	line := r.Data[start:end]
	digits := len(line) - len(`"}`)
	for digits > 0 && line[digits-1]-'0' <= 9 {
		digits--
	}
	text := digits - ulid.EncodedSize - len("-")
	tail = text - len(stampMember)
	if tail < 1 || string(line[tail:text]) != stampMember || string(line[len(line)-2:]) != `"}` {
		return -1
	}
	request := line[text:digits]
	stamp := &r.Stamps[r.row]
	if index, ok := parseIndex(line[digits : len(line)-2]); ok && bytes.Equal(request, r.request) {
		// The lines of one request stand together and share the whole stamp but the index.
		*stamp = Stamp{Request: r.Stamps[r.row-1].Request, Index: index}
	} else if s, err := ParseStamp(line[text : len(line)-2]); err == nil {
		*stamp, r.request = s, request
	} else {
		return -1
	}
	if n := &r.fields.nodes[stampNode]; n.isWanted() {
		r.put(n, Value{Start: uint32(start + text), End: uint32(end - 2), Kind: String})
	}
	return start + tail
}

// object reads the members of an object at a node, from the index after its '{' to the one after its '}'; for the event
// itself, only up to its last member. It stops early once it has found all wanted nodes.
func (r *reader) object(at int32, i int) int {
	text := r.text
	if i < len(text) && text[i] == '}' {
		return i + 1
	}
	for last := at; ; i++ {
		var below int32
		members := r.shape.members
		if m := members[last].next; m != none && members[m].standsAt(text, i) {
			last, below, i = m, members[m].meaning, i+members[m].size
		} else if i, last, below = r.name(at, last, i); i < 0 {
			return -1
		}
		switch {
		case below != unwanted:
			i = r.value(below, i)
		case i < len(text) && text[i] == '"':
			i = pastString(text, i)
		default:
			i = pastValue(text, i)
		}
		switch {
		case i < 0:
			return r.fail("a value")
		case r.left == 0:
			return i
		case i < len(text) && text[i] == ',':
		case i < len(text) && text[i] == '}' && at != eventNode:
			return i + 1
		case i == len(text) && at == eventNode:
			return i
		default:
			return r.fail("',' between members and '}' after them")
		}
	}
}

// name reads a member's name and its colon when the shape did not predict the member after last. It returns the index
// after it, the member, and the node of the name.
func (r *reader) name(at, last int32, i int) (after int, m, below int32) {
	if i == len(r.text) || r.text[i] != '"' {
		return r.fail("a member's name in double quotes"), none, unwanted
	}
	end, isEscaped := closing(r.text, i+1)
	if end < 0 || end+1 >= len(r.text) || r.text[end+1] != ':' {
		return r.fail("a member's name in double quotes, then ':'"), none, unwanted
	}
	after = end + len(`":`)
	if m = r.shape.find(r.text, at, last, i, after); m != none {
		return after, m, r.shape.members[m].meaning
	}
	name := r.text[i+1 : end]
	if isEscaped {
		name = appendUnescaped(nil, name)
	}
	below = r.fields.nodes[at].member(string(name))
	return after, r.shape.add(r.text, at, last, i, after, below), below
}

// value reads the value of a member whose node is at.
func (r *reader) value(at int32, i int) (after int) {
	n := &r.fields.nodes[at]
	v := Value{Start: uint32(i), Kind: kindAt(r.text, i)}
	switch {
	case v.Kind == String:
		var end int
		if end, v.Escaped = closing(r.text, i+1); end < 0 {
			return -1
		}
		v.Start, v.End, after = uint32(i+1), uint32(end), end+1
	case v.Kind == Object && len(n.names) > 0:
		if after = r.object(at, i+1); after < 0 || r.left == 0 {
			return after
		}
		v.End = uint32(after)
	default:
		if after = pastValue(r.text, i); after < 0 {
			return -1
		}
		v.End = uint32(after)
	}
	if n.isWanted() {
		r.left--
		if !r.put(n, v) {
			return -1
		}
	}
	return after
}

// kindAt returns the kind of the value at i, which its first byte determines.
func kindAt(text []byte, i int) Kind {
	if i >= len(text) {
		return Missing
	}
	switch text[i] {
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return Array
	case 't':
		return True
	case 'f':
		return False
	case 'n':
		return Null
	}
	return Number
}

// put stores a node's value in its columns and, for an attribute, in the row.
func (r *reader) put(n *node, v Value) bool {
	for _, column := range n.columns {
		r.Columns[column][r.row] = v
	}
	switch n.role {
	case sourceRole:
		r.Sources[r.row] = v
	case idRole:
		r.IDs[r.row] = v
	case timeRole:
		return r.time(v)
	}
	return true
}

func (r *reader) time(v Value) bool {
	if v.Kind == Null {
		return true
	}
	text, _ := r.Text(v, nil)
	at, ok := ParseTime(text)
	if v.Kind != String || !ok {
		r.fail("an RFC 3339 time")
		return false
	}
	r.Times[r.row], r.timed = at, true
	return true
}

// fail records the first thing that was expected and not found.
func (r *reader) fail(need string) int {
	if r.need == "" {
		r.need = need
	}
	return -1
}

// pastString returns the index after the string that begins at i, or -1.
func pastString(text []byte, i int) int {
	end, _ := closing(text, i+1)
	if end < 0 {
		return -1
	}
	return end + 1
}

// pastValue returns the index after the value at i, which is not a string, or -1.
func pastValue(text []byte, i int) int {
	if i < len(text) && (text[i] == '{' || text[i] == '[') {
		return pastContainer(text, i)
	}
	return pastBare(text, i)
}

// pastContainer returns the index after the object or array that begins at i, or -1.
func pastContainer(text []byte, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			after := pastString(text, i)
			if after < 0 {
				return -1
			}
			i = after - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// pastBare returns the index after the number, true, false or null at i, or -1. It reads at least one byte.
func pastBare(text []byte, i int) int {
	start := i
	for i < len(text) && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
