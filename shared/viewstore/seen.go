package viewstore

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
)

// SeenItem is what one invocation of speed recorded about some records of one lane. It is the memory for finding
// duplicates, and the receipt that the records' requests were streamed. Its name is the lane with the last and the
// first sequence number.
//
// Source: docs/design.md 3.3 and 3.5.
type SeenItem struct {
	Lane    event.Lane
	Records []SeenRecord // at least one, in order
	// Recorded is when the item was written, by the writer's clock. It limits how far back readers read, and decides
	// nothing else.
	Recorded event.Millis
	Expires  Expiry
}

// SeenRecord stands for the lines of one request that are together in one record. Ingest packs a record from one
// request, so usually it is the whole record.
type SeenRecord struct {
	Sequence   event.Sequence
	Line       int // index in the record of the first of these lines
	Request    ulid.ULID
	Identities []event.Identity // one per line
}

// MaxSeenBytes is the maximum size of a seen item in every store: the sum of SeenRecord.MaxBytes over its records.
// DynamoDB's limit is 400 KB.
const MaxSeenBytes = 380_000

// MaxBytes is an upper bound of the record's size in a seen item: 16 bytes per identity and at most 85 more, of which
// most records use 60.
func (r SeenRecord) MaxBytes() int { return 85 + 16*len(r.Identities) }

// First returns the sequence number of the item's first record.
func (s SeenItem) First() event.Sequence { return s.Records[0].Sequence }

// Last returns the sequence number of the item's last record.
func (s SeenItem) Last() event.Sequence { return s.Records[len(s.Records)-1].Sequence }

// Applied says that speed has applied every record of a lane from First to Last, those included, to every set of items
// that is live. A seen item says only that speed has begun: should its records leave the stream before speed has
// applied them, nobody delivers them again. Its name is the lane with the last and the first sequence number.
//
// Source: docs/design.md 3.3.
type Applied struct {
	Lane        event.Lane
	First, Last event.Sequence
	// Recorded is when it was written, by the writer's clock. It limits how far back readers read.
	Recorded event.Millis
	Expires  Expiry
}

// Covers reports whether speed has applied the lane's record with this number.
func (a Applied) Covers(s event.Sequence) bool {
	return a.First.Compare(s) <= 0 && s.Compare(a.Last) <= 0
}

// Seen keeps seen items, and what speed has applied of them.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Seen interface {
	// Put writes an item of at most MaxSeenBytes. An item with the same name holds the same records; writing it again
	// replaces it. When Put returns nil, the item is durable.
	//
	// Errors: the item may or may not have been written; retrying is safe.
	Put(ctx context.Context, item SeenItem) error

	// After returns the lane's items whose last record comes after the given one, in order of their last record.
	After(ctx context.Context, lane event.Lane, last event.Sequence) ([]SeenItem, error)

	// Newest calls each with the lane's items one by one, in the opposite order of their last record, until it returns
	// false. The item is each's own for the time of the call: no more than a few are held at once, however many there are.
	Newest(ctx context.Context, lane event.Lane, each func(SeenItem) (more bool)) error

	// PutApplied writes what speed has applied. Writing it again replaces it. When PutApplied returns nil, it is durable.
	//
	// Errors: it may or may not have been written; retrying is safe.
	PutApplied(ctx context.Context, applied Applied) error

	// NewestApplied calls each with what speed has applied of the lane, in the opposite order of the last records, until
	// it returns false.
	NewestApplied(ctx context.Context, lane event.Lane, each func(Applied) (more bool)) error
}
