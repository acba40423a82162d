package cost

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/view"
)

// Sample is events, and the views that count them.
type Sample struct {
	Definitions []view.Definition
	events      []event.Accepted
	bytes       int // of the events, as clients send them
}

// NewSample validates events, one JSON object a line.
//
// Errors: there is no event, ingest would reject one, or there are too many. Not retryable.
func NewSample(definitions []view.Definition, text []byte) (*Sample, error) {
	limits := event.DefaultLimits()
	limits.Events = event.MaxIndex + 1
	validated, err := event.Validate(event.Lines, text, limits)
	switch {
	case err != nil:
		return nil, err
	case len(validated.Rejected) > 0:
		return nil, fmt.Errorf("ingest would reject %d of the events, for example number %d: %s", len(validated.Rejected),
			validated.Rejected[0].Index+1, validated.Rejected[0].Detail)
	case len(validated.Accepted) == 0:
		return nil, errors.New("there are no events: give a sample of some thousand")
	}
	return &Sample{Definitions: definitions, events: validated.Accepted, bytes: len(text)}, nil
}

// Events is the number of events of the sample.
func (s *Sample) Events() int { return len(s.events) }

// Uncounted returns the views that count none of the events, so that their items are not in a bill.
//
// Errors: those of the fold. Not retryable.
func (s *Sample) Uncounted() (names []view.Name, err error) {
	requests, err := s.requests(len(s.events))
	if err != nil {
		return nil, err
	}
	folded, err := fold.Lines(s.Definitions, requests[0])
	for _, v := range folded {
		if v.Folded == 0 {
			names = append(names, v.Definition.Name)
		}
	}
	return names, err
}

// requests stamps the events as ingest does when they come in requests of a size, and returns the lines of each
// request.
func (s *Sample) requests(size int) (requests [][]byte, err error) {
	chance := rand.NewChaCha8([32]byte{}) // the bill of a sample is always the same
	var request ulid.ULID
	for i, e := range s.events {
		if i%size == 0 {
			if request, err = ulid.New(uint64(begin), chance); err != nil {
				return nil, err
			}
			requests = append(requests, nil)
		}
		lines := &requests[len(requests)-1]
		*lines = event.AppendLine(*lines, e.JSON, event.Stamp{Request: request, Index: i % size})
	}
	return requests, nil
}

// begin is the arrival of the first event: the start of a day, so that pages and slots begin with it.
const begin event.Millis = 1_767_225_600_000 // 2026-01-01T00:00:00Z

// fold reads the lines of requests for the fold.
func (s *Sample) fold(requests [][]byte) (*fold.Events, error) {
	var lines []byte
	for _, r := range requests {
		lines = append(lines, r...)
	}
	return fold.NewEvents(s.Definitions, lines)
}

// sizes adds what the requests take in archive and stream.
func (m Measured) sizes(s *Sample, l Load, requests [][]byte, lanes []int) error {
	codec, err := setting.Default().NewCodec()
	if err != nil {
		return err
	}
	var archived, records, in, out, payload, billed, first float64
	for _, lines := range requests {
		events := 0
		byLane := map[int][]byte{}
		for rest := lines; len(rest) > 0; events++ {
			end := lineEnd(rest)
			lane := lanes[int(first)+events]
			byLane[lane] = append(byLane[lane], rest[:end]...)
			rest = rest[end:]
		}
		first += float64(events)
		archived += float64(len(codec.Compress(nil, lines)))
		sent := float64(s.bytes) * float64(events) / float64(len(s.events))
		billed += float64(int(sent)/apiUnit + 1)
		for _, of := range byLane {
			size := len(codec.Compress(nil, of))
			records++
			in += float64((size + 1023) / 1024)
			out += float64(size) / 1024
			payload += float64((size + payloadUnit - 1) / payloadUnit)
		}
	}
	n, q := float64(len(s.events)), float64(len(requests))
	m["archived"], m["in_kb"], m["out_kb"], m["payload_units"] = archived/n, in/n, out/n, payload/n
	m["records"], m["api_units"] = records/q, billed/q
	return nil
}

// What the HTTP API and a provisioned stream bill as one unit, in bytes.
const (
	apiUnit     = 512 << 10
	payloadUnit = 25 << 10
)

func lineEnd(lines []byte) int {
	for i, c := range lines {
		if c == '\n' {
			return i + 1
		}
	}
	return len(lines)
}
