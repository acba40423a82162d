package event

import "fmt"

// scanner reads JSON values strictly (RFC 8259), one event after the other, each in one pass and without recursion.
// While it reads, it compacts the text and checks what the grammar leaves open: names, text, limits, and the attributes
// of the event (attributes.go).
//
// A breach of the grammar ends the scan: the methods return -1, and broken says where and what. After any other fault
// the scanner reads on to the event's end, to find the next event. It keeps the first fault in the text, and from then
// on checks only the grammar.
type scanner struct {
	text   []byte // its capacity ends where the last event ends
	limits Limits
	broken syntaxError

	isPayload bool                          // the value is the data of an event, not an event
	outer     struct{ tokens, members int } // of the event around it

	event struct {
		start           int
		code            Code // of the first fault; empty: none
		pointer, detail string
		tokens, members int
		envelope        envelope
		decoded         []byte // the data that data_base64 holds as JSON; nil: none
	}

	// The containers that are open. nest goes as deep as the text; frames and names stand still once there is a fault.
	nest   []byte // their closing brackets
	frames []frame
	names  names // of the open objects
	shape  shape // of events before this; its heads are the depths, its meanings attributes
	forms  forms // of accepted events before this

	// copied is the text from event.start to pending, as far as it is copied, without its white space; nothing is
	// copied while there is none.
	compact []byte
	copied  int // where the event begins in compact
	pending int // where the text begins that is not copied yet

	unescaped []byte // text that had escapes, of all events: slices of it live on in Validated
}

type frame struct {
	first int // of its names
	array bool
	index int     // of the element being read, in an array
	names nameSet // that it may have
	last  int32   // member, in the shape, whose heads are the depths
}

// syntaxError says what the grammar requires at a place.
type syntaxError struct {
	at   int
	need string
}

// value reads the value that begins at i, as an event, and returns the index after it; -1: the grammar is broken.
//
// It is a state machine instead of a recursion. i is where a value begins, end is the index after it. Each round goes
// through these states:
//
//   - token: read a scalar, or the bracket that opens a container.
//   - opened: behind an opening bracket. When something is inside, read its name and go to token; else go to closing.
//   - closing: behind a value that no comma follows. Close its containers, up to a comma; the event ends when none is
//     open.
//   - member: read the name and colon of the next member. element: count the next element. Then token again.
func (s *scanner) value(i int) int {
	s.begin(i)
	for i >= 0 {
		// State token.
		var end int
		kind, t := String, traits(0)
		if s.at(i) == '"' {
			end, t = s.str(i + 1)
		} else {
			end, kind, t = s.token(i)
		}
		if end < 0 {
			return -1
		}
		if s.event.tokens++; len(s.nest) < 2 || t&invalidTraits != 0 || s.event.tokens > s.limits.Tokens {
			s.validateToken(i, end, kind, t)
		}
		// State opened.
		if kind == Object || kind == Array {
			s.open(i, kind)
			if i = s.space(end); s.at(i) != s.nest[len(s.nest)-1] {
				if kind == Object {
					i = s.member(i)
				}
				continue // the first element is 0 already
			}
			end = i
		}
		// State closing.
		if len(s.nest) == 0 || s.at(end) != ',' {
			if end = s.closeAll(end); end < 0 || len(s.nest) == 0 {
				return s.finish(end)
			}
		}
		// State member or element, behind a comma.
		if i = s.space(end + 1); s.nest[len(s.nest)-1] == '}' {
			i = s.member(i)
		} else {
			s.nextElement()
		}
	}
	return -1
}

func (s *scanner) begin(i int) {
	s.event.start, s.event.code, s.event.pointer, s.event.detail = i, "", "", ""
	s.event.tokens, s.event.members = s.outer.tokens, s.outer.members
	s.event.envelope, s.event.decoded = envelope{}, nil
	s.nest, s.frames, s.names.list = s.nest[:0], s.frames[:0], s.names.list[:0]
	s.copied, s.pending = len(s.compact), i
	s.shape.begin()
}

