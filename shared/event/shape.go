package event

import (
	"bytes"
	"encoding/binary"
)

// shape predicts the order of the members of objects. The events of one producer mostly agree. Where the member that
// followed last time follows again, its name need not be parsed.
//
// Its effect, as the fastest of 6 runs against the same code with a shape that predicts nothing (go1.26, an AMD EPYC
// that others used too): BenchmarkScan/three_fields 239 ns an event instead of 639, where_key_and_sum 220 instead of
// 655, to_the_last_field 552 instead of 788; BenchmarkValidate 916 instead of 1097.
type shape struct {
	heads   int
	members []shapeMember // members[:heads] stand for the beginnings of objects
}

type shapeMember struct {
	first, last uint64 // 8 bytes from the beginning and to the end of `"name":`; of fewer, all of them twice, under mask
	mask        uint64
	back        int // where last begins, in bytes after first
	start, size int // of `"name":` in the text

	object  int32   // the head that stands for the beginning of its object
	next    int32   // the member that last came after it, or none
	meaning int32   // of the name, to the owner of the shape
	set     nameSet // the one of the name alone
}

const (
	none = -1

	// maxMembers bounds what is remembered, since a member that was not expected is searched there.
	maxMembers = 64
)

// newShape makes a shape that predicts nothing. Its first heads members stand for the beginnings of objects: depths in
// a scanner, nodes in a reader.
func newShape(heads int) shape {
	s := shape{heads: heads, members: make([]shapeMember, heads, heads+maxMembers/4)}
	s.forget()
	return s
}

func (s *shape) forget() {
	s.members = s.members[:s.heads]
	for i := range s.members {
		s.members[i].next = none
	}
}

// begin is called before each event. It clears a full shape.
func (s *shape) begin() {
	if s.isFull() {
		s.forget()
	}
}

func (s *shape) isFull() bool { return len(s.members) == s.heads+maxMembers }

// standsAt reports whether `"name":` stands in the text at i. It may miss one that ends within 8 bytes of the end of
// the text.
func (m *shapeMember) standsAt(text []byte, i int) bool {
	if i+m.back+8 > len(text) {
		return false
	}
	first, last := binary.LittleEndian.Uint64(text[i:]), binary.LittleEndian.Uint64(text[i+m.back:])
	return ((first^m.first)|(last^m.last))&m.mask == 0 && (m.size <= 16 || m.agrees(text, i))
}

func (m *shapeMember) agrees(text []byte, i int) bool {
	return string(text[i:i+m.size]) == string(text[m.start:m.start+m.size])
}

// find returns the member of an object whose `"name":` stands in the text from start to end, and predicts it after last
// from now on. It returns none when the shape does not hold the member.
func (s *shape) find(text []byte, object, last int32, start, end int) int32 {
	for i := s.heads; i < len(s.members); i++ {
		m := &s.members[i]
		if m.object == object && m.size == end-start && bytes.Equal(text[m.start:m.start+m.size], text[start:end]) {
			s.members[last].next = int32(i)
			return int32(i)
		}
	}
	return none
}

// add stores a member that find did not find, and predicts it after last. It does nothing when the shape is full.
func (s *shape) add(text []byte, object, last int32, start, end int, meaning int32) int32 {
	if s.isFull() {
		return last
	}
	m := shapeMember{start: start, size: end - start, mask: ^uint64(0), object: object, next: none, meaning: meaning}
	if m.size < 8 {
		m.mask >>= 8 * (8 - m.size)
	} else {
		m.back = m.size - 8
	}
	var ends [16]byte
	copy(ends[:8], text[start:end])
	copy(ends[8:], text[start+m.back:end])
	m.first, m.last = binary.LittleEndian.Uint64(ends[:8]), binary.LittleEndian.Uint64(ends[8:])
	m.set = setOf(text[start+1 : end-2])
	s.members = append(s.members, m)
	s.members[last].next = int32(len(s.members) - 1)
	return s.members[last].next
}
