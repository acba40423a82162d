package event

import (
	"strconv"
	"strings"
)

// maxPointer is the maximum length of a rejection's pointer, in bytes. A longer pointer stops at a container around the
// place.
const maxPointer = 512

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointer returns the pointer to the value that is being read.
//
// Source: RFC 6901.
func (s *scanner) pointer() string { return s.pointerTo(len(s.frames)) }

// parent returns the pointer to the container that is being read.
func (s *scanner) parent() string { return s.pointerTo(len(s.frames) - 1) }

func (s *scanner) pointerTo(depth int) string {
	var b strings.Builder
	for d := range depth {
		part := s.part(d)
		if b.Len()+1+len(part) > maxPointer {
			break
		}
		b.WriteByte('/')
		b.WriteString(part)
	}
	return b.String()
}

// part returns the step from the container at depth d to the value inside it that is being read.
func (s *scanner) part(d int) string {
	if f := s.frames[d]; f.array {
		return strconv.Itoa(f.index)
	}
	// The names of the container inside begin after the current one of this.
	current := len(s.names.list) - 1
	if d+1 < len(s.frames) {
		current = s.frames[d+1].first - 1
	}
	return pointerEscapes.Replace(string(s.nameText(s.names.list[current])))
}
