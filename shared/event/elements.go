package event

import "iter"

// Elements yields the elements of an array, in order. Damaged text ends them with a missing value.
func (b *Batch) Elements(array Value) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		text := b.Data[:array.End-1] // without the closing bracket
		for i := int(array.Start) + 1; i < len(text); i++ {
			v, after := valueAt(text, i)
			if !yield(v) || after < 0 || after == len(text) {
				return
			}
			if i = after; text[i] != ',' || i+1 == len(text) {
				yield(Value{})
				return
			}
		}
	}
}

// Below returns the value at the end of a path that begins at v, or a missing value. The path leads through objects
// only.
func (b *Batch) Below(v Value, path Path) Value {
	for _, name := range path {
		if v.Kind != Object {
			return Value{}
		}
		v = b.member(v, name)
	}
	return v
}

// member returns the value of a member of an object, or a missing value.
func (b *Batch) member(object Value, name string) Value {
	text := b.Data[:object.End-1] // without the closing bracket
	for i := int(object.Start) + 1; i < len(text) && text[i] == '"'; i++ {
		end, isEscaped := closing(text, i+1)
		if end < 0 || end+1 >= len(text) || text[end+1] != ':' {
			break
		}
		v, after := valueAt(text, end+len(`":`))
		if isEscaped && string(appendUnescaped(nil, text[i+1:end])) == name || string(text[i+1:end]) == name {
			return v
		}
		if i = after; i < 0 || i >= len(text) || text[i] != ',' {
			break
		}
	}
	return Value{}
}

// valueAt reads the value at i, and returns the index after it. Of damaged text it returns a missing value and -1.
func valueAt(text []byte, i int) (v Value, after int) {
	v = Value{Start: uint32(i), Kind: kindAt(text, i)}
	switch v.Kind {
	case Missing:
		return Value{}, -1
	case String:
		end, isEscaped := closing(text, i+1)
		if end < 0 {
			return Value{}, -1
		}
		return Value{Start: uint32(i + 1), End: uint32(end), Kind: String, Escaped: isEscaped}, end + 1
	}
	if after = pastValue(text, i); after < 0 {
		return Value{}, -1
	}
	v.End = uint32(after)
	return v, after
}
