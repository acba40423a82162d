package eventsource

import (
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/event"
)

// ShardID is the name of a shard: "shardId-000000000006".
type ShardID string

// Shard is a shard in a listing: its name, and the one or two shards that it was split or merged from.
type Shard struct {
	ID      ShardID
	Parents []ShardID
}

// Sequence is a Kinesis sequence number.
type Sequence = event.Sequence

const maxSequenceDigits = 129

// validateSequence returns an error unless s is a sequence number: 1 to 129 decimal digits.
//
// Source: Amazon Kinesis API Reference, SequenceNumber (pattern 0|([1-9]\d{0,128})).
func validateSequence(s Sequence) error {
	if len(s) == 0 || len(s) > maxSequenceDigits {
		return fmt.Errorf("sequence number %q has %d characters, want 1 to %d decimal digits", s, len(s), maxSequenceDigits)
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return fmt.Errorf("sequence number %q: character %d is %q, want decimal digits only", s, i, s[i])
		}
	}
	return nil
}

// Record is one record of a shard, as Kinesis stores it. A retry delivers the same fields as the first delivery. Data
// is shared, never copied: neither the code that passes a record in nor the code that gets it may change it.
type Record struct {
	PartitionKey string
	Sequence     Sequence
	Data         []byte
	// Arrival is ApproximateArrivalTimestamp. It has millisecond precision and is not ordered within a shard.
	Arrival time.Time
}

// From says where reading begins, in the words of Kinesis' ShardIteratorType.
type From string

// AtSequence and AfterSequence need a sequence number; the others must not have one.
const (
	TrimHorizon   From = "TRIM_HORIZON"          // the oldest record that the shard still has
	Latest        From = "LATEST"                // the first record put after reading began
	AtSequence    From = "AT_SEQUENCE_NUMBER"    // the record with the sequence number, or the next one
	AfterSequence From = "AFTER_SEQUENCE_NUMBER" // the record after the sequence number
)

// Position says where to begin reading a shard. The zero value is not a valid position.
type Position struct {
	From     From     `json:"from"`
	Sequence Sequence `json:"sequence,omitempty"`
}

func (p Position) validate() error {
	switch p.From {
	case TrimHorizon, Latest:
		if p.Sequence != "" {
			return fmt.Errorf("position %s has the sequence number %q, want none", p.From, p.Sequence)
		}
		return nil
	case AtSequence, AfterSequence:
		return validateSequence(p.Sequence)
	}
	return fmt.Errorf("position %q is unknown, want %s, %s, %s or %s", p.From, TrimHorizon, Latest, AtSequence,
		AfterSequence)
}

// admits says whether a record with the sequence number s may follow p.
func (p Position) admits(s Sequence) bool {
	switch p.From {
	case AtSequence:
		return s.Compare(p.Sequence) >= 0
	case AfterSequence:
		return s.Compare(p.Sequence) > 0
	}
	return true
}