// token reads a scalar that is no string, or the bracket that opens a container.
func (s *scanner) token(i int) (end int, kind Kind, t traits) {
	if i >= len(s.text) {
		return s.fail(i, "a value"), Missing, 0
	}
	switch s.text[i] {
	case '{':
		return i + 1, Object, 0
	case '[':
		return i + 1, Array, 0
	case 't':
		return s.literal(i, "true"), True, 0
	case 'f':
		return s.literal(i, "false"), False, 0
	case 'n':
		return s.literal(i, "null"), Null, 0
	}
	end, t = s.number(i)
	return end, Number, t
}

// invalidTraits are the traits that no token may have.
const invalidTraits = notUTF8 | loneSurrogate | tooWide

// validateToken checks a token that stands where a value is expected, when counting it is not enough.
func (s *scanner) validateToken(i, end int, kind Kind, t traits) {
	switch {
	case s.event.code != "":
		if len(s.nest) == 1 && s.nest[0] == '}' {
			s.noteID(kind, s.text[i:end], t)
		}
	case s.event.tokens > s.limits.Tokens:
		s.rejectTokens(i, s.pointer())
	case t&tooWide != 0:
		s.reject(i, LimitExceeded, s.pointer(),
			fmt.Sprintf("the number %.50s exceeds a limit: the maximum is %d characters, with exponents from -%d to %d",
				s.text[i:end], s.limits.NumberBytes, leastExponent, maxExponent))
	case t&invalidTraits != 0:
		s.reject(i, InvalidUTF8, s.pointer(), t.encoding())
	case s.isPayload: // has no attributes
	case len(s.nest) == 1 && s.nest[0] == '}':
		s.attribute(i, kind, s.text[i:end], t)
	case len(s.nest) == 0 && kind != Object:
		s.reject(i, MalformedJSON, "", "an event must be a JSON object; this is "+kind.Article())
	}
}

func (s *scanner) rejectTokens(i int, pointer string) {
	s.reject(i, LimitExceeded, pointer,
		fmt.Sprintf("the event has too many JSON tokens; the maximum is %d", s.limits.Tokens))
}

func (s *scanner) open(i int, kind Kind) {
	if s.event.code == "" {
		if len(s.nest) == s.limits.Depth {
			s.reject(i, LimitExceeded, s.pointer(), fmt.Sprintf("objects and arrays are nested too deeply; the maximum is %d",
				s.limits.Depth))
		}
		s.frames = append(s.frames, frame{first: len(s.names.list), array: kind == Array, last: int32(len(s.frames))})
	}
	if kind == Object {
		s.nest = append(s.nest, '}')
	} else {
		s.nest = append(s.nest, ']')
	}
}

// closeAll closes the containers that end after a value, up to a comma or the end of the event.
func (s *scanner) closeAll(i int) int {
	for len(s.nest) > 0 {
		i = s.space(i)
		switch closer := s.nest[len(s.nest)-1]; {
		case s.at(i) == ',':
			return i
		case s.at(i) == closer:
			s.close(i)
			i++
		case closer == '}':
			return s.fail(i, "',' or '}' after the value of a member")
		default:
			return s.fail(i, "',' or ']' after an element")
		}
	}
	return i
}

func (s *scanner) nextElement() {
	if s.event.code == "" {
		s.frames[len(s.frames)-1].index++
	}
}

func (s *scanner) close(i int) {
	s.nest = s.nest[:len(s.nest)-1]
	if s.event.code != "" {
		return
	}
	last := len(s.frames) - 1
	s.names.list = s.names.list[:s.frames[last].first]
	s.frames = s.frames[:last]
	if s.event.tokens++; s.event.tokens > s.limits.Tokens {
		s.rejectTokens(i, s.pointer())
	}
}

// member reads a member's name and colon, up to where its value begins.
func (s *scanner) member(i int) int {
	if s.event.code == "" {
		object := &s.frames[len(s.frames)-1]
		if m := s.shape.members[object.last].next; m != none && s.shape.members[m].standsAt(s.text, i) {
			known := &s.shape.members[m]
			object.last = m
			s.event.envelope.current = attribute(known.meaning)
			s.countName(i, name{start: i + 1, end: i + known.size - len(`":`)}, known.set)
			return s.space(i + known.size)
		}
	}
	return s.unexpected(i)
}

