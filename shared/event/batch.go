package event

// Path leads from the top of an event to one field, for example {"data", "path"}.
type Path []string

// Kind is the JSON type of a value. Missing means that the event has no such field.
type Kind uint8

// The kinds of a Value.
const (
	Missing Kind = iota
	Null
	False
	True
	Number
	String
	Object
	Array
)

// Value locates the text of one field in Batch.Data: a string without its quotes, any other value as in JSON. The zero
// Value is a missing field. A Value holds no pointer, so columns of values cost the garbage collector nothing.
type Value struct {
	Start, End uint32
	Kind       Kind
	Escaped    bool // a string with backslash escapes; Batch.Text resolves them
}

// Span is a range of Batch.Data, half-open.
type Span struct{ Start, End uint32 }

// Batch holds lines and the fields that were extracted from them, one column per field. Row i of every column belongs
// to line i. A Batch is reused: Fields.Scan appends to it, and Reset empties it and keeps the memory.
type Batch struct {
	Data    []byte   // the lines, each ended by '\n'
	Lines   []Span   // the lines without their line ends
	Stamps  []Stamp  // one per line; always valid, since a line must have a stamp
	Sources []Value  // always strings
	IDs     []Value  // always strings
	Times   []Millis // event times, rounded down; the arrival where the event has no time
	Columns [][]Value
}

// Len is the number of lines.
func (b *Batch) Len() int { return len(b.Lines) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Data, b.Lines, b.Stamps = b.Data[:0], b.Lines[:0], b.Stamps[:0]
	b.Sources, b.IDs, b.Times = b.Sources[:0], b.IDs[:0], b.Times[:0]
	for i := range b.Columns {
		b.Columns[i] = b.Columns[i][:0]
	}
}

// Raw returns the JSON text of v. A string comes without its quotes and with its escapes. The text is valid until the
// batch is reset.
func (b *Batch) Raw(v Value) []byte { return b.Data[v.Start:v.End] }

// Text returns Raw with the escapes of a string resolved. Text without escapes is a part of the batch's data. Other
// text is written to scratch, which Text returns for reuse.
func (b *Batch) Text(v Value, scratch []byte) (text, grown []byte) {
	raw := b.Raw(v)
	if !v.Escaped {
		return raw, scratch
	}
	scratch = appendUnescaped(scratch[:0], raw)
	return scratch, scratch
}

// Identity returns the identity of row i under the archive's key. scratch is memory to reuse; Identity returns it.
func (b *Batch) Identity(i int, key HashKey, scratch []byte) (Identity, []byte) {
	source, id := b.Sources[i], b.IDs[i]
	if !source.Escaped && !id.Escaped {
		return key.Identity(b.Raw(source), b.Raw(id), scratch)
	}
	return key.Identity(appendUnescaped(nil, b.Raw(source)), appendUnescaped(nil, b.Raw(id)), scratch)
}
