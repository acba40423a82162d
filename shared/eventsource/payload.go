package eventsource

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

// Source describes the stream in every record of an event.
type Source struct {
	StreamARN string // "arn:aws:kinesis:us-east-1:123456789012:stream/events"
	Region    string // "us-east-1"
	// RoleARN is the execution role of the function: invokeIdentityArn in the event.
	RoleARN string
}

const (
	eventHead = `{"Records":[`
	eventTail = `]}`
)

// AppendEvent appends to dst the event that Lambda sends for a batch of one shard, with the fields in Lambda's order
// and without white space. Data is standard base64 with padding. approximateArrivalTimestamp is a number of seconds
// with three decimals; finer digits of Arrival are cut off. Bytes of a string that are not UTF-8 become U+FFFD.
//
// Source: AWS Lambda Developer Guide, with-kinesis (example event); github.com/aws/aws-lambda-go, events.KinesisEvent.
func AppendEvent(dst []byte, source Source, shard ShardID, records []Record) []byte {
	middle := appendMiddle(nil, shard)
	tail := appendTail(nil, source)
	dst = append(dst, eventHead...)
	for i := range records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRecord(dst, &records[i], middle, tail)
	}
	return append(dst, eventTail...)
}

const (
	beforeKey      = `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":`
	beforeSequence = `,"sequenceNumber":`
	beforeData     = `,"data":"`
	beforeArrival  = `","approximateArrivalTimestamp":`
)

func appendRecord(dst []byte, r *Record, middle, tail []byte) []byte {
	dst = append(dst, beforeKey...)
	dst = appendString(dst, r.PartitionKey)
	dst = append(dst, beforeSequence...)
	dst = appendString(dst, string(r.Sequence))
	dst = append(dst, beforeData...)
	dst = base64.StdEncoding.AppendEncode(dst, r.Data)
	dst = append(dst, beforeArrival...)
	dst = appendSeconds(dst, r.Arrival)
	dst = append(dst, middle...)
	dst = appendEscaped(dst, string(r.Sequence))
	return append(dst, tail...)
}

// appendMiddle writes the part between the arrival and the second sequence number. It is the same for all records of a
// shard.
func appendMiddle(dst []byte, shard ShardID) []byte {
	dst = append(dst, `},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"`...)
	dst = appendEscaped(dst, string(shard))
	return append(dst, ':')
}

// appendTail writes the part after the eventID.
func appendTail(dst []byte, source Source) []byte {
	dst = append(dst, `","eventName":"aws:kinesis:record","invokeIdentityArn":`...)
	dst = appendString(dst, source.RoleARN)
	dst = append(dst, `,"awsRegion":`...)
	dst = appendString(dst, source.Region)
	dst = append(dst, `,"eventSourceARN":`...)
	dst = appendString(dst, source.StreamARN)
	return append(dst, '}')
}

// appendSeconds writes t as seconds since 1970 with three decimals.
func appendSeconds(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		dst = append(dst, '-')
		ms = -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	part := ms % 1000
	return append(dst, '.', byte('0'+part/100), byte('0'+part/10%10), byte('0'+part%10))
}

// envelope counts bytes of event JSON for the records of one shard, as AppendEvent writes them.
type envelope struct {
	perRecord int // bytes that do not depend on the record, with a comma
}

// perEvent is the size of eventHead and eventTail, minus the comma that the last record does not have.
const perEvent = len(eventHead) + len(eventTail) - 1

func newEnvelope(source Source, shard ShardID) envelope {
	const fixed = len(beforeKey) + len(beforeSequence) + len(beforeData) + len(beforeArrival) + len(",")
	return envelope{perRecord: fixed + len(appendMiddle(nil, shard)) + len(appendTail(nil, source))}
}

func (e envelope) size(r *Record) int {
	var seconds [32]byte
	const quotes = 2 * len(`""`)
	return e.perRecord + quotes + escapedLen(r.PartitionKey) + 2*escapedLen(string(r.Sequence)) +
		base64.StdEncoding.EncodedLen(len(r.Data)) + len(appendSeconds(seconds[:0], r.Arrival))
}

// EventSize returns len(AppendEvent(nil, source, shard, records)) without writing the event.
func EventSize(source Source, shard ShardID, records []Record) int {
	if len(records) == 0 {
		return len(eventHead) + len(eventTail)
	}
	e := newEnvelope(source, shard)
	size := perEvent
	for i := range records {
		size += e.size(&records[i])
	}
	return size
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped writes s as the inside of a JSON string (RFC 8259, section 7).
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	plain := 0
	for i := 0; i < len(s); {
		width, escaped := escapeAt(s, i)
		if width == escaped {
			i += width
			continue
		}
		dst = append(dst, s[plain:i]...)
		switch c := s[i]; {
		case escaped == len(`\n`):
			dst = append(dst, '\\', shortEscape(c))
		case escaped == len(`\u0000`):
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		default:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		i += width
		plain = i
	}
	return append(dst, s[plain:]...)
}

// escapedLen returns the number of bytes that appendEscaped writes for s.
func escapedLen(s string) int {
	size := 0
	for i := 0; i < len(s); {
		width, escaped := escapeAt(s, i)
		size += escaped
		i += width
	}
	return size
}

// escapeAt returns how many bytes the character at i takes in s, and how many it takes in JSON. They differ exactly
// when it must be rewritten: 2 for a short escape, 6 for a \u escape, 3 for U+FFFD in place of a byte that is not
// UTF-8.
func escapeAt(s string, i int) (width, escaped int) {
	c := s[i]
	switch {
	case shortEscape(c) != 0:
		return 1, len(`\n`)
	case c < ' ':
		return 1, len(`\u0000`)
	case c < utf8.RuneSelf:
		return 1, 1
	}
	r, width := utf8.DecodeRuneInString(s[i:])
	if r == utf8.RuneError && width == 1 {
		return 1, utf8.RuneLen(utf8.RuneError)
	}
	return width, width
}

func shortEscape(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	}
	return 0
}
