package event

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrLine means that AppendLine did not write this line. Retrying does not help.
var ErrLine = errors.New("not a line of an event")

// Fields is a set of paths, compiled for reading lines. It looks only at what lies on a path. It is immutable and safe
// for concurrent use.
type Fields struct {
	nodes   []node // a tree of names; nodes[0] is the event
	columns int
	wanted  int // number of nodes whose value a line may have
}

// node is a place in an event.
type node struct {
	names   []string // of its members that are on a path
	below   []int32  // their nodes
	columns []int32  // that take the value
	role    role
}

// role marks the nodes that every batch reads.
type role uint8

const (
	sourceRole role = iota + 1
	idRole
	timeRole
)

// NewFields compiles paths. Column j of a batch belongs to paths[j]. Paths may repeat, and one may be a prefix of
// another. The empty path is the whole line. A path leads through objects only, never into an array.
func NewFields(paths []Path) *Fields {
	f := &Fields{nodes: make([]node, 1), columns: len(paths)}
	// StampNode comes first.
	for i, name := range []string{"stamp", "source", "id", "time"} {
		f.nodes[f.node(Path{name})].role = role(i)
	}
	for j, path := range paths {
		at := f.node(path)
		f.nodes[at].columns = append(f.nodes[at].columns, int32(j))
	}
	for _, n := range f.nodes[stampNode+1:] {
		if n.isWanted() {
			f.wanted++
		}
	}
	return f
}

const (
	eventNode = 0
	stampNode = 1
)

func (n *node) isWanted() bool { return len(n.columns) > 0 || n.role != 0 }

// node returns the node at the end of path, and makes it if it does not exist.
func (f *Fields) node(path Path) int32 {
	at := int32(eventNode)
	for _, name := range path {
		below := f.nodes[at].member(name)
		if below == unwanted {
			below = int32(len(f.nodes))
			f.nodes[at].names, f.nodes[at].below = append(f.nodes[at].names, name), append(f.nodes[at].below, below)
			f.nodes = append(f.nodes, node{})
		}
		at = below
	}
	return at
}

// unwanted is the node of a member that is on no path.
const unwanted = -1

func (n *node) member(name string) int32 {
	if i := slices.Index(n.names, name); i >= 0 {
		return n.below[i]
	}
	return unwanted
}

// Scan appends lines, each ended by '\n', to b, and their fields to b's columns. A batch belongs to one Fields until it
// is reset.
//
// Scan expects lines that AppendLine wrote, and checks their syntax only up to the last wanted field. It always checks
// that a line is an object, that source and id are strings, that time is absent or valid for ParseTime, and that the
// last member is a stamp.
//
// Errors: ErrLine, with the number of the line (from 1) and what is wrong with it. Another error when b would exceed 4
// GiB, or when b has columns of other Fields. Neither is retryable. After an error b is unchanged.
func (f *Fields) Scan(lines []byte, b *Batch) error {
	start := len(b.Data)
	count, err := f.countLines(b, lines, start) // before it copies up to 4 GiB
	if err != nil {
		return err
	}
	b.Data = append(b.Data, lines...)
	return f.scan(b, start, count)
}

// ScanFrom is Scan of lines that the caller has appended to b.Data, from start on. After an error they are removed.
func (f *Fields) ScanFrom(b *Batch, start int) error {
	count, err := f.countLines(b, b.Data[start:], start)
	if err != nil {
		b.Data = b.Data[:start]
		return err
	}
	return f.scan(b, start, count)
}

// countLines counts lines that will follow the first behind bytes of a batch, and checks that the batch can take them.
func (f *Fields) countLines(b *Batch, lines []byte, behind int) (int, error) {
	count, err := countLines(lines, behind)
	if err == nil && b.Len() > 0 && len(b.Columns) != f.columns {
		err = fmt.Errorf("scan lines: the batch has %d columns of other fields, this scan needs %d: reset the batch first",
			len(b.Columns), f.columns)
	}
	return count, err
}

// NewBatch makes a batch of lines, as Scan does, but keeps the lines themselves instead of a copy. The caller must not
// change them afterwards.
func (f *Fields) NewBatch(lines []byte) (*Batch, error) {
	b := &Batch{Data: lines}
	return b, f.ScanData(b)
}

// ScanData reads the lines in b.Data, as Scan does. The batch has no rows yet.
func (f *Fields) ScanData(b *Batch) error {
	count, err := countLines(b.Data, 0)
	if err != nil {
		return err
	}
	return f.scan(b, 0, count)
}

// countLines counts the lines that will follow the first behind bytes of a batch.
func countLines(lines []byte, behind int) (int, error) {
	count := bytes.Count(lines, []byte{'\n'})
	switch {
	case len(lines) > 0 && lines[len(lines)-1] != '\n':
		return 0, fmt.Errorf("%w: line %d: missing '\\n' at its end", ErrLine, count+1)
	case uint64(behind)+uint64(len(lines)) > math.MaxUint32:
		return 0, fmt.Errorf("scan lines: a batch of %d bytes has no room for %d more: the maximum is %d", behind, len(lines),
			uint32(math.MaxUint32))
	}
	return count, nil
}

// scan reads the lines that begin at start of the batch's data into new rows. After an error it removes these rows.
func (f *Fields) scan(b *Batch, start, count int) error {
	row, data := b.Len(), start
	b.extend(count, f.columns)
	r := newReader(f, b)
	for n := range count {
		end := start + bytes.IndexByte(b.Data[start:], '\n')
		if !r.line(row+n, start, end) {
			b.truncate(row, data)
			return fmt.Errorf("%w: line %d: need %s", ErrLine, n+1, r.need)
		}
		start = end + 1
	}
	return nil
}

// extend appends empty rows to every column, but nothing to the data.
func (b *Batch) extend(rows, columns int) {
	b.Lines = extend(b.Lines, rows)
	b.Stamps = extend(b.Stamps, rows)
	b.Sources = extend(b.Sources, rows)
	b.IDs = extend(b.IDs, rows)
	b.Times = extend(b.Times, rows)
	if len(b.Columns) > columns {
		b.Columns = b.Columns[:columns]
	}
	b.Columns = extend(b.Columns, columns-len(b.Columns))
	for j := range b.Columns {
		b.Columns[j] = extend(b.Columns[j], rows)
	}
}

// extend appends n zero values.
func extend[T any](list []T, n int) []T {
	list = slices.Grow(list, n)[:len(list)+n]
	clear(list[len(list)-n:])
	return list
}

// truncate cuts the batch to the given numbers of rows and of bytes of data.
func (b *Batch) truncate(rows, data int) {
	b.Data, b.Lines, b.Stamps = b.Data[:data], b.Lines[:rows], b.Stamps[:rows]
	b.Sources, b.IDs, b.Times = b.Sources[:rows], b.IDs[:rows], b.Times[:rows]
	for j := range b.Columns {
		b.Columns[j] = b.Columns[j][:rows]
	}
}
