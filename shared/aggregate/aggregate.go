// Package aggregate defines how to sum. It adds rows to states, merges states, presents them as JSON numbers, and
// encodes and decodes them.
//
// A state is the mergeable intermediate result of one aggregate over a set of rows. The state depends only on the set:
// the order of the rows, their grouping and any number of encodings in between never change a bit of it. So a batch
// view and a speed view can meet at query time, and a rebuild can be compared byte for byte with a running view.
// Numbers are decimals that are read from JSON text and rounded to 27 decimals before they are added to anything; no
// float is ever involved.
//
// Place in the flow: package view evaluates the arguments of a batch of events into a [Column] each and passes them
// as [Rows] to [States.Add]. The stores keep the bytes that [States.AppendEncoded] writes. Serving merges stored states
// and presents them.
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

	// Add adds row i to cell rows.Cells[i], for every i. It keeps nothing of rows.
	//
	// Shape: rows has the columns of the function. A row with a value that is not OK adds nothing; its cell counts it
	// in Skipped, once.
	Add(rows Rows)

	// Skip counts one skipped row in cells[i], for every i: rows that belong to no Add, since the condition of the
	// aggregate could not be evaluated for them.
	Skip(cells []int32)

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

	// AppendPresented appends the answer of cell as JSON: a number in plain decimal notation, what the function
	// documents, or null where there is none.
	AppendPresented(dst []byte, cell int, how Present) []byte

	// AppendError appends the error bound of what AppendPresented writes, as a JSON object: {"relative":0.01} or
	// {"absolute":12}. It appends nothing when the answer of cell is exact.
	AppendError(dst []byte, cell int) []byte

	// Agrees reports whether two cells may be states of the same rows: whether they are equal. The states of top that
	// hold estimates agree when their intervals overlap. other is a States of the same function.
	Agrees(cell int, other States, otherCell int) bool

	// Skipped is the number of skipped rows of cell, for whatever Reason.
	Skipped(cell int) int64
}

// Sized is a States whose cells take as much memory as what they hold. The cells of all others take MaxEncoded bytes
// at most, or little more.
type Sized interface {
	// Bytes is how many bytes of memory a cell takes. It is a count of what the cell holds: the same on every platform.
	Bytes(cell int) int
}

// Function is one aggregate function of the engine, with the shape of its call. It is a small comparable value. Lookup
// and With return it; the zero value is not a function.
type Function struct {
	is        *properties
	arguments int // how many the call has
	parameter int // 0 for a function without one
}

// properties is a line of the table of functions.
type properties struct {
	name      string // as written in views.yaml
	tag       tag    // the first byte of every encoded state
	arguments []Kind
	optional  int // how many of the last arguments may be left out
	parameter Parameter
	ordered   bool
	exact     bool
	noNumber  bool // its answers are texts, arrays or whatever an event has

	// encoded returns the sizes of an encoded state in bytes: see TypicalEncoded and MaxEncoded.
	encoded func(parameter int) (typical, worst int)

	states   func(f Function) States
	readings []Reading                              // see Function.Readings
	parse    func(name string) (r Reading, ok bool) // nil: the function has no readings
}

// Parameter is the integer that a function takes, written as a literal: the 10 of top(x, 10). The zero Parameter is
// none.
type Parameter struct {
	At          int // its place among what is written between the parentheses, from 0
	Least, Most int
}

// sized is the encoded of a function whose states have these sizes whatever its parameter is.
func sized(typical, worst int) func(int) (int, int) {
	return func(int) (int, int) { return typical, worst }
}

// functions is the table of functions, sorted by name. Nothing writes to it.
var functions = []properties{
	countFunction, distinctFunction, firstFunction, lastFunction, maxFunction, meanFunction, minFunction,
	quantilesFunction, rateFunction, stddevFunction, sumFunction, topFunction, varianceFunction,
}

// Lookup finds a function by the name it has in views.yaml. It has all its arguments and the greatest parameter.
func Lookup(name string) (Function, bool) {
	for i := range functions {
		if functions[i].name == name {
			f := Function{is: &functions[i]}
			return f.With(len(f.is.arguments), f.is.parameter.Most), true
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

// With returns the function of a call with this number of arguments, from Required to as many as Arguments lists for
// Lookup's Function, and this parameter, which is within its bounds.
func (f Function) With(arguments, parameter int) Function {
	return Function{is: f.is, arguments: arguments, parameter: parameter}
}

// Arguments returns the kinds of the call's arguments, in order. The caller must not change them.
func (f Function) Arguments() []Kind { return f.is.arguments[:f.arguments] }

// Required is how many arguments a call must have.
func (f Function) Required() int { return len(f.is.arguments) - f.is.optional }

// Parameter is the integer parameter that a call must have; false: the function has none.
func (f Function) Parameter() (p Parameter, ok bool) {
	return f.is.parameter, f.is.parameter != Parameter{}
}

// ParameterValue is the parameter of the call, or 0.
func (f Function) ParameterValue() int { return f.parameter }

// Ordered reports whether the answer depends on the times of the rows: Rows then has Times and Identities.
func (f Function) Ordered() bool { return f.is.ordered }

// Readings are the numbers that an answer shows of a state when a query names none. It is empty for a function whose
// answer is one value. The caller must not change it.
func (f Function) Readings() []Reading { return f.is.readings }

// ParseReading finds the reading that a query names; false: the function has none of this name.
func (f Function) ParseReading(name string) (Reading, bool) {
	if f.is.parse == nil {
		return Reading{}, false
	}
	return f.is.parse(name)
}

// IsNumber reports whether the answer of a function without readings is a number, or null, and so is each reading.
func (f Function) IsNumber() bool { return !f.is.noNumber }

// Exact reports whether the presented number is the true one for the added rows, instead of an estimate with a stated
// error.
func (f Function) Exact() bool { return f.is.exact }

// MaxEncoded is the worst-case size of one encoded state, in bytes. No state passes it.
func (f Function) MaxEncoded() int {
	_, worst := f.is.encoded(f.parameter)
	return worst
}

// TypicalEncoded is the size of one encoded state, in bytes, that most states keep to. It and MaxEncoded decide how
// many windows share a page.
func (f Function) TypicalEncoded() int {
	typical, _ := f.is.encoded(f.parameter)
	return typical
}

// New makes a States of this function without cells.
func (f Function) New() States { return f.is.states(f) }

// exactStates is the AppendError of a States whose answers are always exact.
type exactStates struct{}

// AppendError implements States.
func (exactStates) AppendError(dst []byte, _ int) []byte { return dst }

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
