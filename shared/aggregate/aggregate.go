// Package aggregate defines how to sum. It adds rows to states, merges states, presents them as JSON numbers, and
// encodes and decodes them.
//
// A state is the mergeable intermediate result of one aggregate over a set of rows. The state depends only on the set:
// the order of the rows, their grouping and any number of encodings in between never change a bit of it. So a batch
// view and a speed view can meet at query time, and a rebuild can be compared byte for byte with a running view.
// Numbers are decimals that are read from JSON text and rounded to 27 decimals before they are added to anything; no
// float is ever involved.
//
// Place in the flow: package view parses events into columns of cells and [Decimal] arguments and passes them to
// [States.Add]. The stores keep the bytes that [States.AppendEncoded] writes. Serving merges stored states and presents
// them.
//
// The package does not know events, keys, windows, pages, stores or time. It has no clock, no randomness, no I/O and no
// lock: one goroutine at a time uses a States.
//
// Each aggregate has its own file and one line in the table of functions below. Source: docs/design.md, section 4.
package aggregate

import (
	"errors"
	"fmt"
)

// Errors of [States.MergeEncoded], wrapped with the function and what was wrong; compare with errors.Is.
var (
	// ErrCorrupt means that the bytes are not the canonical encoding of a state of this function. Retrying does not
	// help.
	ErrCorrupt = errors.New("aggregate: corrupt state")
	// ErrVersion means that the bytes have an encoding version that this engine does not know. A newer engine may read
	// them.
	ErrVersion = errors.New("aggregate: unknown encoding version")
)

// States holds the states of one function for many cells, one column per part of the state. A cell is one key and
// window of a definition; the caller numbers cells from 0.
//
// Counts of rows and of skipped rows stop at 2^63-1. At a billion rows a second that takes 292 years.
//
// A cell outside [0, Len()), columns of different lengths, and a States of another function are programming errors.
// They panic, as a wrong slice index does. Encoded bytes are never trusted in that way: see MergeEncoded. States is not
// safe for concurrent use.
type States interface {
	// Len is the number of cells.
	Len() int

	// Grow raises the number of cells to n; the new cells are empty. It does nothing when there are n or more. Its cost
	// is amortised, like that of append.
	Grow(n int)

	// Reset removes all cells and keeps the memory.
	Reset()

	// Add adds row i to cell cells[i], for every i.
	//
	// Shape: args is as long as cells. A function without an argument ignores it. A row whose args[i].OK is false adds
	// nothing; its cell counts it in Skipped.
	Add(cells []int32, args []Decimal)

	// Merge adds the rows of cell fromCell of another States of the same function to cell. It is commutative and
	// associative, and merging an empty cell changes nothing. It only reads from. Merging rows that cell already holds
	// counts them again.
	Merge(cell int, from States, fromCell int)

	// MergeEncoded merges the encoded state at the front of enc into cell and returns the bytes after it. It does not
	// keep enc.
	//
	// Errors: ErrCorrupt, ErrVersion. Neither is retryable. The cell is then unchanged and rest is nil.
	MergeEncoded(cell int, enc []byte) (rest []byte, err error)

	// AppendEncoded appends the encoding of cell, at most MaxEncoded bytes of the function. Equal states have equal
	// bytes on every platform, and no encoding is a prefix of another.
	AppendEncoded(dst []byte, cell int) []byte

	// AppendPresented appends the answer of cell as a JSON number in plain decimal notation, or null where there is
	// none.
	AppendPresented(dst []byte, cell int) []byte

	// Skipped is the number of rows of cell whose argument gave no number, for whatever Reason. It is always 0 for
	// functions without an argument.
	Skipped(cell int) int64
}

// Function is one aggregate function of the engine. It is a small comparable value. Lookup returns it; the zero value
// is not a function.
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

// functions is the table of functions, sorted by name. Nothing writes to it.
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

// Names lists every function, sorted. Error messages list these names when a function is unknown.
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

// Exact reports whether the presented number is the true one for the added rows, instead of an estimate with a stated
// error.
func (f Function) Exact() bool { return f.is.exact }

// MaxEncoded is the worst-case size of one encoded state, in bytes. It decides how many windows share a page.
func (f Function) MaxEncoded() int { return f.is.maxEncoded }

// New makes a States of this function without cells.
func (f Function) New() States { return f.is.states() }

// grow makes cells n long. New cells are zero, even where grow reuses memory.
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

// corrupt returns the error for a corrupt encoded state of the function with this tag.
func corrupt(of tag, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, of.function(), fmt.Sprintf(format, args...))
}
