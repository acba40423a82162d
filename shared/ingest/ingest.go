// Package ingest is the layer that takes events in. It validates each event, stamps the accepted ones, writes them to
// the archive (the commit point), publishes them to the stream, and answers per event. It also republishes archived
// objects whose records may have missed the stream.
//
// It knows no view and no item.
package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// Ingest accepts requests. All exported fields are required. It is safe for concurrent use.
type Ingest struct {
	Archive archive.Archive
	Stream  stream.Publisher
	Queue   stream.Queue
	Codec   *event.Codec
	Layout  archive.Layout
	Limits  event.Limits

	MaxBody      int           // most bytes of a request's decoded body
	CommitWithin time.Duration // longest time from a request's arrival until the archive has put its object
	ClockMargin  clock.Margin  // the most by which the store's clock may differ from this machine's
	Tries        int           // number of attempts at publishing, and at the archive put

	Now        func() time.Time
	NewRequest func(arrival time.Time) (ulid.ULID, error) // returns a ULID that was never made before
	Log        *slog.Logger

	scratch sync.Pool // of *scratch
}

// Request is the body of one request, with the headers that say how to decode it.
type Request struct {
	ContentType     string
	ContentEncoding string
	Body            []byte
}

// Answer counts the accepted events, which are durable, and lists the rejected ones.
type Answer struct {
	Accepted int               `json:"accepted"`
	Rejected []event.Rejection `json:"rejected"`
}

// These are the errors of Accept. With ErrMediaType, ErrTooLarge and ErrMalformed the whole request is wrong: do not
// retry it unchanged. With ErrUnavailable the service failed: retry the request unchanged.
var (
	ErrMediaType   = errors.New("unsupported media type")
	ErrTooLarge    = errors.New("request too large")
	ErrMalformed   = errors.New("malformed request")
	ErrUnavailable = errors.New("events could not be made durable in time; send them again as they are")
)

// Accept validates and stores the events of one request. It returns after the accepted events are durable.
//
// Errors: ErrMediaType, ErrTooLarge, ErrMalformed: the request is wrong, and nothing was stored. ErrUnavailable: no
// event is acknowledged, although the events may have become durable; sending them again with the same identities is
// safe.
func (in *Ingest) Accept(ctx context.Context, r Request) (Answer, error) {
	mode, err := modeOf(r.ContentType)
	if err != nil {
		return Answer{}, err
	}
	body, err := in.inflate(r)
	if err != nil {
		return Answer{}, err
	}
	validated, err := event.Validate(mode, body, in.Limits)
	if errors.Is(err, event.ErrTooManyEvents) {
		return Answer{}, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	arrival := in.Now()
	request, err := in.NewRequest(arrival)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := in.keep(ctx, request, arrival, validated); err != nil {
		return Answer{}, err
	}
	return Answer{Accepted: len(validated.Accepted), Rejected: nonNil(validated.Rejected)}, nil
}

// keep makes the events of a request durable and publishes them. From the put on, nothing depends on who asked: a
// client that goes away neither leaves a put in doubt nor delays an event that is durable.
func (in *Ingest) keep(ctx context.Context, request ulid.ULID, arrival time.Time, validated event.Validated) error {
	ctx, cancel := withoutClient(ctx)
	defer cancel()
	if len(validated.Accepted) > 0 {
		memory, ok := in.scratch.Get().(*scratch)
		if !ok {
			memory = &scratch{}
		}
		defer in.scratch.Put(memory)
		lines := in.stamp(memory, request, validated.Accepted)
		slot := in.Layout.Slot.Of(event.Stamp{Request: request})
		key := archive.EventsKey(slot, request)
		if err := in.commit(ctx, key, arrival, lines.packed); err != nil {
			return err
		}
		if in.Layout.Streams(slot) { // else batch and replay count the events
			in.publish(ctx, key, in.publisher().records(lines))
		}
	}
	if len(validated.Rejected) > 0 {
		in.keepRejected(ctx, request, validated)
	}
	return nil
}

// withoutClient returns a context that the cancellation of ctx does not reach. It keeps the deadline of ctx, by which
// the platform ends the function.
func withoutClient(ctx context.Context) (context.Context, context.CancelFunc) {
	on := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(on, deadline)
	}
	return context.WithCancel(on)
}

// scratch is memory that one request after another reuses. Stores may keep what they are given, so they get none of it.
type scratch struct {
	lines          lines
	packed, hashed []byte
}

// lines holds the stamped lines of a request in one piece, with the end and the lane of each line.
type lines struct {
	data   []byte
	ends   []int
	lanes  []event.Lane
	packed []byte // data as one frame of zstd; nil: not made
}

