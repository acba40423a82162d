package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// ErrCannotRepublish: the request can never be done; trying again does not help.
var ErrCannotRepublish = errors.New("cannot be republished")

// Republish publishes the archived lines of some lanes of one object, as they stand: same stamps, same bytes. Records that had reached the
// stream all the same are then there twice, with the same identities.
//
// Errors: ErrCannotRepublish; any other: try again.
func (in *Ingest) Republish(ctx context.Context, request stream.Republish) error {
	lanes, err := in.parseLanes(request.Lanes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotRepublish, err)
	}
	key := archive.Key(request.Object)
	if _, _, err := archive.ParseEventsKey(key); err != nil {
		return fmt.Errorf("%w: %w", ErrCannotRepublish, err)
	}
	all, err := in.read(ctx, key)
	if err != nil {
		return err
	}
	entries := in.records(all.only(lanes))
	if left, err := in.send(ctx, entries); len(left) > 0 {
		return fmt.Errorf("stream did not take %d of %d records of %s: %w", len(left), len(entries), key, err)
	}
	return nil
}

// parseLanes reads the names of lanes of the layout.
func (in *Ingest) parseLanes(names []string) (map[event.Lane]bool, error) {
	lanes := map[event.Lane]bool{}
	for _, name := range names {
		lane, err := event.ParseLane(name)
		if err != nil {
			return nil, err
		}
		if lane.Layout != in.Layout.Number || lane.Count != in.Layout.Lanes {
			return nil, fmt.Errorf("lane %s is none of layout %d, which has %d lanes", lane, in.Layout.Number, in.Layout.Lanes)
		}
		lanes[lane] = true
	}
	if len(lanes) == 0 {
		return nil, errors.New("the request names no lanes")
	}
	return lanes, nil
}

// read gets the lines of an object with their lanes.
func (in *Ingest) read(ctx context.Context, key archive.Key) (lines, error) {
	body, _, err := in.Archive.Get(ctx, key)
	if errors.Is(err, archive.ErrNotFound) {
		return lines{}, fmt.Errorf("%w: %s: %w", ErrCannotRepublish, key, err)
	}
	if err != nil {
		return lines{}, fmt.Errorf("get %s: %w", key, err)
	}
	data, err := in.Codec.Decompress(nil, body)
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
		identity, scratch = batch.Identity(i, in.Layout.HashKey, scratch)
		out.ends = append(out.ends, int(span.End)+1)
		out.lanes = append(out.lanes, in.Layout.Lane(identity))
	}
	return out, nil
}

// only keeps the lines of the given lanes.
func (l lines) only(lanes map[event.Lane]bool) lines {
	var out lines
	start := 0
	for i, end := range l.ends {
		if lanes[l.lanes[i]] {
			out.data = append(out.data, l.data[start:end]...)
			out.ends = append(out.ends, len(out.data))
			out.lanes = append(out.lanes, l.lanes[i])
		}
		start = end
	}
	return out
}

// Lanes names all lanes of the layout: what to republish of an object of which nothing is known.
func (in *Ingest) Lanes() []string {
	names := make([]string, in.Layout.Lanes)
	for n := range names {
		names[n] = event.Lane{Layout: in.Layout.Number, Count: in.Layout.Lanes, N: n}.String()
	}
	return names
}
