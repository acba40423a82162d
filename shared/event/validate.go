package event

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Mode is how the events are laid out in a body.
type Mode int

// The modes, by their media types.
const (
	Structured Mode = iota // application/cloudevents+json: one JSON object
	Batched                // application/cloudevents-batch+json: a JSON array of objects, possibly empty
	// application/x-ndjson: one object per line; blank lines are skipped, a line may end with "\r\n"
	Lines
)

// Limits are the limits that Validate enforces. Every field must be positive.
type Limits struct {
	EventBytes  int // bytes of one event as sent, from its '{' to its '}'
	Events      int // events in one body, rejected ones included
	Depth       int // nesting of objects and arrays; the event itself is level 1
	NumberBytes int // bytes in the text of one number
	Members     int // members in all objects of one event together
	Tokens      int // JSON tokens in one event: names, scalars, opening and closing brackets
	IDBytes     int // bytes of the attribute id, without its escapes
	SourceBytes int // bytes of the attribute source, without its escapes
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

// Code says why an event was rejected. Programs depend on codes, so codes never change.
type Code string

// The codes of a Rejection.
const (
	MalformedJSON    Code = "malformed_json"    // not JSON (RFC 8259), or not a JSON object
	InvalidUTF8      Code = "invalid_utf8"      // also: half of a surrogate pair
	DuplicateKey     Code = "duplicate_key"     // an object has a member twice, at any level
	LimitExceeded    Code = "limit_exceeded"    // a limit of Limits other than EventBytes and Events
	TooLarge         Code = "too_large"         // larger than Limits.EventBytes
	MissingAttribute Code = "missing_attribute" // specversion, id, source or type is absent or null
	InvalidAttribute Code = "invalid_attribute" // an attribute has a wrong type, value or name
)

// Rejection describes the first fault in the text of one event.
type Rejection struct {
	Index int    `json:"index"`        // index of the event in its body, from 0
	ID    string `json:"id,omitempty"` // id of the event, where it has one that is readable
	Code  Code   `json:"code"`         // kind of fault
	// Place of the fault, RFC 6901; empty: the whole event. At most 512 bytes: a longer pointer stops at an outer
	// container.
	Pointer string `json:"pointer,omitempty"`
	Detail  string `json:"detail"` // for people: what is wrong and what would be right
}

// Accepted is one valid event.
type Accepted struct {
	Index      int    // index of the event in its body, from 0
	JSON       []byte // the object without white space between tokens; the text of numbers and strings is unchanged
	Source, ID []byte // the text of the attributes, without JSON escapes
}

// Validated is the result for the events of one body. Each list is in the order of the body. Some of its byte slices
// are parts of the body, so they are valid as long as nobody writes to the body.
type Validated struct {
	Accepted  []Accepted
	Rejected  []Rejection
	Originals [][]byte // Originals[i] is the whole text of the event of Rejected[i]
}

// Errors of Validate. Their text says where the fault is and what would be right. Neither is retryable.
var (
	ErrMalformed     = errors.New("malformed body")
	ErrTooManyEvents = errors.New("too many events")
)

// Validate splits a body into its events and validates each one separately: strict JSON (RFC 8259, names unique and
// case-sensitive, UTF-8), the limits, and CloudEvents 1.0.2. It does not detect duplicates.
//
// Errors: ErrMalformed: the body cannot be split into events. In the modes Structured and Batched, the body is not JSON
// or has a wrong value at the top. In the mode Lines every line is separate, so a bad line is a Rejection instead.
// ErrTooManyEvents: more than Limits.Events. After an error there are no results.
//
// Source: docs/design.md 3.1; CloudEvents JSON Event Format 1.0.2.
func Validate(mode Mode, body []byte, limits Limits) (Validated, error) {
	j := validator{body: body[:len(body):len(body)], scanner: scanner{limits: limits, shape: newShape(limits.Depth)}}
	var err error
	switch mode {
	case Structured:
		err = j.structured()
	case Batched:
		err = j.batched()
	case Lines:
		err = j.lines()
	default:
		err = fmt.Errorf("%w: unknown mode %d", ErrMalformed, mode)
	}
	if err != nil {
		return Validated{}, err
	}
	return j.validated, nil
}

// validator is the state of one call of Validate.
type validator struct {
	scanner
	body      []byte
	index     int // of the next event
	validated Validated
}

func (j *validator) structured() error {
	j.text = j.body
	i := afterSpace(j.body, 0)
	if j.at(i) == '[' {
		return j.malformed(syntaxError{i, "'{': the body is one event (an array is application/cloudevents-batch+json)"})
	}
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

func (j *validator) batched() error {
	j.text = j.body
	i := afterSpace(j.body, 0)
	if j.at(i) == '{' {
		return j.malformed(syntaxError{i, "'[': the body is an array of events (one event is application/cloudevents+json)"})
	}
	if j.at(i) != '[' {
		return j.malformed(syntaxError{i, "'[': the body is an array of events"})
	}
	if i = afterSpace(j.body, i+1); j.at(i) == ']' {
		return j.ended(i+1, "nothing after the array of events")
	}
	for {
		end := j.known(i)
		if end < 0 {
			if end = j.value(i); end < 0 {
				return j.malformed(j.broken)
			}
			j.learn(end)
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

func (j *validator) lines() error {
	for start := 0; start < len(j.body); {
		// No value of a known form goes past the end of its line.
		j.text = j.body
		if end := j.known(start); end == len(j.body) || end >= 0 && j.body[end] == '\n' {
			if err := j.settle(start, end); err != nil {
				return err
			}
			start = end + 1
			continue
		}
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

// line validates the event of one line. It ignores a blank line.
func (j *validator) line(start, lineEnd int) error {
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
		j.learn(end)
		return j.settle(i, end)
	}
	return j.unreadable(start, lineEnd)
}

// learn keeps the form of the event that value has read up to end. An event with white space differs from the events
// after it in more than values.
func (j *validator) learn(end int) {
	if j.event.code == "" && j.pending == j.event.start {
		j.forms.learn(j.text[j.event.start:end])
	}
}

// settle files the event from start to end as accepted or rejected.
func (j *validator) settle(start, end int) error {
	e := &j.event
	if e.code != "" {
		return j.rejected(j.text[start:end:end], Rejection{Code: e.code, Pointer: e.pointer, Detail: e.detail})
	}
	if err := j.count(); err != nil {
		return err
	}
	if j.validated.Accepted == nil {
		j.validated.Accepted = make([]Accepted, 0, min(j.limits.Events, 1+2*(len(j.body)/(end-start))))
	}
	j.validated.Accepted = append(j.validated.Accepted,
		Accepted{Index: j.index - 1, JSON: j.result(end), Source: e.envelope.source, ID: e.envelope.id})
	return nil
}

// unreadable files a line that is not a JSON object as rejected.
func (j *validator) unreadable(start, end int) error {
	text := bytes.TrimSuffix(j.body[start:end:end], []byte{'\r'})
	detail := fmt.Sprintf("byte %d of the line: need %s, got %s", j.broken.at-start, j.broken.need,
		got(j.text, j.broken.at))
	return j.rejected(text, Rejection{Code: MalformedJSON, Detail: detail})
}

func (j *validator) rejected(original []byte, r Rejection) error {
	if err := j.count(); err != nil {
		return err
	}
	r.Index, r.ID = j.index-1, string(j.event.envelope.id)
	j.validated.Rejected = append(j.validated.Rejected, r)
	j.validated.Originals = append(j.validated.Originals, original)
	return nil
}

// count gives the event its index.
func (j *validator) count() error {
	if j.index == j.limits.Events {
		return fmt.Errorf("%w: the maximum for one body is %d; split them over several requests", ErrTooManyEvents,
			j.limits.Events)
	}
	j.index++
	return nil
}

// ended returns an error unless only white space is left.
func (j *validator) ended(i int, need string) error {
	if i = afterSpace(j.body, i); i < len(j.body) {
		return j.malformed(syntaxError{i, need})
	}
	return nil
}

func (j *validator) malformed(e syntaxError) error {
	line := 1 + bytes.Count(j.body[:e.at], []byte{'\n'})
	return fmt.Errorf("%w: byte %d (line %d): need %s, got %s", ErrMalformed, e.at, line, e.need, got(j.body, e.at))
}

// got describes the text at i.
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
