// Package stream is the contract of the fast way from ingest to speed: records in lanes, and the queue of those that could not be
// published yet. What a record holds is zstd NDJSON of lines of its lane; the package does not look inside.
package stream

import (
	"context"

	"github.com/anabranch/anabranch/shared/event"
)

// MaxRecord bounds the data of one record: Kinesis takes 1 MiB with the partition key.
const MaxRecord = 1<<20 - 256

// Entry is a record to be published.
type Entry struct {
	Lane event.Lane // the partition key, sent with its ExplicitHashKey
	Data []byte     // at most MaxRecord bytes
}

// Record is an entry as the stream delivers it. Within a lane, sequence numbers grow.
type Record struct {
	PartitionKey string // the lane's name, unless somebody else wrote to the stream
	Sequence     event.Sequence
	Data         []byte
}

// Publisher puts records into the stream.
type Publisher interface {
	// Publish puts the entries, in any order and not atomically: it returns the indexes of those that were not put. On an error any of them
	// may or may not have been put. Putting an entry again makes a second record: harmless, for its events carry their identities.
	//
	// Calls: safe for concurrent use. What was put is durable and will be delivered at least once.
	Publish(ctx context.Context, entries []Entry) (failed []int, err error)
}

// Republish asks that lanes of one archived object be published: they are durable, but have not reached the stream for certain.
type Republish struct {
	Object string   `json:"object"` // archive key
	Lanes  []string `json:"lanes"`  // names
}

// Queue keeps republish requests until they were done.
type Queue interface {
	// Enqueue makes the request durable; it is delivered at least once, in any order. On an error it may or may not have been kept.
	Enqueue(ctx context.Context, request Republish) error

	// Waiting is about how many requests wait in the queue, those included that a function works on or that are to be tried again; not those that were
	// given up. Requests that came a moment ago may be missing.
	Waiting(ctx context.Context) (int, error)
}
