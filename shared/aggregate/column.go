package aggregate

import "github.com/dchest/siphash"

// Rows is a batch of rows for one aggregate, in columns. All slices that are set have the same length.
type Rows struct {
	Cells   []int32  // the cell of each row
	Columns []Column // one per argument of the call, in the order of Function.Arguments

	// Only for functions that are Ordered; otherwise nil.
	Times      []int64     // the event time of each row, in Unix milliseconds
	Identities [][2]uint64 // a 128-bit hash of each row's event, by a fixed key, over its source and id
}

// Column is the values of one argument, one per row. Only the slice of the argument's kind is set. A value that is not
// OK says why; its row adds nothing to the cell but a skipped row.
type Column struct {
	Numbers []Decimal
	Scalars []Scalar
	Hashes  []Hash
}

// Lack returns why row i has no value; lacks is false when it has one.
func (c *Column) Lack(i int) (why Reason, lacks bool) {
	switch {
	case c.Numbers != nil:
		return c.Numbers[i].Why, !c.Numbers[i].OK
	case c.Scalars != nil:
		return c.Scalars[i].Why, !c.Scalars[i].OK
	}
	return c.Hashes[i].Why, !c.Hashes[i].OK
}

// Kind says in which form a function takes an argument.
type Kind uint8

// The kinds of arguments: the slice of a Column that is set.
const (
	Numbers Kind = iota // decimal arithmetic
	Scalars             // a string, a number, or true or false
	Hashes              // like Scalars, but only the hash of each value
	Weights             // like Numbers, and in the same slice, but not below 0: see Decimal.Weight
)

// Scalar is a string, a number, or true or false. Its Text is the one that the value has in a key, so equal values have
// equal texts: a string as it is, a number in its shortest form, true or false.
type Scalar struct {
	Kind ScalarKind
	Text []byte // valid only during Add: a States copies what it keeps
	OK   bool
	Why  Reason // when it is not OK
}

// ScalarKind distinguishes the string 1 from the number 1. Stores keep its number.
type ScalarKind uint8

// The kinds of scalars.
const (
	String ScalarKind = iota
	Number
	Bool
)

// Hash is the hash of a Scalar: see HashOf.
type Hash struct {
	Sum uint64
	OK  bool
	Why Reason // when it is not OK
}

// HashOf returns the hash of a scalar. Each kind has its own key, so the string 1 and the number 1 have different
// hashes. Stored states hold such hashes, so the keys are constants of the engine. They are not secret.
//
// Source: SipHash-2-4, Aumasson and Bernstein 2012.
func HashOf(kind ScalarKind, text []byte) uint64 {
	return siphash.Hash(hashKey0, hashKey1^uint64(kind), text)
}

// The key of HashOf for a String: "anabranch engine" in ASCII, each half read as a little-endian word.
const (
	hashKey0 = 0x636e617262616e61
	hashKey1 = 0x656e69676e652068
)

// Present says how to present a cell.
type Present struct {
	// Seconds is the length of the time that the cell covers: of its window, step or range. Rates are per second of it.
	Seconds int64

	// Reading is one of those that the function parsed or listed; the zero Reading for a function without readings.
	Reading Reading
}

// Reading names one of several numbers that a state holds, such as the quantile "p99.9".
type Reading struct {
	Name  string
	Value int // what the function made of the name
}
