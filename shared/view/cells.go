package view

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// cells numbers the keys of events, and their cells. A cell is one window of one key; its number is the index of its
// states. Keys have numbers of their own, so that a cell is found and ordered by two numbers.
type cells struct {
	byKey  index
	texts  []Key // by number
	byName index
	names  []cellName // by number of the cell
}

// cellName names a cell by the number of its key.
type cellName struct {
	key    int32
	window Window
}

// seed chooses the hashes of keys. It differs in each process, so nobody can choose keys that crowd one place of a
// table. No answer depends on it.
type seed struct {
	text maphash.Seed
	odd  uint64 // spreads the windows of a key
}

func newSeed() seed {
	s := seed{text: maphash.MakeSeed()}
	s.odd = maphash.Bytes(s.text, nil) | 1
	return s
}

func (s seed) ofKey(encoded []byte) uint64 { return maphash.Bytes(s.text, encoded) }

// ofCell returns the hash of a window of a key, from that of the key.
func (s seed) ofCell(key uint64, window Window) uint32 {
	return uint32((key ^ uint64(window)*s.odd) * s.odd >> 32)
}

// index finds the numbers of keys or cells by their hashes. It is an open-addressed table: a map of strings took three
// times as long.
type index struct {
	slots  []int32  // a number plus one, 0 for none, where its hash points or at the next free slot
	hashes []uint32 // by number
}

// next returns the first number with the given hash, from a slot on, and the slot after it. The number is -1 when there
// is none.
func (x *index) next(slot, hash uint32) (number int32, after uint32) {
	mask := uint32(len(x.slots) - 1)
	for len(x.slots) > 0 {
		number = x.slots[slot&mask] - 1
		if slot++; number < 0 || x.hashes[number] == hash {
			return number, slot
		}
	}
	return -1, slot
}

// add adds the next number.
func (x *index) add(hash uint32) {
	x.hashes = append(x.hashes, hash)
	if 2*len(x.hashes) > len(x.slots) {
		x.slots = make([]int32, max(16, 2*len(x.slots)))
		for number, hash := range x.hashes {
			x.put(hash, int32(number))
		}
		return
	}
	x.put(hash, int32(len(x.hashes)-1))
}

func (x *index) put(hash uint32, number int32) {
	mask := uint32(len(x.slots) - 1)
	slot := hash & mask
	for x.slots[slot] != 0 {
		slot = (slot + 1) & mask
	}
	x.slots[slot] = number + 1
}

// key returns the number of an encoded key, which gets one when it has none.
func (c *cells) key(hash uint64, encoded []byte) int32 {
	for slot, number := uint32(hash), int32(0); ; {
		if number, slot = c.byKey.next(slot, uint32(hash)); number < 0 {
			break
		}
		if string(c.texts[number]) == string(encoded) {
			return number
		}
	}
	c.byKey.add(uint32(hash))
	c.texts = append(c.texts, Key(encoded))
	return int32(len(c.texts) - 1)
}

// cell returns the number of a cell, which gets one when it has none.
func (c *cells) cell(hash uint32, name cellName) int32 {
	for slot, number := hash, int32(0); ; {
		if number, slot = c.byName.next(slot, hash); number < 0 {
			break
		}
		if c.names[number] == name {
			return number
		}
	}
	c.byName.add(hash)
	c.names = append(c.names, name)
	return int32(len(c.names) - 1)
}

// ofKey holds all cells of a key, in order of window.
type ofKey struct {
	key   Key
	cells []pageCell
}

// pageCell is a cell with its window.
type pageCell struct {
	window Window
	cell   int32
}

// sorted returns the keys in the order of their bytes, each with its cells.
func (c *cells) sorted() []ofKey {
	keys := make([]ofKey, len(c.texts))
	counts := make([]int32, len(c.texts))
	for _, name := range c.names {
		counts[name.key]++
	}
	all := make([]pageCell, len(c.names))
	for key, rest := 0, all; key < len(keys); key++ {
		keys[key] = ofKey{c.texts[key], rest[:0:counts[key]]}
		rest = rest[counts[key]:]
	}
	for cell, name := range c.names {
		of := &keys[name.key]
		of.cells = append(of.cells, pageCell{name.window, int32(cell)})
	}
	for _, k := range keys {
		slices.SortFunc(k.cells, func(a, b pageCell) int { return cmp.Compare(a.window, b.window) })
	}
	slices.SortFunc(keys, func(a, b ofKey) int { return strings.Compare(string(a.key), string(b.key)) })
	return keys
}
