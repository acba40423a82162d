package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// Republisher publishes archived events to the stream again. All fields are required. It is safe for concurrent use.
type Republisher struct {
	Archive archive.Archive // the Republisher only reads it
	Stream  stream.Publisher
	Codec   *event.Codec
	Layout  archive.Layout
	MaxAge  time.Duration // events older than this are never put into the stream; default 72 h
	Tries   int           // number of attempts at publishing
	Now     func() time.Time
}

// ErrCannotRepublish means that the request can never succeed. Do not retry it.
var ErrCannotRepublish = errors.New("cannot be republished")

// ErrNoObject means that the archive has no object of the requested key. It comes with ErrCannotRepublish.
var ErrNoObject = errors.New("the archive has no such object")

// ErrTooOld means that the events are older than MaxAge, so they must not enter the stream any more: the seen items
// that show whether a copy was counted may have expired. Do not retry.
var ErrTooOld = errors.New("too old to be put into the stream")

// Republish publishes the archived lines of some lanes of one object unchanged: same stamps, same bytes. If the first
// records had reached the stream after all, the stream then holds the lines twice, with the same identities.
//
// Errors: ErrCannotRepublish, ErrTooOld: do not retry. Any other error: retry.
func (r *Republisher) Republish(ctx context.Context, request stream.Republish) error {
	lanes, err := r.parseLanes(request.Lanes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotRepublish, err)
	}
	key := archive.Key(request.Object)
	slot, id, err := archive.ParseEventsKey(key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotRepublish, err)
	}
	if !r.Layout.Streams(slot) {
		return fmt.Errorf("%w: %s arrived before layout %d began at %s, so batch and replay count its events",
			ErrCannotRepublish, key, r.Layout.Number, r.Layout.Begins)
	}
	all, err := r.read(ctx, key)
	if err != nil {
		return err
	}
	p := publisher{r.Stream, r.Codec, r.Tries}
	entries := p.records(all.only(lanes))
	// Check the age last, so that nothing but the put comes after the check.
	if age := r.Now().Sub(ulid.Time(id.Time())); age > r.MaxAge {
		return fmt.Errorf(
			"%w: %s arrived %s ago, maximum is %s; rebuild the Kappa views that are marked as incomplete", ErrTooOld, key,
			age.Round(time.Second), r.MaxAge,
		)
	}
	if left, err := p.send(ctx, entries); len(left) > 0 {
		return fmt.Errorf("stream did not take %d of %d records of %s: %w", len(left), len(entries), key, err)
	}
	return nil
}

// parseLanes parses the names of lanes of the layout.
func (r *Republisher) parseLanes(names []string) (map[event.Lane]bool, error) {
	lanes := map[event.Lane]bool{}
	for _, name := range names {
		lane, err := event.ParseLane(name)
		if err != nil {
			return nil, err
		}
		if lane.Layout != r.Layout.Number || lane.Count != r.Layout.Lanes {
			return nil, fmt.Errorf(
				"lane %s does not belong to layout %d, which has %d lanes", lane, r.Layout.Number, r.Layout.Lanes,
			)
		}
		lanes[lane] = true
	}
	if len(lanes) == 0 {
		return nil, errors.New("the request names no lanes: name at least one")
	}
	return lanes, nil
}

// read gets the lines of an object with their lanes.
func (r *Republisher) read(ctx context.Context, key archive.Key) (lines, error) {
	body, err := r.get(ctx, key)
	if err != nil {
		return lines{}, err
	}
	data, err := r.Codec.Decompress(nil, body)
	if err != nil {
		return lines{}, fmt.Errorf("%w: %s: %w", ErrCannotRepublish, key, err)
	}
	var batch event.Batch
	if err := event.NewFields(nil).Scan(data, &batch); err != nil {
		return lines{}, fmt.Errorf("%w: %s: %w", ErrCannotRepublish, key, err)
	}
	out := lines{data: batch.Data}
	var identity event.Identity
	var scratch []byte
	for i, span := range batch.Lines {
		identity, scratch = batch.Identity(i, r.Layout.HashKey, scratch)
		out.ends = append(out.ends, int(span.End)+1)
		out.lanes = append(out.lanes, r.Layout.Lane(identity))
	}
	return out, nil
}

// get gets an object. Without the right to list the whole bucket, S3 answers 403 for a key that holds no object. So
// after any failure get asks for the key in a listing, which S3 answers for a role that may list the events.
//
// Source: S3 API Reference, GetObject, permissions: "If you don't have the s3:ListBucket permission, Amazon S3 returns
// an HTTP status code 403 error."
func (r *Republisher) get(ctx context.Context, key archive.Key) ([]byte, error) {
	body, _, err := r.Archive.Get(ctx, key)
	if err == nil {
		return body, nil
	}
	if !errors.Is(err, archive.ErrNotFound) {
		found, _, listErr := r.Archive.List(ctx, key, key.After(), 1)
		if listErr != nil || len(found) > 0 {
			return nil, fmt.Errorf("get %s: %w", key, err)
		}
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrCannotRepublish, key, ErrNoObject)
}

// only returns the lines of the given lanes.
func (l lines) only(lanes map[event.Lane]bool) lines {
	var out lines
	l.each(func(lane event.Lane, line []byte) {
		if lanes[lane] {
			out.data = append(out.data, line...)
			out.ends = append(out.ends, len(out.data))
			out.lanes = append(out.lanes, lane)
		}
	})
	return out
}

// Lanes returns the names of all lanes of the layout, for an object whose missing lanes are unknown.
func (r *Republisher) Lanes() []string {
	names := make([]string, r.Layout.Lanes)
	for n := range names {
		names[n] = event.Lane{Layout: r.Layout.Number, Count: r.Layout.Lanes, N: n}.String()
	}
	return names
}
