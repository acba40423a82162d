// Package archive is the contract of the master dataset: objects under ordered keys that are written once and never
// change. It defines the keys of all that the archive holds: events by slot, rejected events, records set aside, and
// each run's manifest and identities. It also defines the format of the layout.
//
// It knows nothing of S3 or files. shared/memory, shared/dirarchive and shared/aws/s3archive implement it.
package archive

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrExists means that the key already holds an object; nothing was written. Do not retry.
	ErrExists = errors.New("object exists already")
	// ErrNotFound means that the key holds no object.
	ErrNotFound = errors.New("object not found")
)

// Archive keeps objects that are written once and never change.
//
// Every answer, including ErrExists and ErrNotFound, carries the store's own clock (S3: the Date header), so that
// callers can detect a wrong clock of their own. The time is zero when there was no answer.
//
// Calls: safe for concurrent use. Put, Get and List are consistent: a call that starts after a Put has returned sees
// its object.
type Archive interface {
	// Put creates an object. When it returns nil, the object is durable.
	//
	// Errors: ErrExists: the key is taken, perhaps by an earlier try of this very call. Any other: the object may or
	// may not have been written; retrying is safe. When ctx ends, Put gives up, but the object may still appear later.
	Put(ctx context.Context, key Key, body []byte) (date time.Time, err error)

	// Get returns a whole object, which the caller owns.
	//
	// Errors: ErrNotFound. Any other is retryable.
	Get(ctx context.Context, key Key) (body []byte, date time.Time, err error)

	// List returns the first objects with from <= key < to, at most limit of them, in the byte order of their keys.
	// Fewer than limit means that there are no more. The next page starts at the last key's After. Errors are
	// retryable.
	List(ctx context.Context, from, to Key, limit int) (objects []Object, date time.Time, err error)
}

// Object is one entry of a listing.
type Object struct {
	Key  Key   `json:"key"`
	Size int64 `json:"size"` // bytes as stored
}
