package event

import "strconv"

// forms holds the forms of accepted events: their text without the values. An event of a known form differs from an
// accepted one in values only. So its names, nesting and counts need no check, and the scanner checks the values alone.
//
// The forms are a tree, since events begin alike. A path from the root stands for the beginning of an accepted event.
type forms struct {
	pieces []piece // pieces[0] is the root, which has no text
}

// piece is the text between two values of an event, and the kind of the value behind it.
type piece struct {
	text      []byte // behind a string it begins with the closing quote, before one it ends with the opening quote
	kind      Kind   // String, Number, or True for every literal; Missing: the event ends
	attribute attribute
	first     int32 // the first of the pieces that may follow, or none
	next      int32 // another piece that may stand in this one's place, or none
}

const (
	// maxPieces bounds the tree. An event of a form that no longer fits is read like one of an unknown form.
	maxPieces = 512

	// maxChoices bounds the pieces that may follow one piece: follow looks at one after the other. Events whose names
	// differ from event to event, such as ids, must not cost a look at hundreds of them.
	maxChoices = 16
)

// known reads an event of a known form that begins at i, and returns the index after it. It returns -1 when the form is
// unknown, and when a value is invalid or needs a closer look. The event must then be read from its beginning by value.
func (s *scanner) known(i int) (end int) {
	if len(s.forms.pieces) == 0 {
		return -1
	}
	s.event.start, s.event.code, s.event.envelope, s.event.decoded = i, "", envelope{}, nil
	s.copied, s.pending = len(s.compact), i
	for at := int32(0); ; {
		if at, i = s.forms.follow(at, s.text, i); at == none {
			return -1
		}
		p, from, t := &s.forms.pieces[at], i, traits(0)
		switch p.kind {
		case Missing:
			if i-s.event.start > s.limits.EventBytes {
				return -1
			}
			return i
		case String:
			i, t = s.str(i)
			i-- // the closing quote is in the next piece
		default:
			i, _, t = s.token(i)
		}
		if i < 0 || t&invalidTraits != 0 || p.attribute != eventData && !s.holds(p, s.text[from:i:i], t) {
			return -1
		}
	}
}

// follow returns the piece behind another one that stands in the text at i, and the index after it.
func (f *forms) follow(behind int32, text []byte, i int) (at int32, end int) {
	for at = f.pieces[behind].first; at != none; at = f.pieces[at].next {
		p := &f.pieces[at]
		if end = i + len(p.text); end <= len(text) && string(text[i:end]) == string(p.text) &&
			(p.kind == String || p.kind == Missing || end < len(text) && p.kind == bareKind(text[end])) {
			return at, end
		}
	}
	return none, i
}

// bareKind returns the kind, in a piece, of the value that begins with c: Missing if it is neither a number nor a
// literal.
func bareKind(c byte) Kind {
	switch {
	case c == '-' || c-'0' <= 9:
		return Number
	case c == 't' || c == 'f' || c == 'n':
		return True
	}
	return Missing
}

// holds reports whether the value of an attribute is valid, as scanner.attribute does, and keeps source and id. It
// returns false for a value that takes longer to check, such as a string with escapes: value then reads the event.
func (s *scanner) holds(p *piece, text []byte, t traits) bool {
	if p.kind == Number { // of an extension
		_, err := strconv.ParseInt(string(text), 10, 32)
		return err == nil
	}
	if t != 0 || len(text) == 0 && p.attribute != extension {
		return false
	}
	switch p.attribute {
	case specVersion:
		return string(text) == "1.0"
	case eventID:
		s.event.envelope.id = text
		return len(text) <= s.limits.IDBytes
	case eventSource:
		s.event.envelope.source = text
		return len(text) <= s.limits.SourceBytes
	case eventTime:
		_, ok := ParseTime(text)
		return ok
	}
	return true
}

// learn adds the form of an accepted event, given its text without white space, unless the tree is full or the form is
// one that holds cannot check.
func (f *forms) learn(text []byte) {
	if len(f.pieces) == 0 {
		f.pieces = append(make([]piece, 0, 32), piece{first: none, next: none})
	}
	behind, from, depth := int32(0), 0, 0
	current := eventData
	for i := 0; ; {
		switch c := text[i]; {
		case c == '"':
			end, isEscaped := closing(text, i+1)
			if text[end+1] != ':' {
				behind, from, i = f.add(behind, text[from:i+1], String, current), end, end+1
				break
			}
			if depth == 1 {
				if current = attributeOf(text[i+1 : end]); isEscaped || current == dataBase64 {
					return
				}
			}
			i = end + len(`":`)
		case bareKind(c) != Missing:
			if current != eventData && current != extension {
				return
			}
			behind = f.add(behind, text[from:i], bareKind(c), current)
			i = pastBare(text, i)
			from = i
		case c == '{' || c == '[':
			depth, i = depth+1, i+1
		case c == '}' || c == ']':
			depth, i = depth-1, i+1
		default: // a comma
			i++
		}
		if behind == none {
			return
		}
		if depth == 0 {
			f.add(behind, text[from:], Missing, current)
			return
		}
	}
}

// add returns the piece with the given content behind another one, and adds it when there is none. It returns none when
// the tree is full, or when maxChoices pieces follow the other one.
func (f *forms) add(behind int32, text []byte, kind Kind, a attribute) int32 {
	at, others := f.pieces[behind].first, 0
	for ; at != none; at = f.pieces[at].next {
		if p := &f.pieces[at]; p.kind == kind && string(p.text) == string(text) {
			return at
		}
		others++
	}
	if len(f.pieces) == maxPieces || others == maxChoices {
		return none
	}
	at = int32(len(f.pieces))
	f.pieces = append(f.pieces, piece{text: text, kind: kind, attribute: a, first: none, next: f.pieces[behind].first})
	f.pieces[behind].first = at
	return at
}
