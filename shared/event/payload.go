package event

import "github.com/oklog/ulid/v2"

// Payload returns line i without its stamp: the client's event, compacted. Copies of an event with different payloads
// are in conflict.
func (b *Batch) Payload(i int) []byte {
	// A line ends with `,"stamp":"` + stamp + `"}`.
	size := len(`,"stamp":""}`) + ulid.EncodedSize + len("-0")
	for n := b.Stamps[i].Index; n >= 10; n /= 10 {
		size++
	}
	line := b.Lines[i]
	return b.Data[line.Start:max(line.Start, line.End-uint32(size))]
}
