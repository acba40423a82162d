// Package send turns files of events into requests and the server's answers into counts and reasons, line by line.
//
// It stands at the start of the flow: it reads NDJSON as a stream, cuts it below the limits of ingest, remembers which line each event
// came from, and has the requests posted, a few at a time. It does not look into an event (ingest judges), knows no HTTP and prints
// nothing.
package send

import (
	"fmt"
	"io"
)

// Limits are what one request may hold.
type Limits struct {
	Events     int // per request, at least 1
	Bytes      int // of lines with their ends, per request, before compression; at least EventBytes + 1
	EventBytes int // of one line, without its end
}

// ServerLimits are the limits of ingest (docs/design.md 3.1): 1,000 events, 4 MB and 256 KB. Bytes is below 4 MB however that is counted.
func ServerLimits() Limits { return Limits{Events: 1000, Bytes: 4_000_000, EventBytes: 256 << 10} }

// Origin is where an event came from. Its text is "file:line".
type Origin struct {
	Name string
	Line int64 // 1 for the first
}

func (o Origin) String() string { return fmt.Sprintf("%s:%d", o.Name, o.Line) }

// Rejection is one event that was not accepted.
type Rejection struct {
	Origin
	ID      string // "" when it could not be read
	Code    string // "too_large"
	Pointer string // JSON pointer into the event; "" for the whole
	Detail  string
}

// TooLarge is the code of a line above Limits.EventBytes, which is rejected here and never sent; ingest gives the same.
const TooLarge = "too_large"

// Batch is the next stretch of the input: the events of one request, and the lines among them that are too long to be sent.
type Batch struct {
	Origins []Origin // of each event of Body, in order
	Body    []byte   // NDJSON, every line ended; empty when no line of the stretch can be sent
	TooLong []Unsent // in order
	Read    int64    // stored bytes of all sources read so far
}

// Unsent is a line that is rejected without being sent.
type Unsent struct {
	Before int // the event of the batch that it stands before
	Rejection
}

// Splitter cuts sources into batches. Every line that is not blank stands in exactly one of them, in order. Not safe for concurrent use.
type Splitter struct {
	sources []Source
	limits  Limits

	name   string // of the open source; lines is nil when none is
	lines  *lines
	close  func() error
	held   []byte // a line that did not fit the batch before; valid until the next read
	read   int64
	failed error // given back once the lines before it are
}

// NewSplitter reads the sources one after the other, each opened when its turn comes. Close it after use.
func NewSplitter(sources []Source, limits Limits) *Splitter {
	return &Splitter{sources: sources, limits: limits}
}

// Next is the next batch. Errors: io.EOF after the last; *InputError when a source cannot be read, after every whole line before that.
func (s *Splitter) Next() (Batch, error) {
	var b Batch
	for s.failed == nil && len(b.Origins) < s.limits.Events && len(b.TooLong) < s.limits.Events {
		if !s.add(&b) {
			break
		}
	}
	b.Read = s.read
	if len(b.Origins)+len(b.TooLong) == 0 {
		return Batch{}, s.failed
	}
	return b, nil
}

// Close closes the source that is open, if any.
func (s *Splitter) Close() error {
	if s.lines == nil {
		return nil
	}
	s.lines = nil
	return s.close()
}

// add puts the next line into b; false when it does not fit, or when there is none (failed is set then).
func (s *Splitter) add(b *Batch) bool {
	text := s.held
	if text == nil {
		next, ok := s.next()
		switch {
		case !ok:
			return false
		case next.long:
			b.TooLong = append(b.TooLong, Unsent{len(b.Origins), s.tooLong(next.size)})
			return true
		case len(next.text) == 0:
			return true
		}
		text = next.text
	}
	if s.held = nil; len(b.Body)+len(text)+1 > s.limits.Bytes {
		s.held = text
		return false
	}
	b.Body = append(append(b.Body, text...), '\n')
	b.Origins = append(b.Origins, s.origin())
	return true
}

func (s *Splitter) origin() Origin { return Origin{s.name, s.lines.number} }

func (s *Splitter) tooLong(size int64) Rejection {
	return Rejection{Origin: s.origin(), Code: TooLarge,
		Detail: fmt.Sprintf("the line has %d bytes, an event may have %d; not sent", size, s.limits.EventBytes)}
}

// next is the next line of all sources; false sets failed.
func (s *Splitter) next() (line, bool) {
	for {
		if s.lines == nil && !s.open() {
			return line{}, false
		}
		next, err := s.lines.next()
		if err == nil {
			return next, true
		}
		number := s.lines.number
		if closing := s.Close(); err == io.EOF {
			err = closing
		}
		if err != nil {
			s.failed = &InputError{s.name, number, err}
			return line{}, false
		}
	}
}

// open opens the next source; false sets failed.
func (s *Splitter) open() bool {
	if len(s.sources) == 0 {
		s.failed = io.EOF
		return false
	}
	source := s.sources[0]
	s.sources, s.name = s.sources[1:], source.Name
	stored, err := source.Open()
	if err != nil {
		s.failed = &InputError{Name: source.Name, Err: err}
		return false
	}
	text, release, err := decompressed(counted{stored, &s.read})
	if err != nil {
		s.failed = &InputError{Name: source.Name, Err: closed(stored, err)}
		return false
	}
	s.lines = newLines(text, s.limits.EventBytes)
	s.close = func() error { release(); return stored.Close() }
	return true
}

// closed closes what could not be used; err is why, and says more than an error of closing it.
func closed(c io.Closer, err error) error {
	if closing := c.Close(); closing != nil {
		return fmt.Errorf("%w (and close: %v)", err, closing)
	}
	return err
}
