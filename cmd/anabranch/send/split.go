// Package send turns files of events into requests, and the server's answers into counts and reasons per line.
//
// It stands at the start of the flow. It reads NDJSON as a stream, cuts it into requests within the limits of ingest,
// remembers the line of each event, and posts several requests at a time. It does not look into events (ingest
// validates them), does not know HTTP, and prints nothing.
package send

import (
	"fmt"
	"io"
)

// Limits bounds one request.
type Limits struct {
	Events     int // maximum number of events, at least 1
	Bytes      int // maximum size of the lines with their ends, uncompressed; at least EventBytes + 1
	EventBytes int // maximum size of one line, without its end
}

// ServerLimits returns the limits of ingest (docs/design.md 3.1): 1,000 events, 4 MB and 256 KB. Its Bytes is below 4
// MB in either meaning, decimal or binary.
func ServerLimits() Limits { return Limits{Events: 1000, Bytes: 4_000_000, EventBytes: 256 << 10} }

// Origin is the place of an event in the input. Its text is "file:line".
type Origin struct {
	Name string
	Line int64 // line number, from 1
}

func (o Origin) String() string { return fmt.Sprintf("%s:%d", o.Name, o.Line) }

// Rejection is one event that was not accepted, and the reason.
type Rejection struct {
	Origin
	ID      string // "" if it could not be read
	Code    string // "too_large"
	Pointer string // JSON pointer into the event; "" for the whole
	Detail  string
}

// TooLarge is the code of a line above Limits.EventBytes. Send rejects such a line itself and never posts it; ingest
// uses the same code.
const TooLarge = "too_large"

// Batch is the next part of the input: the events of one request, and the lines among them that are too long to send.
type Batch struct {
	Origins []Origin // one for each event of Body, in order
	Body    []byte   // NDJSON, every line with its end; empty if no line can be sent
	TooLong []Unsent // in order
	Begun   []Begun  // the sources that begin in this batch, in order
	Read    int64    // stored bytes read from all sources so far
}

// Begun is a source whose first lines are in a batch.
type Begun struct {
	Name     string
	From, To int  // its events in the batch: [From, To)
	TooLong  int  // its lines that are too long to send
	GoesOn   bool // whether it may have more lines, in the next batch

	plain string // command that writes its plain text
	start []byte // start of its plain text
}

// Unsent is a line that was rejected without being sent.
type Unsent struct {
	Before int // index of the event in the batch that follows the line
	Rejection
}

// Splitter cuts sources into batches. Every line that is not blank is in exactly one of them, in order. It is not safe
// for concurrent use.
type Splitter struct {
	sources []Source
	limits  Limits

	name    string // name of the open source; lines is nil if none is open
	lines   *lines
	opening *opening
	plain   string // command that writes its plain text
	unseen  bool   // whether no batch has lines of it
	close   func() error
	held    []byte // a line that did not fit into the last batch; valid until the next read
	read    int64
	failed  error    // returned after all lines before it
	blank   []string // names of the sources that ended without a line to send
}

// NewSplitter returns a splitter that reads the sources one after another and opens each when its turn comes. Close it
// after use.
func NewSplitter(sources []Source, limits Limits) *Splitter {
	return &Splitter{sources: sources, limits: limits}
}

// Next returns the next batch. Errors: io.EOF after the last; *InputError if a source cannot be read, after every whole
// line before that.
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
	if n := len(b.Begun); n > 0 {
		b.Begun[n-1].GoesOn = s.lines != nil && !s.unseen
	}
	return b, nil
}

// Blank returns the names of the sources that have no line to send, once Next has returned io.EOF.
func (s *Splitter) Blank() []string { return s.blank }

// Close closes the source that is open, if any.
func (s *Splitter) Close() error {
	if s.lines == nil {
		return nil
	}
	s.lines = nil
	return s.close()
}

// add adds the next line to b. It returns false if the line does not fit, or if there is none; then it sets failed.
func (s *Splitter) add(b *Batch) bool {
	text := s.held
	if text == nil {
		next, ok := s.next()
		switch {
		case !ok:
			return false
		case next.long:
			s.begin(b)
			b.TooLong = append(b.TooLong, Unsent{len(b.Origins), s.tooLong(next.size)})
			if n := len(b.Begun); n > 0 {
				b.Begun[n-1].TooLong++
			}
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
	s.begin(b)
	b.Body = append(append(b.Body, text...), '\n')
	b.Origins = append(b.Origins, s.origin())
	if n := len(b.Begun); n > 0 {
		b.Begun[n-1].To = len(b.Origins)
	}
	return true
}

// begin notes in b that a line of the open source follows, if it is the first, and what its text begins with.
func (s *Splitter) begin(b *Batch) {
	if s.unseen {
		at := len(b.Origins)
		b.Begun = append(b.Begun, Begun{Name: s.name, From: at, To: at, plain: s.plain})
		s.unseen = false
	}
	if n := len(b.Begun); n > 0 {
		b.Begun[n-1].start = s.opening.start
	}
}

func (s *Splitter) origin() Origin { return Origin{s.name, s.lines.number} }

func (s *Splitter) tooLong(size int64) Rejection {
	return Rejection{Origin: s.origin(), Code: TooLarge,
		Detail: fmt.Sprintf("the line has %d bytes, the maximum is %d; not sent", size, s.limits.EventBytes)}
}

// next returns the next line of all sources; false sets failed.
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
		if err == io.EOF && s.unseen {
			s.blank = append(s.blank, s.name)
		}
		if closing := s.Close(); err == io.EOF {
			err = closing
		}
		if err != nil {
			s.failed = &InputError{s.name, number, err}
			return line{}, false
		}
	}
}

// open opens the next source. If there is none, or on an error, it returns false and sets failed.
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
	text, unpack, release, err := decompressed(&counted{r: stored, read: &s.read})
	if err != nil {
		s.failed = &InputError{Name: source.Name, Err: closed(stored, err)}
		return false
	}
	s.opening, s.plain, s.unseen = &opening{r: text}, source.plain(unpack), true
	s.lines = newLines(s.opening, s.limits.EventBytes)
	s.close = func() error { release(); return stored.Close() }
	return true
}

// closed closes a source that cannot be used and returns err, the reason, with the error of closing if there is one.
func closed(c io.Closer, err error) error {
	if closing := c.Close(); closing != nil {
		return fmt.Errorf("%w (and close: %v)", err, closing)
	}
	return err
}
