package event

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Mode is how a body holds events.
type Mode int

// The modes, by their media types.
const (
	Structured Mode = iota // application/cloudevents+json: one JSON object
	Batched                // application/cloudevents-batch+json: a JSON array of objects, possibly empty
	Lines                  // application/x-ndjson: an object a line; blank lines are skipped, a line may end with "\r\n"
)

// Limits bound what Judge takes. Every field has to be positive.
type Limits struct {
	EventBytes  int // in one event, from its '{' to its '}' as it was sent
	Events      int // in one body, rejected ones too
	Depth       int // of objects and arrays; the event itself is 1
	NumberBytes int // in the text of a number
	Members     int // of all objects of one event
	Tokens      int // in one event: names, scalars, opening and closing brackets
	IDBytes     int // in the attribute id, without its escapes
	SourceBytes int // in the attribute source, without its escapes
}

// DefaultLimits are the limits of the HTTP interface.
func DefaultLimits() Limits {
	return Limits{
		EventBytes:  256 << 10,
		Events:      1000,
		Depth:       32,
		NumberBytes: 40,
		Members:     1000,
		Tokens:      10_000,
		IDBytes:     128,
		SourceBytes: 2048,
	}
}

// Code says why an event was rejected. Programs act on codes, so they do not change.
type Code string

// The codes of a Rejection.
const (
	MalformedJSON    Code = "malformed_json"    // not JSON (RFC 8259), or not a JSON object
	InvalidUTF8      Code = "invalid_utf8"      // also: half of a surrogate pair
	DuplicateKey     Code = "duplicate_key"     // an object has a member twice, at any level
	LimitExceeded    Code = "limit_exceeded"    // one of Limits, but EventBytes and Events
	TooLarge         Code = "too_large"         // Limits.EventBytes
	MissingAttribute Code = "missing_attribute" // absent or null: specversion, id, source or type
	InvalidAttribute Code = "invalid_attribute" // an attribute of a wrong type, value or name
)

// Rejection says what is wrong with one event: the first fault in its text.
type Rejection struct {
	Index   int    `json:"index"`             // of the event in its body, from 0
	ID      string `json:"id,omitempty"`      // where the event has one that can be read
	Code    Code   `json:"code"`              // what kind of fault
	Pointer string `json:"pointer,omitempty"` // where, RFC 6901; empty: the whole event. At most 512 bytes: a longer one ends early
	Detail  string `json:"detail"`            // what is wrong and what would be right, for people
}

// Accepted is one event that is fit to be kept.
type Accepted struct {
	Index      int    // in its body, from 0
	JSON       []byte // the object without white space between tokens; the text of numbers and strings is as it came
	Source, ID []byte // the attributes' text, without JSON escapes
}

// Judged is what became of a body's events, each list in the order of the body. Its bytes are in part those of the body: they hold as long
// as the body is not written to.
type Judged struct {
	Accepted  []Accepted
	Rejected  []Rejection
	Originals [][]byte // Originals[i] is the whole text of the event of Rejected[i]
}

// The errors of Judge, which say where and what would be right.
var (
	ErrMalformed     = errors.New("malformed body")
	ErrTooManyEvents = errors.New("too many events")
)

// Judge splits a body into its events and judges each on its own: strict JSON (RFC 8259, names unique and case-sensitive, UTF-8), the limits,
// and CloudEvents 1.0.2. It does not know whether an event was seen before.
//
// Errors: ErrMalformed, when the body cannot be split: in the modes Structured and Batched, anything but JSON or another value at the top. In
// the mode Lines each line stands alone, and such a line is a Rejection. ErrTooManyEvents, above Limits.Events. No event is judged then.
//
// Source: docs/design.md 3.1; CloudEvents JSON Event Format 1.0.2.
func Judge(mode Mode, body []byte, limits Limits) (Judged, error) {
	j := judge{body: body[:len(body):len(body)], scanner: scanner{limits: limits, shape: newShape(limits.Depth)}}
	var err error
	switch mode {
	case Structured:
		err = j.structured()
	case Batched:
		err = j.batched()
	case Lines:
		err = j.lines()
	default:
		err = fmt.Errorf("%w: mode %d is not known", ErrMalformed, mode)
	}
	if err != nil {
		return Judged{}, err
	}
	return j.judged, nil
}

// judge is one call of Judge.
type judge struct {
	scanner
	body   []byte
	index  int // of the next event
	judged Judged
}

