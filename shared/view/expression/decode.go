package expression

import (
	"strconv"

	"github.com/anabranch/anabranch/shared/event"
)

// number is a JSON number as CEL has it: an integer when its text is one that fits into 64 bits, else a double.
type number struct {
	isInt bool
	i     int64
	f     float64
}

// parseNumber reads the text of a JSON number. A double out of range is an infinity, which compares as the number would.
func parseNumber(text []byte) number {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) > 18 {
		return parseLongNumber(text)
	}
	var n int64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return parseLongNumber(text)
		}
		n = n*10 + int64(c)
	}
	if len(digits) < len(text) {
		n = -n
	}
	return number{isInt: true, i: n}
}

func parseLongNumber(text []byte) number {
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return number{isInt: true, i: i}
	}
	// The text is a JSON number, so its range is all that can be wrong, and f is then infinite.
	f, _ := strconv.ParseFloat(string(text), 64)
	return number{f: f}
}

// maxDepth bounds the recursion of decode: deeper than any event is.
const maxDepth = 64

// decode makes the Go value that the CEL interpreter takes for a JSON value: nil, bool, int64, float64, string, []any or map[string]any. It is not
// ok when the text is no JSON, as far as that shows on the way.
func decode(b *event.Batch, v event.Value) (value any, ok bool) {
	d := decoder{batch: b, at: int(v.Start), end: int(v.End)}
	if v.Kind == event.String {
		text, _ := b.Text(v, nil)
		return string(text), true
	}
	value = d.value(maxDepth)
	return value, !d.broken && d.at == d.end
}

// decoder reads compact JSON in a batch's data, from at to end.
type decoder struct {
	batch   *event.Batch
	at, end int
	broken  bool
}

// next is the byte that comes next; 0 at the end.
func (d *decoder) next() byte {
	if d.at >= d.end {
		return 0
	}
	return d.batch.Data[d.at]
}

// take reads one byte if it is c.
func (d *decoder) take(c byte) bool {
	if d.next() != c {
		return false
	}
	d.at++
	return true
}

func (d *decoder) fail() any {
	d.broken = true
	return nil
}

func (d *decoder) value(depth int) any {
	if depth == 0 || d.broken {
		return d.fail()
	}
	switch d.next() {
	case '{':
		d.at++
		return d.object(depth)
	case '[':
		d.at++
		return d.array(depth)
	case '"':
		d.at++
		return d.text()
	case 't':
		return d.word("true", true)
	case 'f':
		return d.word("false", false)
	case 'n':
		return d.word("null", nil)
	}
	return d.number()
}

func (d *decoder) object(depth int) any {
	object := map[string]any{}
	if d.take('}') {
		return object
	}
	for {
		if !d.take('"') {
			return d.fail()
		}
		name := d.text()
		if !d.take(':') {
			return d.fail()
		}
		object[name] = d.value(depth - 1)
		if d.take('}') {
			return object
		}
		if d.broken || !d.take(',') {
			return d.fail()
		}
	}
}

func (d *decoder) array(depth int) any {
	array := []any{}
	if d.take(']') {
		return array
	}
	for {
		array = append(array, d.value(depth-1))
		if d.take(']') {
			return array
		}
		if d.broken || !d.take(',') {
			return d.fail()
		}
	}
}

// text reads a string from after its opening quote.
func (d *decoder) text() string {
	v := event.Value{Start: uint32(d.at), Kind: event.String}
	for d.at < d.end {
		switch d.batch.Data[d.at] {
		case '"':
			v.End = uint32(d.at)
			d.at++
			text, _ := d.batch.Text(v, nil)
			return string(text)
		case '\\':
			v.Escaped = true
			d.at++
		}
		d.at++
	}
	d.fail()
	return ""
}

func (d *decoder) word(word string, value any) any {
	if d.end-d.at < len(word) || string(d.batch.Data[d.at:d.at+len(word)]) != word {
		return d.fail()
	}
	d.at += len(word)
	return value
}

func (d *decoder) number() any {
	start := d.at
	for d.at < d.end {
		switch c := d.batch.Data[d.at]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			d.at++
			continue
		}
		break
	}
	if d.at == start {
		return d.fail()
	}
	n := parseNumber(d.batch.Data[start:d.at])
	if n.isInt {
		return n.i
	}
	return n.f
}
