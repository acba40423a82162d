package event

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
)

// MaxIndex is the maximum of Stamp.Index. It keeps stamps short, and their parsing free of overflow.
const MaxIndex = 999_999

// Stamp is what ingest adds to an accepted event, once: the ULID of its request and its place among the request's
// accepted events, for example "01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17". Archive and stream carry it unchanged.
//
// Source: docs/design.md 2; https://github.com/ulid/spec.
type Stamp struct {
	Request ulid.ULID
	Index   int
}

// ArrivalOf is when a request arrived: its ULID tells.
func ArrivalOf(request ulid.ULID) Millis { return Millis(request.Time()) }

// Arrival is when the request arrived.
func (s Stamp) Arrival() Millis { return ArrivalOf(s.Request) }

// Time is Arrival as a time in UTC.
func (s Stamp) Time() time.Time { return s.Arrival().Time() }

// Compare orders stamps as the archive does: by request, then by index.
func (s Stamp) Compare(t Stamp) int {
	if c := bytes.Compare(s.Request[:], t.Request[:]); c != 0 {
		return c
	}
	return s.Index - t.Index
}

func (s Stamp) String() string { return string(s.Append(nil)) }

// Append appends the stamp's text to dst.
func (s Stamp) Append(dst []byte) []byte {
	var text [ulid.EncodedSize]byte
	// The only error of MarshalTextTo is a buffer of another size.
	_ = s.Request.MarshalTextTo(text[:])
	dst = append(dst, text[:]...)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, int64(s.Index), 10)
}

// ParseStamp reads only the text that Append writes: one stamp has one text.
func ParseStamp(text []byte) (Stamp, error) {
	const size = ulid.EncodedSize
	if len(text) < size+2 || text[size] != '-' {
		return Stamp{}, fmt.Errorf("invalid stamp %.40q: must be <ULID>-<index>", text)
	}
	var s Stamp
	if err := s.Request.UnmarshalText(text[:size]); err != nil || !upperCrockford(text[:size]) {
		return Stamp{}, fmt.Errorf("invalid stamp %.40q: must begin with a ULID", text)
	}
	var ok bool
	if s.Index, ok = parseIndex(text[size+1:]); !ok {
		return Stamp{}, fmt.Errorf("invalid stamp %.40q: the index must be from 0 to %d", text, MaxIndex)
	}
	return s, nil
}

// parseIndex reads the digits of a number from 0 to MaxIndex, written as strconv writes it.
func parseIndex(digits []byte) (index int, ok bool) {
	if len(digits) == 0 || len(digits) > 6 || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		index = index*10 + int(c-'0')
	}
	return index, true
}

// upperCrockford reports whether text uses only the alphabet of printed ULIDs. The decoder accepts other letters, too.
func upperCrockford(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z' && c != 'I' && c != 'L' && c != 'O' && c != 'U':
		default:
			return false
		}
	}
	return true
}