// unexpected reads a member's name and colon when the shape did not predict them.
func (s *scanner) unexpected(i int) int {
	if s.at(i) != '"' {
		return s.fail(i, "a member's name in double quotes")
	}
	end, t := s.str(i + 1)
	if end < 0 {
		return -1
	}
	colon := s.space(end)
	if s.at(colon) != ':' {
		return s.fail(colon, "':' after a member's name")
	}
	n := name{start: i + 1, end: end - 1}
	if t&escaped != 0 {
		n = name{len(s.unescaped), len(s.unescaped) + len(s.unescape(s.text[i+1:end-1])), true}
	}
	s.event.envelope.current = attributeOf(s.nameText(n))
	if s.event.code == "" {
		s.validateName(i, n, t)
	}
	if s.event.code == "" && t == 0 && colon == end {
		s.expect(i, end+1)
	}
	return s.space(colon + 1)
}

// expect records the member whose `"name":` stands from start to end, so that the shape predicts it.
func (s *scanner) expect(start, end int) {
	object := &s.frames[len(s.frames)-1]
	depth := int32(len(s.frames) - 1)
	m := s.shape.find(s.text, depth, object.last, start, end)
	if m == none {
		m = s.shape.add(s.text, depth, object.last, start, end, int32(s.event.envelope.current))
	}
	object.last = m
}

// validateName adds a name to those of its object. A name that is not printable is left out of the pointer, which stops
// at the object.
func (s *scanner) validateName(i int, n name, t traits) {
	text := s.nameText(n)
	switch {
	case t&invalidTraits != 0:
		s.reject(i, InvalidUTF8, s.parent(), "a member's name: "+t.encoding())
	case t&control != 0:
		s.reject(i, InvalidAttribute, s.parent(),
			fmt.Sprintf("the member name %.60q contains a control character; remove it", text))
	default:
		s.countName(i, n, setOf(text))
	}
}

// countName adds a valid name to those of its object. set is the nameSet of the name.
func (s *scanner) countName(i int, n name, set nameSet) {
	s.event.tokens++
	s.event.members++
	switch {
	case s.event.tokens > s.limits.Tokens:
		s.rejectTokens(i, s.parent())
	case s.event.members > s.limits.Members:
		s.reject(i, LimitExceeded, s.parent(),
			fmt.Sprintf("the event has too many members at all levels together; the maximum is %d",
				s.limits.Members))
	case !s.addName(n, set):
		s.reject(i, DuplicateKey, s.pointer(), fmt.Sprintf("the object has the member %.60q twice; names must be unique",
			s.nameText(n)))
	}
}

// finish checks what only the end of the event shows. i is the index after the event; finish returns it.
func (s *scanner) finish(i int) int {
	if i < 0 {
		return -1
	}
	if s.event.code == "" && i-s.event.start > s.limits.EventBytes {
		s.event.code = TooLarge
	}
	if s.event.code == TooLarge {
		s.event.pointer = ""
		s.event.detail = fmt.Sprintf("the event has %d bytes; the maximum is %d", i-s.event.start, s.limits.EventBytes)
	}
	if s.event.code == "" && !s.isPayload {
		s.missing()
		s.decodeData()
	}
	if s.event.code != "" {
		s.compact = s.compact[:s.copied]
	}
	return i
}

// result returns the compacted text of the value that ends at end, with JSON in data_base64 as data. Where the value
// has no white space, the text is a part of the body.
func (s *scanner) result(end int) []byte {
	if text := s.compacted(end); s.event.decoded != nil {
		return withData(text, s.event.decoded)
	} else {
		return text
	}
}

func (s *scanner) compacted(end int) []byte {
	if s.pending == s.event.start {
		return s.text[s.pending:end:end]
	}
	s.compact = append(s.compact, s.text[s.pending:end]...)
	return s.compact[s.copied:len(s.compact):len(s.compact)]
}

// reject keeps the first fault. It ignores text beyond the maximum size of an event: there, the size is the fault.
func (s *scanner) reject(i int, code Code, pointer, detail string) {
	if s.event.code != "" {
		return
	}
	if i-s.event.start >= s.limits.EventBytes {
		code = TooLarge
	}
	s.event.code, s.event.pointer, s.event.detail = code, pointer, detail
}

// fail records a breach of the grammar.
func (s *scanner) fail(i int, need string) int {
	s.broken = syntaxError{at: i, need: need}
	s.compact = s.compact[:s.copied]
	return -1
}
