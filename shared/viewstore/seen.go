package viewstore

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
)

// SeenItem is what speed remembers of some records of one lane, which one invocation considered: duplicate memory, and
// receipt that their requests were streamed. The lane, the last sequence number and the first name it.
//
// Source: docs/design.md 3.3 and 3.5.
type SeenItem struct {
	Lane     event.Lane
	Records  []SeenRecord // in order, at least one
	Recorded int64        // when it was written, Unix milliseconds by the writer's clock; it bounds how far back is read, and no verdict
	Expires  int64        // Unix seconds: the store may drop the item at any time after
}

// SeenRecord is lines of one request that stand together in one record: all of the record, as ingest packs it.
type SeenRecord struct {
	Sequence   event.Sequence
	Line       int // of the record, the first of these
	Request    ulid.ULID
	Identities []uint64 // a keyed hash per line
}

// MaxSeenBytes is what every store takes as one seen item, by SeenRecord.MaxBytes of its records. DynamoDB's limit is
// 400 KB.
const MaxSeenBytes = 380_000

// MaxBytes bounds what the record takes of a seen item: 8 bytes per identity, and no more than 85 besides, of which
// most records use 60.
func (r SeenRecord) MaxBytes() int { return 85 + 8*len(r.Identities) }

// First and Last are the sequence numbers of the item's first and last record.
func (s SeenItem) First() event.Sequence { return s.Records[0].Sequence }

// Last is First's neighbour.
func (s SeenItem) Last() event.Sequence { return s.Records[len(s.Records)-1].Sequence }

// Seen keeps seen items.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Seen interface {
	// Put writes an item of at most MaxSeenBytes. One with the same name holds the same records; writing it again
	// replaces it.
	//
	// Errors: it may or may not have been written; writing again is safe. On nil it is durable.
	Put(ctx context.Context, item SeenItem) error

	// After returns the lane's items whose last record comes after the given one, in order of their last record.
	After(ctx context.Context, lane event.Lane, last event.Sequence) ([]SeenItem, error)

	// Since returns the lane's newest items, down to the first one that was recorded before the given instant, which is
	// left out, in order of their last record.
	Since(ctx context.Context, lane event.Lane, recorded int64) ([]SeenItem, error)

	// Newest calls each with the lane's items one by one, in the opposite order of their last record, until it returns false. The item is each's own for
	// the time of the call: no more than a few are held at once, however many there are.
	Newest(ctx context.Context, lane event.Lane, each func(SeenItem) (more bool)) error
}
