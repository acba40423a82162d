package handler

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// scan is decode for events as Lambda writes them: members that it knows, each once, and strings of printable ASCII
// without escapes. It finds the end of a string by its quote, so it takes a fraction of decode's time. ok is false for
// any other payload, also for one that is no event: decode must read it and say what is wrong.
//
// Source: Lambda Developer Guide, Kinesis record event.
func scan(payload []byte) (records []stream.Record, oldest time.Time, ok bool) {
	s := scanner{left: payload, decoded: make([]byte, 0, base64.StdEncoding.DecodedLen(len(payload)))}
	ok = s.object([]string{"Records"}, func(int) bool { return s.records() })
	s.skipSpace()
	return s.read, s.oldest, ok && len(s.left) == 0
}

// The members of a record, and those of its member kinesis. The switches of record and kinesis go by their places.
var (
	recordMembers = []string{
		"kinesis", "eventSource", "eventVersion", "eventID", "eventName", "invokeIdentityArn", "awsRegion", "eventSourceARN",
	}
	kinesisMembers = []string{
		"partitionKey", "sequenceNumber", "data", "approximateArrivalTimestamp", "kinesisSchemaVersion", "encryptionType",
	}
)

type scanner struct {
	left    []byte // of the payload
	decoded []byte // the data of all records
	read    []stream.Record
	oldest  time.Time
}

func (s *scanner) records() bool {
	if !s.next('[') {
		return false
	}
	if s.next(']') {
		return true
	}
	for {
		s.read = append(s.read, stream.Record{})
		r := &s.read[len(s.read)-1]
		ok := s.object(recordMembers, func(member int) bool {
			if member == 0 {
				return s.object(kinesisMembers, func(member int) bool { return s.kinesis(member, r) })
			}
			text, ok := s.text()
			return ok && isPlain(text)
		})
		if !ok || !isSequence(string(r.Sequence)) {
			return false
		}
		if !s.next(',') {
			return s.next(']')
		}
	}
}

// kinesis reads a member of kinesis.
func (s *scanner) kinesis(member int, r *stream.Record) bool {
	if kinesisMembers[member] == "approximateArrivalTimestamp" {
		return s.arrival(r)
	}
	text, ok := s.text()
	switch {
	case !ok:
		return false
	case kinesisMembers[member] == "data":
		return s.data(text, r)
	case !isPlain(text):
		return false
	}
	switch kinesisMembers[member] {
	case "partitionKey":
		if n := len(s.read); n > 1 && s.read[n-2].PartitionKey == string(text) {
			r.PartitionKey = s.read[n-2].PartitionKey // an invocation has few, so they share their memory
		} else {
			r.PartitionKey = string(text)
		}
	case "sequenceNumber":
		r.Sequence = event.Sequence(text)
	}
	return true
}

// data decodes a record's data. The decoder skips line ends, which are invalid in JSON, so then the length is another.
func (s *scanner) data(text []byte, r *stream.Record) bool {
	start := len(s.decoded)
	padding := len(text) - len(bytes.TrimRight(text, "="))
	var err error
	s.decoded, err = base64.StdEncoding.AppendDecode(s.decoded, text)
	r.Data = s.decoded[start:len(s.decoded):len(s.decoded)]
	return err == nil && len(r.Data) == len(text)/4*3-padding
}

// arrival reads a number of seconds since 1970.
func (s *scanner) arrival(r *stream.Record) bool {
	s.skipSpace()
	n := 0
	for n < len(s.left) && (s.left[n]-'0' <= 9 || s.left[n] == '.') {
		n++
	}
	text := string(s.left[:n])
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || text[0] == '0' || text[0] == '.' || text[n-1] == '.' {
		return false
	}
	s.left = s.left[n:]
	at := timeOf(seconds)
	r.Put = event.MillisOf(at)
	if s.oldest.IsZero() || at.Before(s.oldest) {
		s.oldest = at
	}
	return true
}

// object reads an object with some of the named members, and passes the place of each name to value, which reads the
// value.
func (s *scanner) object(names []string, value func(member int) bool) bool {
	if !s.next('{') {
		return false
	}
	seen := 0
	for {
		name, _ := s.text()
		member := slices.IndexFunc(names, func(known string) bool { return string(name) == known })
		if member < 0 || seen&(1<<member) != 0 || !s.next(':') || !value(member) {
			return false
		}
		seen |= 1 << member
		if !s.next(',') {
			return s.next('}')
		}
	}
}

// text reads a string that ends at the next quote.
func (s *scanner) text() (text []byte, ok bool) {
	if !s.next('"') {
		return nil, false
	}
	text, s.left, ok = bytes.Cut(s.left, []byte{'"'})
	return text, ok
}

// isPlain reports whether a string's text in JSON is its meaning.
func isPlain(text []byte) bool {
	return !slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c > '~' || c == '\\' })
}

// next reads a byte, if it comes next behind white space.
func (s *scanner) next(c byte) bool {
	s.skipSpace()
	if len(s.left) == 0 || s.left[0] != c {
		return false
	}
	s.left = s.left[1:]
	return true
}

func (s *scanner) skipSpace() {
	for len(s.left) > 0 && (s.left[0] == ' ' || s.left[0] == '\n' || s.left[0] == '\r' || s.left[0] == '\t') {
		s.left = s.left[1:]
	}
}
