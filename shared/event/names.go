package event

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"
)

// names holds the member names of the open objects, an inner object's names after those of the outer one, and finds
// duplicates. It sorts instead of hashing, so an object with many members stays cheap whatever its names are.
type names struct {
	list  []name
	order []uint32 // order[first:] are the indices of list[first:], sorted by text; kept for objects of many members
}

// name is a range of the text, or of the scanner's unescaped text.
type name struct {
	start, end int
	unescaped  bool
}

// nameSet is a set of names an object may have. Each bit stands for 1/64 of all names.
type nameSet uint64

// fewNames is the maximum number of names that are compared one by one.
const fewNames = 16

// addName adds a name to the innermost object and reports whether the name is new there.
func (s *scanner) addName(n name, set nameSet) bool {
	object := &s.frames[len(s.frames)-1]
	isNew := true
	switch count := len(s.names.list) - object.first; {
	case count >= fewNames:
		isNew = s.insertName(object.first, s.nameText(n))
	case object.names&set != 0:
		isNew = !s.hasName(object.first, s.nameText(n))
	}
	object.names |= set
	s.names.list = append(s.names.list, n)
	return isNew
}

// hasName reports whether one of the names from first on equals text.
func (s *scanner) hasName(first int, text []byte) bool {
	for _, n := range s.names.list[first:] {
		if string(s.nameText(n)) == string(text) {
			return true
		}
	}
	return false
}

func (s *scanner) nameText(n name) []byte {
	if n.unescaped {
		return s.unescaped[n.start:n.end]
	}
	return s.text[n.start:n.end]
}

// setOf returns the set of one name. The bit depends on the name's length and its two ends. Names that share a bit only
// cost a comparison.
func setOf(text []byte) nameSet {
	var first, last uint64
	switch n := len(text); {
	case n >= 8:
		first, last = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(text)), uint64(binary.LittleEndian.Uint32(text[n-4:]))
	case n > 0:
		first, last = uint64(text[0])|uint64(text[n/2])<<8, uint64(text[n-1])
	}
	mixed := (first ^ last<<29 ^ last>>35 ^ uint64(len(text))<<56) * 0x9e3779b97f4a7c15
	return 1 << (mixed >> 58)
}

// insertName inserts the index that a new name will have into the sorted order of its object. It reports false when the
// object has the name.
func (s *scanner) insertName(first int, text []byte) bool {
	n := &s.names
	if len(n.list)-first == fewNames {
		s.sortNames(first)
	}
	order := n.order[first:len(n.list)]
	at, found := sort.Find(len(order), func(i int) int { return bytes.Compare(text, s.nameText(n.list[order[i]])) })
	n.order = slices.Insert(n.order[:len(n.list)], first+at, uint32(len(n.list)))
	return !found
}

// sortNames begins the order of the object whose names begin at first.
func (s *scanner) sortNames(first int) {
	n := &s.names
	for len(n.order) < len(n.list) {
		n.order = append(n.order, 0)
	}
	n.order = n.order[:len(n.list)]
	for i := first; i < len(n.list); i++ {
		n.order[i] = uint32(i)
	}
	slices.SortFunc(n.order[first:], func(a, b uint32) int {
		return bytes.Compare(s.nameText(n.list[a]), s.nameText(n.list[b]))
	})
}
