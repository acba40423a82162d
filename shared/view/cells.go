package view

import (
	"cmp"
	"slices"
	"strings"
)

// cells numbers the keys of events, and their cells. A cell is one window of one key; its number is the index of its
// states. Keys have numbers of their own, so that a cell is found and ordered by two numbers.
type cells struct {
	keys    map[Key]int32 // encoded key -> number
	texts   []Key         // by number
	numbers map[cellName]int32
	names   []cellName // by number of the cell
}

// cellName names a cell by the number of its key.
type cellName struct {
	key    int32
	window Window
}

func newCells() cells { return cells{keys: map[Key]int32{}, numbers: map[cellName]int32{}} }

// len returns the number of cells.
func (c *cells) len() int { return len(c.names) }

// key returns the number of an encoded key, which gets one when it has none.
func (c *cells) key(encoded []byte) int32 {
	number, ok := c.keys[Key(encoded)]
	if !ok {
		number = int32(len(c.texts))
		text := Key(encoded)
		c.keys[text], c.texts = number, append(c.texts, text)
	}
	return number
}

// cell returns the number of a cell, which gets one when it has none.
func (c *cells) cell(name cellName) int32 {
	number, ok := c.numbers[name]
	if !ok {
		number = int32(len(c.names))
		c.numbers[name], c.names = number, append(c.names, name)
	}
	return number
}

// keysIn returns, for each key of other, the number that it has here.
func (c *cells) keysIn(other *cells) []int32 {
	into := make([]int32, len(other.texts))
	for from, text := range other.texts {
		into[from] = c.key([]byte(text))
	}
	return into
}

// ofKey holds all cells of a key, in order of window.
type ofKey struct {
	key   int32
	cells []int32
}

// sorted returns the keys in the order of their bytes, each with its cells.
func (c *cells) sorted() []ofKey {
	keys := make([]ofKey, len(c.texts))
	counts := make([]int32, len(c.texts))
	for _, name := range c.names {
		counts[name.key]++
	}
	all := make([]int32, len(c.names))
	for key, rest := 0, all; key < len(keys); key++ {
		keys[key] = ofKey{int32(key), rest[:0:counts[key]]}
		rest = rest[counts[key]:]
	}
	for cell, name := range c.names {
		keys[name.key].cells = append(keys[name.key].cells, int32(cell))
	}
	for _, k := range keys {
		slices.SortFunc(k.cells, func(a, b int32) int { return cmp.Compare(c.names[a].window, c.names[b].window) })
	}
	slices.SortFunc(keys, func(a, b ofKey) int { return strings.Compare(string(c.texts[a.key]), string(c.texts[b.key])) })
	return keys
}
