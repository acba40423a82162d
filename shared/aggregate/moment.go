package aggregate

import (
	"cmp"
	"encoding/binary"
)

// moment is the state of first and last: one row of the cell, or none.
type moment struct {
	some     bool
	time     int64 // the event time, in Unix milliseconds
	identity [2]uint64
	value    value
}

const (
	momentBytes = 1 + 1 + 6 + 16 + 1 + 16 // without skipped rows, and with a text of 16 bytes

	maxMomentBytes = 1 + maxCountBytes + 1 + binary.MaxVarintLen64 + 16 + maxValueBytes
)

// compare orders moments by time, and those of one time by identity. Only copies of one event can have both in common.
func (m *moment) compare(o *moment) int {
	return cmp.Or(cmp.Compare(m.time, o.time), cmp.Compare(m.identity[0], o.identity[0]),
		cmp.Compare(m.identity[1], o.identity[1]), m.value.compare(&o.value))
}

// firstMoment and lastMoment are moments that differ in what merge keeps.
type (
	firstMoment struct{ moment }
	lastMoment  struct{ moment }
)

func (m *firstMoment) merge(from *firstMoment, _ int) { m.keep(&from.moment, -1) }
func (m *lastMoment) merge(from *lastMoment, _ int)   { m.keep(&from.moment, +1) }

func (m *firstMoment) decode(enc []byte, _ int) ([]byte, error) {
	return m.moment.decode(enc, firstTag)
}
func (m *lastMoment) decode(enc []byte, _ int) ([]byte, error) { return m.moment.decode(enc, lastTag) }

func (m *moment) bytes() int { return 64 + len(m.value.text) }

// keep replaces m by other where there is none yet, or where other compares to m as it has to.
func (m *moment) keep(other *moment, replaces int) {
	if other.some && (!m.some || other.compare(m) == replaces) {
		*m = *other
	}
}

// addMoment is keep for a row. It copies the text only if the row is kept.
func (m *moment) addMoment(rows *Rows, i, replaces int) {
	time, identity, scalar := rows.Times[i], rows.Identities[i], &rows.Columns[0].Scalars[i]
	if order := cmp.Compare(time, m.time); m.some && order == -replaces {
		return
	}
	m.keep(&moment{true, time, identity, value{scalar.Kind, string(scalar.Text)}}, replaces)
}

// appendEncoded appends 0 where there is no row. Otherwise it appends 1, the time as a signed varint, the identity, 16
// bytes, and the value.
func (m *moment) appendEncoded(dst []byte, _ int) []byte {
	if !m.some {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(append(dst, 1), m.time)
	dst = binary.BigEndian.AppendUint64(dst, m.identity[0])
	dst = binary.BigEndian.AppendUint64(dst, m.identity[1])
	return m.value.appendEncoded(dst)
}

func (m *moment) decode(enc []byte, of tag) (rest []byte, err error) {
	*m = moment{}
	if len(enc) == 0 || enc[0] > 1 {
		return nil, corrupt(of, "the encoding does not say whether there is a value")
	}
	m.some, rest = enc[0] == 1, enc[1:]
	if !m.some {
		return rest, nil
	}
	time, n := binary.Varint(rest)
	if n <= 0 || n > 1 && rest[n-1] == 0 {
		return nil, corrupt(of, "time: not a varint in its shortest form")
	}
	if m.time, rest = time, rest[n:]; len(rest) < 16 {
		return nil, corrupt(of, "the encoding ends inside its identity")
	}
	m.identity = [2]uint64{binary.BigEndian.Uint64(rest), binary.BigEndian.Uint64(rest[8:])}
	kind, text, rest, err := readValue(rest[16:], of)
	m.value = value{kind, string(text)}
	return rest, err
}

func (m *moment) appendPresented(dst []byte) []byte {
	if !m.some {
		return append(dst, "null"...)
	}
	return m.value.appendJSON(dst)
}

// usable reports whether a state can keep a scalar.
func usable(s *Scalar) bool { return s.OK && len(s.Text) <= MaxText }
