// Package stream is the contract of the fast path from ingest to speed: records in lanes, and a queue of records that
// could not be published yet. A record holds lines of its lane, as NDJSON compressed with zstd. The package does not
// look inside.
package stream

import (
	"context"

	"github.com/anabranch/anabranch/shared/event"
)

// MaxRecord is the maximum size of one record's data, in bytes. Kinesis accepts 1 MiB including the partition key.
const MaxRecord = 1<<20 - 256

// Entry is a record to publish.
type Entry struct {
	Lane event.Lane // its name is the partition key; it is sent with its ExplicitHashKey
	Data []byte     // at most MaxRecord bytes
}

// Record is an entry as the stream delivers it. Within a lane, sequence numbers increase.
type Record struct {
	PartitionKey string // the lane's name, unless somebody else wrote to the stream
	Sequence     event.Sequence
	Put          event.Millis // when the stream took it, by the stream's clock; 0: not known
	Data         []byte
}

// Publisher writes records to the stream.
type Publisher interface {
	// Publish writes the entries, in any order and not atomically. It returns the indexes of the entries that were not
	// written. Written entries are durable and will be delivered at least once.
	//
	// Errors: any entry may or may not have been written; retryable. Writing an entry again makes a second record. That
	// is harmless, since its events carry their identities.
	// Calls: safe for concurrent use.
	Publish(ctx context.Context, entries []Entry) (failed []int, err error)
}

// Republish is a request to publish lanes of one archived object: their events are durable, but may not have reached
// the stream.
type Republish struct {
	Object string   `json:"object"` // archive key
	Lanes  []string `json:"lanes"`  // names
}

// Queue keeps republish requests until they are done.
type Queue interface {
	// Enqueue makes the request durable. It is delivered at least once, and requests come in any order. After an error
	// it may or may not have been stored; retrying is safe.
	Enqueue(ctx context.Context, request Republish) error

	// Waiting is about how many requests wait in the queue, those included that a function works on or that are to be
	// tried again; not those that were given up. Requests that came a moment ago may be missing.
	Waiting(ctx context.Context) (int, error)
}
