package event

import (
	"strconv"

	"github.com/oklog/ulid/v2"
)

// AppendLine appends the line that archive and stream keep for an event: its compacted JSON (Accepted.JSON) with the
// stamp as last member, and a line end. This format never changes, since archived events keep it:
//
//	{"specversion":"1.0","id":"a","source":"/s","type":"t","stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17"}
//
// Source: docs/design.md 2, line.
func AppendLine(dst, compact []byte, stamp Stamp) []byte {
	s := NewStamper(stamp.Request)
	return s.AppendLine(dst, compact, stamp.Index)
}

// Stamper appends the lines of one request.
type Stamper [len(stampMember) + ulid.EncodedSize + len("-")]byte // the member stamp, up to the index

// NewStamper makes the Stamper of a request.
func NewStamper(request ulid.ULID) (s Stamper) {
	at := copy(s[:], stampMember)
	// The only error of MarshalTextTo is a buffer of another size.
	_ = request.MarshalTextTo(s[at : at+ulid.EncodedSize])
	s[len(s)-1] = '-'
	return s
}

// AppendLine appends the line of an accepted event, given its index in the stamp.
func (s *Stamper) AppendLine(dst, compact []byte, index int) []byte {
	dst = append(append(dst, compact[:len(compact)-1]...), s[:]...)
	return append(strconv.AppendInt(dst, int64(index), 10), lineEnd...)
}

// The text around the stamp of a line.
const (
	stampMember = `,"stamp":"`
	lineEnd     = "\"}\n"
)
