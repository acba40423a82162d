package event

import (
	"cmp"
	"strings"
)

// Sequence is a record's sequence number in the stream: up to 129 decimal digits without leading zeros, ordered by
// length, then as text. It grows along a lane, also across a reshard. The empty Sequence comes before every record.
//
// Source: Kinesis API Reference, SequenceNumber; docs/design.md 2 (applied position).
type Sequence string

// Compare is negative when s comes before t.
func (s Sequence) Compare(t Sequence) int {
	if c := cmp.Compare(len(s), len(t)); c != 0 {
		return c
	}
	return strings.Compare(string(s), string(t))
}
