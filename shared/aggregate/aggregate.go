// Package aggregate says how to sum: it adds rows to states, merges states, presents them as JSON numbers, and encodes and decodes them.
//
// A state is the mergeable intermediate of one aggregate over some set of rows. Which rows went where, in which order, in how many pieces
// and through how many encodings never changes a bit of it: that is what lets a batch view and a speed view meet at query time, and what lets
// a rebuild be compared with a running view byte for byte. Numbers are exact decimals taken from JSON text; no float is ever involved.
//
// Place in the flow: package view parses events into columns of cells and [Decimal] arguments and hands them to [States.Add]; the stores keep what
// [States.AppendEncoded] gives; serving merges stored states and presents them.
//
// It does not know events, keys, windows, pages, stores or time. It has no clock, no randomness, no input or output and no lock: a States belongs
// to one goroutine at a time.
//
// One file per aggregate, one line per aggregate in the table below. Source: docs/design.md, section 4.
package aggregate

import (
	"errors"
	"fmt"
)

// Version is the engine's aggregate version. It is part of the hash that names a definition, and changes whenever the meaning or the encoding of
// any state does, so that states which mean different things never share a definition.
const Version = 1

// Errors of [States.MergeEncoded], wrapped with the function and what was wrong; compare with errors.Is.
var (
	// ErrCorrupt: the bytes are not the canonical encoding of a state of this function.
	ErrCorrupt = errors.New("aggregate: corrupt state")
	// ErrVersion: the bytes say they were written in an encoding version that this engine does not know; a newer engine may read them.
	ErrVersion = errors.New("aggregate: unknown encoding version")
)

// States holds the states of one function for many cells, column-wise. A cell is one key and window of a definition, numbered from 0 by the caller.
//
// Rows and skipped rows are counted up to 2^63-1 and stay there; a billion rows a second would take 292 years.
//
// Handing over a cell outside [0, Len()), columns of different lengths, or another function's States is a mistake of the caller, and panics as a
// wrong slice index does. Bytes are never trusted in that way: see MergeEncoded. Not safe for concurrent use.
type States interface {
	// Len is the number of cells.
	Len() int

	// Grow makes the number of cells n; the new ones are empty. It does nothing when there are n or more. Amortised, as append is.
	Grow(n int)

	// Reset goes back to no cells and keeps the memory.
	Reset()

	// Add adds row i to cell cells[i], for every i.
	//
	// Shape: args is not read by functions without an argument, and has the length of cells for the others. A row whose args[i].OK is false adds
	// nothing and is counted in Skipped of its cell.
	Add(cells []int32, args []Decimal)

	// Merge adds the rows of cell fromCell of another States of the same function to cell. It is commutative and associative, an empty cell changes
	// nothing, and from is only read. Merging rows that cell holds already counts them again.
	Merge(cell int, from States, fromCell int)

	// MergeEncoded merges the one encoded state at the front of enc into cell and gives back the bytes after it. enc is not kept.
	//
	// Errors: ErrCorrupt, ErrVersion. The cell is then unchanged and rest is nil.
	MergeEncoded(cell int, enc []byte) (rest []byte, err error)

	// AppendEncoded appends the encoding of cell, at most MaxEncoded bytes of the function. Equal states give equal bytes, on every platform, and no
	// encoding is the beginning of another.
	AppendEncoded(dst []byte, cell int) []byte

	// AppendPresented appends the answer of cell as a JSON number in plain decimal notation, or null where there is none.
	AppendPresented(dst []byte, cell int) []byte

	// Skipped is the number of rows of cell that had no number as argument. Always 0 for functions without an argument.
	Skipped(cell int) int64
}

// Function is one aggregate function of the engine. It is a small comparable value; Lookup makes it, and its zero value is no function.
type Function struct{ is *properties }

// properties is a line of the table of functions.
type properties struct {
	name       string // as written in views.yaml
	tag        tag    // the first byte of every encoded state
	args       int
	exact      bool
	maxEncoded int // bytes
	states     func() States
}

// functions is the table of functions, sorted by name. It is never written.
var functions = []properties{countFunction, maxFunction, meanFunction, minFunction, sumFunction}

// Lookup finds a function by the name it has in views.yaml.
func Lookup(name string) (Function, bool) {
	for i := range functions {
		if functions[i].name == name {
			return Function{&functions[i]}, true
		}
	}
	return Function{}, false
}

// Names lists every function, sorted: what an error message offers instead of an unknown one.
func Names() []string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].name
	}
	return names
}

// Name is the name in views.yaml: "sum".
func (f Function) Name() string { return f.is.name }

// Args is the number of arguments: 0 for count, 1 for the others.
func (f Function) Args() int { return f.is.args }

// Exact reports whether the answer is the true one for the rows added, rather than one within a stated error.
func (f Function) Exact() bool { return f.is.exact }

// MaxEncoded is the worst-case size of one encoded state, in bytes. It decides how many windows share a page.
func (f Function) MaxEncoded() int { return f.is.maxEncoded }

// New makes a States of this function without cells.
func (f Function) New() States { return f.is.states() }

// grow makes cells n long; the cells gained are zero, also where memory is used again.
func grow[T any](cells []T, n int) []T {
	if n <= len(cells) {
		return cells
	}
	if n > cap(cells) {
		grown := make([]T, n, max(n, 2*cap(cells)))
		copy(grown, cells)
		return grown
	}
	old := len(cells)
	cells = cells[:n]
	clear(cells[old:])
	return cells
}

// corrupt says what is wrong with an encoded state of the function with this tag.
func corrupt(of tag, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, of.function(), fmt.Sprintf(format, args...))
}