func (in *Ingest) stamp(memory *scratch, request ulid.ULID, accepted []event.Accepted) lines {
	out := &memory.lines
	out.data, out.ends, out.lanes = out.data[:0], out.ends[:0], out.lanes[:0]
	stamper := event.NewStamper(request)
	var identity event.Identity
	for i, a := range accepted {
		out.data = stamper.AppendLine(out.data, a.JSON, i)
		out.ends = append(out.ends, len(out.data))
		if in.Layout.Lanes > 1 { // else every identity has the same lane
			identity, memory.hashed = in.Layout.HashKey.Identity(a.Source, a.ID, memory.hashed)
		}
		out.lanes = append(out.lanes, in.Layout.Lane(identity))
	}
	memory.packed = in.Codec.Compress(memory.packed[:0], out.data)
	out.packed = bytes.Clone(memory.packed)
	return *out
}

// commit writes the request's object.
func (in *Ingest) commit(ctx context.Context, key archive.Key, arrival time.Time, body []byte) error {
	deadline := arrival.Add(in.CommitWithin)
	ctx, cancel := context.WithTimeout(ctx, deadline.Sub(in.Now()))
	defer cancel()
	var err error
	for range in.Tries {
		// A frozen function may thaw late, so check the deadline right before the put.
		if now := in.Now(); !now.Before(deadline) {
			return fmt.Errorf("%w: %s after arrival", ErrUnavailable, now.Sub(arrival))
		}
		var date time.Time
		// Commit point: once the object exists, its events are durable and batch will count them. A crash after it leaves
		// events that are archived but not published, which the sweep repairs.
		if date, err = in.Archive.Put(ctx, key, body); err == nil || errors.Is(err, archive.ErrExists) {
			// The key holds this request's ULID, so an object that exists is our own, put by an earlier try.
			return in.acknowledge(date, deadline)
		}
	}
	return fmt.Errorf("%w: put %s: %w", ErrUnavailable, key, err)
}

// acknowledge returns an error when the put succeeded too late: batch may have listed the slot already.
func (in *Ingest) acknowledge(date, deadline time.Time) error {
	now := in.Now()
	if !now.Before(deadline) {
		return fmt.Errorf("%w: the archive answered %s too late", ErrUnavailable, now.Sub(deadline))
	}
	if err := in.ClockMargin.Check(now, date); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

func (in *Ingest) publisher() publisher { return publisher{in.Stream, in.Codec, in.Tries} }

// publish puts the records into the stream or, when that fails, into the republish queue. The events are durable
// either way; only their live visibility is late.
func (in *Ingest) publish(ctx context.Context, key archive.Key, entries []stream.Entry) {
	left, err := in.publisher().send(ctx, entries)
	if len(left) == 0 {
		return
	}
	request := stream.Republish{Object: string(key)}
	for _, e := range left {
		if name := e.Lane.String(); !slices.Contains(request.Lanes, name) {
			request.Lanes = append(request.Lanes, name)
		}
	}
	in.Log.WarnContext(
		ctx, "stream did not take records; queueing them", "object", key, "lanes", request.Lanes, "error", err,
	)
	if err := in.Queue.Enqueue(ctx, request); err != nil {
		// This is a known limit: the answer does not wait for the stream. The sweep finds objects without a receipt.
		in.Log.ErrorContext(
			ctx, "republish queue did not take the request; batch will show its events", "object", key, "error", err,
		)
	}
}

// rejectedLine is one line of a rejected object.
type rejectedLine struct {
	event.Rejection
	Original string `json:"original"` // the event as received; Bytes holds it instead when it is not UTF-8
	Bytes    []byte `json:"original_base64,omitempty"`
}

// keepRejected writes the rejected events to the archive with the reasons, so that somebody can correct and resend
// them. The answer lists them in any case, so a failure here is logged and fails nothing else.
func (in *Ingest) keepRejected(ctx context.Context, request ulid.ULID, validated event.Validated) {
	var out []byte
	for i, r := range validated.Rejected {
		text, err := json.Marshal(newRejectedLine(r, validated.Originals[i]))
		if err != nil {
			in.Log.ErrorContext(ctx, "rejected event cannot be encoded", "code", r.Code, "error", err)
			continue
		}
		out = append(append(out, text...), '\n')
	}
	key := archive.RejectedKey(request)
	if _, err := in.Archive.Put(ctx, key, in.Codec.Compress(nil, out)); err != nil && !errors.Is(err, archive.ErrExists) {
		in.Log.ErrorContext(
			ctx, "rejected events were not stored", "object", key, "events", len(validated.Rejected), "error", err,
		)
	}
}

func nonNil(r []event.Rejection) []event.Rejection {
	if r == nil {
		return []event.Rejection{}
	}
	return r
}
