package trigger

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// behindEvery is the time between two polls of a shard that has more records. Kinesis allows five polls a second.
//
// Source: Kinesis API Reference, GetRecords.
const behindEvery = 200 * time.Millisecond

// reading is one run. Only its loop uses its fields. Requests and invocations run in goroutines, and send the loop a
// function that applies their result.
type reading struct {
	*Kinesis
	mapping *eventsource.Mapping
	every   time.Duration
	list    time.Duration

	shards   map[eventsource.ShardID]*shard
	listing  bool      // whether a listing runs
	listAt   time.Time // when the next listing is due
	listed   time.Time // when the last complete listing began
	closedAt time.Time // when the loop last saw a shard end; a listing that began earlier may lack the shard's children

	done    chan func() error  // delivers the functions that apply results
	flights int                // the number of goroutines that have yet to send to done
	drains  chan chan struct{} // delivers the requests of Drain
	waiting []drain
}

// drain is a call of Drain that waits.
type drain struct {
	since   time.Time     // when Drain was called
	drained chan struct{} // closed when all records of that time are done
}

func (r *reading) run(ctx context.Context) error {
	requests, cancel := context.WithCancel(ctx)
	err := r.loop(requests)
	cancel()
	// Wait for the running invocations, and keep their results.
	for ; r.flights > 0; r.flights-- {
		if apply := <-r.done; err == nil {
			err = apply()
		}
	}
	return err
}

func (r *reading) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next, err := r.step(ctx)
		if err != nil {
			return err
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case drained := <-r.drains:
			r.waiting = append(r.waiting, drain{time.Now(), drained})
			r.hurry()
		case apply := <-r.done:
			r.flights--
			if err := apply(); err != nil {
				return err
			}
			r.answerDrains()
		}
	}
	return nil
}

// fly runs a function in a goroutine, and then runs the function that it returns in the loop.
func (r *reading) fly(do func() func() error) {
	r.flights++
	go func() { r.done <- do() }()
}

// step starts the listing, invocations and polls that are due. It returns the latest time of the next step.
func (r *reading) step(ctx context.Context) (next time.Time, err error) {
	now := time.Now()
	next = r.startListing(ctx, now)
	started, gaveUp := r.mapping.Invocations(now)
	for _, invocation := range started {
		r.invoke(ctx, invocation)
	}
	if err := r.discard(ctx, gaveUp); err != nil {
		return next, err
	}
	for _, poll := range r.mapping.Polls() {
		s := r.shard(poll.Shard)
		switch {
		case s.polling:
		case s.due.After(now):
			next = earlier(next, s.due)
		default:
			r.poll(ctx, s, poll)
		}
	}
	if at, ok := r.mapping.Wake(now); ok {
		next = earlier(next, at)
	}
	return next, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// invoke invokes the function with one batch.
func (r *reading) invoke(ctx context.Context, invocation eventsource.Invocation) {
	ctx = context.WithoutCancel(ctx)
	r.fly(func() func() error {
		payload := eventsource.AppendEvent(nil, r.Mapping.Source, invocation.Shard, invocation.Records)
		response, err := r.Invoke(ctx, payload)
		result := eventsource.ParseResponse(response, err)
		if err != nil {
			r.Log.WarnContext(
				ctx, "invocation", "stream", r.Stream, "shard", invocation.Shard, "records", len(invocation.Records), "error", err,
			)
		}
		return func() error { return r.finished(ctx, invocation.ID, result) }
	})
}

func (r *reading) finished(ctx context.Context, id eventsource.InvocationID, result eventsource.Result) error {
	r.count(func(c *Counts) {
		c.Invocations++
		switch {
		case result.Outcome == eventsource.Throttled:
			c.Throttled++
		case result.Outcome != eventsource.Returned:
			c.Errors++
		case len(result.Failures) > 0:
			c.Partial++
		}
	})
	gaveUp, err := r.mapping.Finished(id, result, time.Now())
	if err != nil {
		return err
	}
	if err := r.discard(ctx, gaveUp); err != nil {
		return err
	}
	r.keep(r.mapping.Snapshot())
	return nil
}

// discard passes on the records that the mapping gave up. The position is kept only afterwards, because it counts these
// records as done.
func (r *reading) discard(ctx context.Context, gaveUp []eventsource.Discarded) error {
	for _, d := range gaveUp {
		r.count(func(c *Counts) { c.Discarded += len(d.Records) })
	}
	switch {
	case len(gaveUp) == 0:
	case r.Discard != nil:
		if err := r.Discard(context.WithoutCancel(ctx), gaveUp); err != nil {
			return fmt.Errorf("discard records: %w", err)
		}
	default:
		for _, d := range gaveUp {
			r.Log.ErrorContext(ctx, "records given up", "stream", r.Stream, "shard", d.Shard,
				"condition", d.Condition, "records", len(d.Records), "from", d.Records[0].Sequence)
		}
	}
	return nil
}

// hurry makes the listing and all polls due now.
func (r *reading) hurry() {
	r.listAt = time.Time{}
	for _, s := range r.shards {
		s.due = time.Time{}
	}
}

func (r *reading) answerDrains() {
	var waiting []drain
	for _, d := range r.waiting {
		if r.drained(d.since) {
			close(d.drained)
		} else {
			waiting = append(waiting, d)
		}
	}
	r.waiting = waiting
}

// drained reports whether all records that were in the stream at a time are done. For this, a listing must have begun
// after that time, a poll of each shard that began after it must have found no more records, and all records that were
// read must be done.
func (r *reading) drained(since time.Time) bool {
	if r.listed.Before(since) || r.listed.Before(r.closedAt) {
		return false
	}
	for _, s := range r.mapping.Snapshot().Shards {
		if !s.Drained && (s.Position.From == eventsource.AtSequence || r.shard(s.ID).tip.Before(since)) {
			return false
		}
	}
	return true
}
