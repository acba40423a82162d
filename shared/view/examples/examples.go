// Package examples turns events that a user has written into the lines that ingest would archive.
//
// Place in the flow: the tools for definitions fold these lines in this process, with the code that folds the archive.
package examples

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
)

// maxEvents is the maximum number of events of one text: a stamp has no larger index.
const maxEvents = event.MaxIndex + 1

// Lines validates the events of a text, one JSON object a line, and returns the lines that ingest would archive if they
// had arrived in one request at the given time. A rejected event has no line.
//
// Errors: the text has more than a million events. Not retryable.
func Lines(text []byte, arrival time.Time) (lines []byte, rejected []event.Rejection, err error) {
	limits := event.DefaultLimits()
	limits.Events = maxEvents
	validated, err := event.Validate(event.Lines, text, limits)
	if err != nil {
		return nil, nil, err
	}
	var request ulid.ULID
	if err := request.SetTime(uint64(arrival.UnixMilli())); err != nil {
		return nil, nil, fmt.Errorf("arrival %s: %w", arrival, err)
	}
	for i, e := range validated.Accepted {
		lines = event.AppendLine(lines, e.JSON, event.Stamp{Request: request, Index: i})
	}
	return lines, validated.Rejected, nil
}