func (j *judge) structured() error {
	j.text = j.body
	i := afterSpace(j.body, 0)
	if j.at(i) != '{' {
		return j.malformed(syntaxError{i, "'{': the body is one event"})
	}
	end := j.value(i)
	if end < 0 {
		return j.malformed(j.broken)
	}
	if err := j.settle(i, end); err != nil {
		return err
	}
	return j.ended(end, "nothing after the event")
}

func (j *judge) batched() error {
	j.text = j.body
	i := afterSpace(j.body, 0)
	if j.at(i) != '[' {
		return j.malformed(syntaxError{i, "'[': the body is an array of events"})
	}
	if i = afterSpace(j.body, i+1); j.at(i) == ']' {
		return j.ended(i+1, "nothing after the array of events")
	}
	for {
		end := j.value(i)
		if end < 0 {
			return j.malformed(j.broken)
		}
		if err := j.settle(i, end); err != nil {
			return err
		}
		i = afterSpace(j.body, end)
		switch j.at(i) {
		case ',':
			i = afterSpace(j.body, i+1)
		case ']':
			return j.ended(i+1, "nothing after the array of events")
		default:
			return j.malformed(syntaxError{i, "',' or ']' after an event"})
		}
	}
}

func (j *judge) lines() error {
	for start := 0; start < len(j.body); {
		end := len(j.body)
		if n := bytes.IndexByte(j.body[start:], '\n'); n >= 0 {
			end = start + n
		}
		if err := j.line(start, end); err != nil {
			return err
		}
		start = end + 1
	}
	return nil
}

// line judges the event of one line, if there is one.
func (j *judge) line(start, lineEnd int) error {
	j.text = j.body[:lineEnd]
	i := afterSpace(j.text, start)
	if i == lineEnd {
		return nil
	}
	end := j.value(i)
	if end >= 0 {
		if after := afterSpace(j.text, end); after < lineEnd {
			end = j.fail(after, "nothing after the event")
		}
	}
	if end >= 0 {
		return j.settle(i, end)
	}
	return j.unreadable(start, lineEnd)
}

// settle files the event that was read from start to end.
func (j *judge) settle(start, end int) error {
	e := &j.event
	if e.code != "" {
		return j.rejected(j.text[start:end:end], Rejection{Code: e.code, Pointer: e.pointer, Detail: e.detail})
	}
	if err := j.count(); err != nil {
		return err
	}
	if j.judged.Accepted == nil {
		j.judged.Accepted = make([]Accepted, 0, min(j.limits.Events, 1+2*(len(j.body)/(end-start))))
	}
	j.judged.Accepted = append(j.judged.Accepted, Accepted{Index: j.index - 1, JSON: j.result(end), Source: e.envelope.source, ID: e.envelope.id})
	return nil
}

// unreadable files a line that is no JSON object.
func (j *judge) unreadable(start, end int) error {
	text := bytes.TrimSuffix(j.body[start:end:end], []byte{'\r'})
	detail := fmt.Sprintf("byte %d of the line: need %s, got %s", j.broken.at-start, j.broken.need, got(j.text, j.broken.at))
	return j.rejected(text, Rejection{Code: MalformedJSON, Detail: detail})
}

func (j *judge) rejected(original []byte, r Rejection) error {
	if err := j.count(); err != nil {
		return err
	}
	r.Index, r.ID = j.index-1, string(j.event.envelope.id)
	j.judged.Rejected = append(j.judged.Rejected, r)
	j.judged.Originals = append(j.judged.Originals, original)
	return nil
}

// count gives the event its index.
func (j *judge) count() error {
	if j.index == j.limits.Events {
		return fmt.Errorf("%w: the body has more than %d; send them in several requests", ErrTooManyEvents, j.limits.Events)
	}
	j.index++
	return nil
}

// ended says whether only white space is left.
func (j *judge) ended(i int, need string) error {
	if i = afterSpace(j.body, i); i < len(j.body) {
		return j.malformed(syntaxError{i, need})
	}
	return nil
}

func (j *judge) malformed(e syntaxError) error {
	line := 1 + bytes.Count(j.body[:e.at], []byte{'\n'})
	return fmt.Errorf("%w: byte %d (line %d): need %s, got %s", ErrMalformed, e.at, line, e.need, got(j.body, e.at))
}

// got shows what stands at i.
func got(text []byte, i int) string {
	if i >= len(text) {
		return "the end"
	}
	r, size := utf8.DecodeRune(text[i:])
	switch {
	case r == '\ufeff':
		return "a byte order mark"
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("the byte 0x%02x, which is not UTF-8", text[i])
	}
	return fmt.Sprintf("%q", r)
}
