// Package archive is the contract of the master dataset: create-once objects under ordered keys, with the keys and formats of what is kept
// there: events by slot, rejected events, records set aside, and of each run its manifest and identities.
//
// It knows nothing of S3 or files; shared/memory, shared/dirarchive and shared/aws/s3archive keep it.
package archive

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrExists: the key holds an object already; nothing was written.
	ErrExists = errors.New("object exists already")
	// ErrNotFound: the key holds no object.
	ErrNotFound = errors.New("object not found")
)

// Archive keeps objects that are written once and never change.
//
// Every answer, also ErrExists and ErrNotFound, carries the store's own clock (S3: the Date header), so that callers can tell a wrong clock
// of their own; it is zero when there was no answer.
//
// Calls: safe for concurrent use. Put, Get and List are consistent: what was put is seen by every call that starts after it returned.
type Archive interface {
	// Put creates an object.
	//
	// Errors: ErrExists: the key is taken, perhaps by an earlier try of this very call.
	//         Any other: it may or may not have been written; putting again is safe.
	//         When ctx ends, the put is given up, but it may still land later.
	// On nil the object is durable.
	Put(ctx context.Context, key Key, body []byte) (date time.Time, err error)

	// Get returns a whole object, which the caller owns. Errors: ErrNotFound; any other: ask again.
	Get(ctx context.Context, key Key) (body []byte, date time.Time, err error)

	// List returns the first objects with from <= key < to, in the byte order of their keys, at most limit of them; fewer than limit means
	// that there are no more. The next page starts at the last key's After.
	List(ctx context.Context, from, to Key, limit int) (objects []Object, date time.Time, err error)
}

// Object is one entry of a listing.
type Object struct {
	Key  Key   `json:"key"`
	Size int64 `json:"size"` // bytes as stored
}
